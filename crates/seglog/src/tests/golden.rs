//! The bytes on disk are a promise: a segment written today is the one in `tests/golden/`, and that
//! one can be read.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::log::Log;
use crate::options::Options;
use crate::tests::fault::FaultDisk;
use crate::tests::fixture::{open, options, read_all};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/segment-v1.seg");

fn appends() -> [Vec<Bytes>; 2] {
    [vec![Bytes::from_static(b"first")], vec![Bytes::from_static(b"second"), Bytes::new()]]
}

#[tokio::test]
async fn format_version_1_is_byte_for_byte_the_golden_segment() {
    let dir = tempfile::tempdir().unwrap();
    let io = FaultDisk::default();
    io.0.random.store(0x0123_4567_89ab_cdef, Ordering::SeqCst);
    let small = Options { segment_bytes_min: 20 * 1024, ..options(dir.path()) };
    let (log, _) = Log::open(Arc::new(io), &small).unwrap();
    for records in appends() {
        log.append(records).await.unwrap();
    }
    log.close().await;
    let written = fs::read(dir.path().join("00000000000000000001.seg")).unwrap();
    let golden = fs::read(GOLDEN).unwrap();
    let differs = written.iter().zip(&golden).position(|(a, b)| a != b);
    assert_eq!(
        (differs, written.len()),
        (None, golden.len()),
        "the format has changed: it needs a version"
    );
}

#[tokio::test]
async fn the_golden_segment_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(GOLDEN, Path::new(dir.path()).join("00000000000000000001.seg")).unwrap();
    let (log, recovered) = open(dir.path());
    let expected: Vec<_> = (1..).zip(appends().concat()).collect();
    assert_eq!(read_all(&log), expected);
    assert_eq!((recovered.next, recovered.n_torn_bytes, log.log_id()), (4, 0, 0x89ab_cdef));
}

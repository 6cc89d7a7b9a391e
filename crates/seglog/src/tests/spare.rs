//! Segments in the making.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::folder::Folder;
use crate::spare::Spare;
use crate::tests::fault::FaultDisk;

#[test]
fn a_spare_is_made_durable_in_small_pieces() {
    let (dir, io) = (tempfile::tempdir().unwrap(), FaultDisk::default());
    let folder = Folder::new(Arc::new(io.clone()), dir.path().to_owned());
    let spare = Spare::make(&folder, 7 << 20, &AtomicBool::new(false)).unwrap();
    assert_eq!(spare.file.size_bytes().unwrap(), 7 << 20);
    assert_eq!(io.0.unsynced_bytes_max.load(Ordering::SeqCst), 2 << 20, "commits wait behind it");
    assert_eq!(io.0.unsynced_bytes.load(Ordering::SeqCst), 0, "all of it is durable");
}

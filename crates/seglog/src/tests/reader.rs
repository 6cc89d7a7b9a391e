//! Readers: any start, any step, across segments, only what is safe.

use std::fs;

use bytes::Bytes;

use crate::reader::ReadError;
use crate::tests::fixture::{fill, open, read_all, record, segments};

#[tokio::test]
async fn reading_may_start_anywhere_and_in_any_steps() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let mut all = Vec::new();
    for n in 0..40 {
        let records: Vec<_> = (0..=(n % 7)).map(|m| record(n, 100 * m as usize)).collect();
        let (first, _) = log.append(records.clone()).await.unwrap();
        all.extend((first..).zip(records));
    }
    assert!(segments(dir.path()).len() > 1);
    for from in 0..all.len() {
        for bytes_max in [0, 1, 450, 100_000_000] {
            let mut reader = log.reader(from as u64 + 1);
            let part = reader.read(bytes_max).unwrap();
            let n_bytes: usize = part.iter().map(|(_, record)| record.len() + 4).sum();
            assert!(part.len() == 1 || n_bytes <= bytes_max, "{n_bytes} for {bytes_max}");
            assert_eq!(part, all[from..from + part.len()]);
            let rest = reader.read(usize::MAX).unwrap();
            assert_eq!(rest, all[from + part.len()..]);
        }
    }
}

#[tokio::test]
async fn a_reader_at_the_head_goes_on_when_there_is_more() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let (mut early, mut late) = (log.reader(1), log.reader(4));
    let mut head = log.head();
    let mut seen = Vec::new();
    for n in 0..60 {
        assert!(early.read(1000).unwrap().is_empty());
        log.append(vec![record(n, 500)]).await.unwrap();
        assert_eq!(*head.borrow_and_update(), n + 2, "the head moves before the answer");
        seen.extend(early.read(1000).unwrap());
        assert_eq!(late.read(1000).unwrap().len(), usize::from(n >= 3));
    }
    assert_eq!(seen, read_all(&log));
}

#[tokio::test]
async fn records_larger_than_a_chunk_and_far_places_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let mut all = Vec::new();
    for n in 0..6 {
        let records = vec![record(n, 600_000), record(n, 5), Bytes::new(), record(n, 300_000)];
        let (first, _) = log.append(records.clone()).await.unwrap();
        all.extend((first..).zip(records));
    }
    assert_eq!(read_all(&log), all);
    for (at, expected) in all.iter().enumerate() {
        assert_eq!(&log.reader(at as u64 + 1).read(0).unwrap()[0], expected);
    }
}

#[tokio::test]
async fn rot_under_a_running_log_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 5, 1000).await;
    let file = &segments(dir.path())[0];
    let mut bytes = fs::read(file).unwrap();
    let third = 4096 * 3;
    bytes[third + 500] ^= 4;
    fs::write(file, bytes).unwrap();
    let mut reader = log.reader(1);
    assert_eq!(reader.read(usize::MAX).unwrap(), all[..2]);
    for _ in 0..2 {
        let error = reader.read(usize::MAX).unwrap_err();
        assert!(
            matches!(error, ReadError::Corrupt { offset, .. } if offset == third as u64),
            "{error}"
        );
    }
}

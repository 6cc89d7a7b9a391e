//! Small logs in temporary folders, and copies of them as a crash would leave them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use crate::io::{Disk, Io};
use crate::log::Log;
use crate::options::Options;
use crate::recovery::Recovered;
use crate::verdict::OpenError;

/// Small segments that grow once, and no seal but at the close.
pub(crate) fn options(dir: &Path) -> Options {
    Options {
        segment_bytes_min: 32 * 1024,
        segment_bytes_max: 128 * 1024,
        seal_after: Duration::from_hours(1),
        ..Options::new(dir)
    }
}

pub(crate) fn open(dir: &Path) -> (Log, Recovered) {
    try_open(dir, Some(0)).unwrap()
}

pub(crate) fn try_open(dir: &Path, applied: Option<u64>) -> Result<(Log, Recovered), OpenError> {
    Log::open(Arc::new(Disk), &Options { applied, ..options(dir) })
}

pub(crate) fn open_on(io: Arc<dyn Io>, dir: &Path) -> Log {
    Log::open(io, &options(dir)).unwrap().0
}

/// A record of `n_bytes` whose content follows from `n`.
pub(crate) fn record(n: u64, n_bytes: usize) -> Bytes {
    (0..n_bytes as u64).map(|at| (n.wrapping_mul(31) + at * 7 + 1) as u8).collect()
}

/// Appends records one by one; answers what a reader must see.
pub(crate) async fn fill(log: &Log, n_appends: u64, n_bytes: usize) -> Vec<(u64, Bytes)> {
    let mut all = Vec::new();
    for n in 0..n_appends {
        let record = record(n, n_bytes);
        let (first, last) = log.append(vec![record.clone()]).await.unwrap();
        assert_eq!(first, last);
        all.push((first, record));
    }
    all
}

/// All records of the log, from the first one kept.
pub(crate) fn read_all(log: &Log) -> Vec<(u64, Bytes)> {
    let mut reader = log.reader(log.bounds().0);
    let mut all = Vec::new();
    loop {
        let part = reader.read(10_000).unwrap();
        if part.is_empty() {
            return all;
        }
        all.extend(part);
    }
}

/// The folder as it stands, without lock and spares: what a kill leaves behind.
pub(crate) fn snapshot(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for path in segments(dir) {
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// The segment files, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        names.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    paths.sort();
    paths
}

/// Names of files that end like this.
pub(crate) fn n_files(dir: &Path, contains: &str) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().contains(contains)).count()
}

/// Waits until something becomes true; a deadline turns a hang into a failure.
pub(crate) async fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let wait = async {
        while !is_true() {
            tick.tick().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "never: {what}");
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

//! What a log is opened with.

use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// What is kept free on a disk that is large enough. See the room `room`.
pub const RESERVE_BYTES_MAX: u64 = 512 * MIB;

/// Settings of one log. Nothing is decided elsewhere.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log's own folder, made if it is missing.
    pub dir: PathBuf,
    /// The Seq up to which the database has applied this log (0: nothing yet). `None`: the database
    /// could not be asked, and then a start refuses that would have to cut bytes from the log, or to make a new one.
    pub applied: Option<u64>,
    /// Bytes that may wait for the disk, those being written included. Above it `append` answers `Full`.
    pub queue_bytes_max: usize,
    /// Bytes of one append: its records and 4 bytes for each. Above it `append` answers `TooLarge`.
    pub append_bytes_max: usize,
    /// Size of the first segment after a start. A multiple of 4 KiB, at least 16 KiB.
    pub segment_bytes_min: u64,
    /// Segments grow fourfold up to this size. A multiple of 4 KiB.
    pub segment_bytes_max: u64,
    /// Room that is kept for the database, so that it can take what the log still holds: at most so many bytes, and
    /// at most an eighth of the disk. Below it appends are refused. 0: nobody watches the disk.
    pub reserve_bytes_max: u64,
    /// How long the log is idle before its last commit is sealed.
    pub seal_after: Duration,
}

impl Options {
    /// The settings for real use, with a database that has applied nothing yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            applied: Some(0),
            queue_bytes_max: 64 * MIB as usize,
            append_bytes_max: 32 * MIB as usize,
            segment_bytes_min: MIB,
            segment_bytes_max: 64 * MIB,
            reserve_bytes_max: RESERVE_BYTES_MAX,
            seal_after: Duration::from_millis(50),
        }
    }
}

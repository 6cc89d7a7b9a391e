//! What a walk over a log finds: appends that are whole, damage, and segments in numbers.

use std::path::PathBuf;

use bytes::Bytes;

use crate::verdict::OpenError;

/// One thing met on the way, in the order of the log.
#[derive(Debug)]
pub enum Found<'a> {
    /// An append that is whole: Seq of its first record, and its records.
    Records {
        /// Seq of the first.
        first: u64,
        /// How many.
        count: u32,
        /// Each with its length (u32, little-endian) before it.
        payload: &'a Bytes,
    },
    /// Bytes that are no frame, where one should be. Told after the frames of its segment.
    Damage(Damage),
    /// A segment has been walked.
    Segment(&'a SegmentFacts),
}

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// Bytes up to the next good frame, or to the end of the file.
    pub n_bytes: u64,
    /// What is wrong there.
    pub why: String,
    /// First and last Seq of the records that stood there, at most; `None` for the last where nothing tells.
    /// No range at all: no record stood there.
    pub lost: Option<(u64, Option<u64>)>,
    /// Of these, what can still be made out, with the Seq that it should have. Not verified by any checksum.
    pub remains: Vec<(u64, Bytes)>,
}

/// One segment in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The file.
    pub file: PathBuf,
    /// Seq of the first record that it can hold.
    pub base: u64,
    /// The log that it belongs to; `None` if its header is damaged.
    pub log_id: Option<u32>,
    /// Length of the file.
    pub size_bytes: u64,
    /// Up to the end of the last good frame.
    pub used_bytes: u64,
    /// Good frames, seals not counted.
    pub n_frames: u64,
    /// Records in them.
    pub n_records: u64,
    /// Seals.
    pub n_seals: u64,
    /// Seq of the first record and of the last.
    pub seqs: Option<(u64, u64)>,
    /// An older segment's file, used again.
    pub is_recycled: bool,
    /// Bytes of an append that was never finished, at the end of the log. A start cuts them.
    pub n_torn_bytes: u64,
    /// Places that are damaged.
    pub n_damages: u64,
}

/// All of a log.
#[derive(Debug)]
pub struct Survey {
    /// The log's random name; `None` for a log that is not there, or whose headers are all damaged.
    pub log_id: Option<u32>,
    /// First Seq that may be kept; 1 for a log that is not there.
    pub first: u64,
    /// Seq of the next record, as far as good frames tell.
    pub next: u64,
    /// Segments walked.
    pub n_segments: u64,
    /// Records in good frames.
    pub n_records: u64,
    /// Places that are damaged.
    pub n_damages: u64,
    /// Files that hold bytes cut by a start, with their sizes.
    pub torn_files: Vec<(PathBuf, u64)>,
    /// What a start would do: open the log, or refuse, and why.
    pub start: Result<(), OpenError>,
}

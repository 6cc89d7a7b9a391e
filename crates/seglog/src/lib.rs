//! Floor 0: the fsynced segment log. Records go in, each gets a rising Seq, and `append` resolves
//! only once they are on stable storage. The bytes on disk are described in docs/log-format.md.
//!
//! ```text
//! Log::append ─> queue ─> committer (one thread: one write, one fdatasync for all that wait) ─> segment files
//!               ^ room         │ catalog: which segments, how far they are safe
//! Reader::read <──────────────┘
//! Log::open ─> recovery (scan, judge, cut) ─> fresh segment (the tail is persisted again) ─> open for business
//! ```
//!
//! Non-goals: replication, compression, several writers, knowing what a record means.

mod catalog;
mod committer;
mod cursor;
mod findings;
mod folder;
mod frame;
mod io;
mod log;
mod options;
mod poison;
mod queue;
mod reader;
mod rebuild;
mod recovery;
mod room;
mod segment;
mod shared;
#[cfg(any(test, feature = "sim"))]
mod sim;
mod spare;
mod survey;
#[cfg(test)]
mod tests;
mod trim;
mod verdict;
mod wreck;

pub use crate::findings::{Damage, Found, SegmentFacts, Survey};
pub use crate::io::{Disk, File, Io, Lock, Space};
pub use crate::log::Log;
pub use crate::options::{Options, RESERVE_BYTES_MAX};
pub use crate::queue::AppendError;
pub use crate::reader::{ReadError, Reader};
pub use crate::rebuild::{Plan, Rebuilt, exchange, rebuild};
pub use crate::recovery::Recovered;
pub use crate::room::reserve_bytes;
#[cfg(any(test, feature = "sim"))]
pub use crate::sim::{
    disk::SimDisk,
    fuzz::{fuzz_frame, fuzz_recovery},
    plan::{Call, Caller, Fault, Rule},
};
pub use crate::survey::survey;
pub use crate::verdict::OpenError;

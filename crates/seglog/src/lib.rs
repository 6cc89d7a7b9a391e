//! Floor 0: the fsynced segment log. Records go in, each gets a rising Seq, and `append` resolves
//! only once they are on stable storage. The bytes on disk are described in docs/log-format.md.
//!
//! ```text
//! Log::append ─> queue ─> committer (one thread: one write, one fdatasync for all that wait) ─> segment files
//!                             │ catalog: which segments, how far they are safe
//! Reader::read <──────────────┘
//! Log::open ─> recovery (scan, judge, cut) ─> fresh segment (the tail is persisted again) ─> open for business
//! ```
//!
//! Non-goals: replication, compression, several writers, knowing what a record means.

mod catalog;
mod committer;
mod cursor;
mod folder;
mod frame;
mod io;
mod log;
mod options;
mod poison;
mod queue;
mod reader;
mod recovery;
mod segment;
mod shared;
#[cfg(any(test, feature = "sim"))]
mod sim;
mod spare;
#[cfg(test)]
mod tests;
mod trim;
mod verdict;

pub use crate::io::{Disk, File, Io, Lock};
pub use crate::log::Log;
pub use crate::options::Options;
pub use crate::queue::AppendError;
pub use crate::reader::{ReadError, Reader};
pub use crate::recovery::Recovered;
#[cfg(any(test, feature = "sim"))]
pub use crate::sim::{
    disk::SimDisk,
    fuzz::{fuzz_frame, fuzz_recovery},
    plan::{Call, Caller, Fault, Rule},
};
pub use crate::verdict::OpenError;

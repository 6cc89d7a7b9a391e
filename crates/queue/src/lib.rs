//! Floor 1: the durable ordered log between the HTTP edge and the database, behind one trait.
//!
//! [`queue`] is the contract; [`embedded`] (a fsynced log on this machine's disk) and [`memory`] (for
//! tests and throw-away servers) are its drivers; [`offline`] works on a log that nobody appends to. `tests/conformance.rs` is the suite that every driver passes.

mod embedded;
mod error;
mod memory;
mod offline;
mod queue;

#[cfg(test)]
mod tests;

pub use embedded::{EmbeddedOptions, EmbeddedQueue, RESERVE_BYTES_MAX};
pub use error::QueueError;
pub use memory::MemoryQueue;
pub use offline::{exchange, rebuild, survey};
pub use queue::{Bounds, Durability, Queue, QueueReader, Record};
pub use seglog::{Damage, Found, OpenError, Plan, Rebuilt, SegmentFacts, Survey};

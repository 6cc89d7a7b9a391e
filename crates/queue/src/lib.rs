//! Floor 1: the durable ordered log between the HTTP edge and the database, behind one trait.
//!
//! [`queue`] is the contract; [`embedded`] (a fsynced log on this machine's disk) and [`memory`] (for
//! tests and throw-away servers) are its drivers. `tests/conformance.rs` is the suite that every driver passes.

mod embedded;
mod error;
mod memory;
mod queue;

#[cfg(test)]
mod tests;

pub use embedded::{EmbeddedOptions, EmbeddedQueue};
pub use error::QueueError;
pub use memory::MemoryQueue;
pub use queue::{Bounds, Durability, Queue, QueueReader, Record};

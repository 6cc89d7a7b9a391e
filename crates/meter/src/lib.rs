//! Floor 0: what a hot path can afford to measure, and nothing that names what is measured.
//!
//! [`histogram`] counts durations and sizes in fixed buckets, [`busy`] says which share of the time one worker
//! works, [`commits`] is both for the writer of a log. All of it is atomics: recording takes no lock and
//! allocates nothing. Why it is our own stands in docs/adr/0009.

mod busy;
mod commits;
mod histogram;

#[cfg(test)]
mod tests;

pub use busy::{Busy, Running};
pub use commits::Commits;
pub use histogram::{Histogram, Snapshot};

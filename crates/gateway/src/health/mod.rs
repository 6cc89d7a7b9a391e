//! What the server knows of itself: sampled once a second, never on the way of a request.
//!
//! ```text
//! counters at the seams ─> totals ─┬─> sample ─> verdict (which stage limits)   /status
//!                                  └─> history (four rings) <─> control.db      /status/history
//! ```
//!
//! | room | what |
//! |---|---|
//! | [`requests`] | durations of requests, and what was refused |
//! | [`machine`] | what the operating system says of process, cores and disk |
//! | [`totals`] | all counters at one moment |
//! | [`sample`] | one second of it |
//! | [`verdict`] | the limiting stage, derived from samples |
//! | [`words`] | numbers and times for people |
//! | [`history`] | the rings |
//! | [`board`] | all of it, for those who ask |
//! | [`monitor`] | the tasks that sample and save |

pub(crate) mod board;
pub(crate) mod history;
pub(crate) mod machine;
pub(crate) mod monitor;
pub(crate) mod requests;
pub(crate) mod sample;
pub(crate) mod totals;
pub(crate) mod verdict;
pub(crate) mod words;

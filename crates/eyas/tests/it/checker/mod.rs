//! The one judge of crash tests: compares what producers were told with what was kept and what was shown.
//!
//! [`history`] is what it is given, [`rules`] is what it demands, [`false_histories`] proves that it would
//! notice: each defect, put into a true history, must be caught. [`batches`] is all three for batches.

pub(crate) mod batches;
mod false_histories;
pub(crate) mod history;
pub(crate) mod rules;

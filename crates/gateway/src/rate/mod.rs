//! How often anybody may ask.
//!
//! [`quota`] is what somebody may do, [`bucket`] what is left of it, [`strangers`] the buckets of addresses, [`limiter`] who
//! pays for which request, [`tally`] how often somebody was refused.

pub(crate) mod bucket;
pub(crate) mod limiter;
pub(crate) mod quota;
pub(crate) mod strangers;
pub(crate) mod tally;

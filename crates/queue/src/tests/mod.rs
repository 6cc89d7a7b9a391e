//! The conformance suite, and each driver's run of it.

mod conformance;
mod embedded;
mod memory;

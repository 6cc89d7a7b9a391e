//! Floor 0: the points at which a test has the process die, as `kill -9` would have it.
//!
//! [`points`] is all there is. The rooms that promise something across a crash name their points; the binary says
//! which of them is meant; docs/testing.md lists them.

mod points;

pub use points::{arm, at};

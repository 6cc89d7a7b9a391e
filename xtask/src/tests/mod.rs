//! Unit tests of the chores: each rule of tidy is shown to fire, on small texts.

#[cfg(feature = "bench")]
mod bench;
mod runner;
mod second_pass;
mod tidy;

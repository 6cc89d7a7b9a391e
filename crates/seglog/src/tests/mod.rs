//! Tests, one file for each promise or room. `fixture` opens small logs, `fault` is a disk that
//! fails on demand.

mod append;
mod crash;
mod fault;
mod fixture;
mod frame;
mod full;
mod golden;
mod reader;
mod rebuild;
mod room;
mod rot;
mod torn;

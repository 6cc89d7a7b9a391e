//! Tests of this crate, one file for each room.

mod postgres;

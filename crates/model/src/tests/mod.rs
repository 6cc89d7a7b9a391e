//! Tests of the rooms, one file each.

mod event;
mod filter;
mod json;
mod names;
mod record;
mod rows;
mod seq;
mod time;

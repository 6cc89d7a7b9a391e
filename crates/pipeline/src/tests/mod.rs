//! Tests of the rooms, one file each.

mod consumer;
mod intake;
mod lane;
mod recent;
mod retention;
mod rules;
mod schema_data;
mod schemas;
mod traces;

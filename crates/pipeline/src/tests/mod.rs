//! Tests of the rooms, one file each.

mod consumer;
mod intake;
mod recent;
mod rules;
mod schemas;
mod traces;

//! Tests of the rooms, one file each.

mod batch_bodies;
mod batch_records;
mod batch_values;
mod consumer;
mod consumer_runs;
mod intake;
mod keep;
mod lane;
mod lane_bench;
mod lane_database;
mod lane_pauses;
mod lane_room;
mod lane_stopped;
mod lane_uploads;
mod meddled;
mod recent;
mod recovery;
mod retention;
mod revalidation;
mod rules;
mod schema_data;
mod schemas;
mod shares;
mod traces;

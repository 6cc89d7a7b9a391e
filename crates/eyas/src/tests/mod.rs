//! Tests of the rooms, one file each.

mod admin;
mod client;
mod config;
mod csv_text;
mod delivery;
mod descriptors;
mod doctor;
mod dump;
mod import;
mod lines;
mod live_message;
mod load;
mod place;
mod printable;
mod query;
mod sending;
mod snapshot;
mod sse;
mod tables_config;
mod units;

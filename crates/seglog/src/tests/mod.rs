//! Tests, one file for each promise or room. `fixture` opens small logs, `fault` is a disk that
//! fails on demand.

mod append;
mod corpus;
mod crash;
mod fault;
mod fixture;
mod follower;
mod frame;
mod full;
mod golden;
mod model;
mod nth_call;
mod nth_repair;
mod reader;
mod rebuild;
mod room;
mod rot;
mod sim;
mod sim_disk;
mod spare;
mod torn;
mod workload;

//! The integration tests: they speak HTTP to the real binary on a free port, in a folder of their own.
//!
//! They would survive a rewrite of everything below the boundary. What each part proves stands in
//! docs/testing.md. Invariant: nothing here reaches into a crate to see an answer; the tests that
//! open the database file do it to break it, to make it refuse records, or to read it whole. One room
//! is of another kind: `seeded_defects` runs the crates in this process, to break them on purpose.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "all of this is test code, helpers too"
)]

mod admin;
mod app;
mod bad_input;
mod batch_crashes;
mod batch_revalidation;
mod batch_senders;
mod batches_http;
mod beside;
mod byte_exact;
mod checker;
mod cli;
mod command;
mod config;
mod dead_letters;
mod disk;
mod doctor;
mod events;
mod explore;
mod follow;
mod handover;
mod http;
mod http_corpus;
mod ids;
mod import;
mod journal;
mod json_suite;
mod kill_points;
mod killer;
mod lane_stopped;
mod lifecycle;
mod limits;
mod live;
mod live_frames;
mod live_many;
mod live_pause;
mod load;
mod log_commands;
mod log_lanes;
mod logs;
mod make_token;
mod malformed;
mod metrics;
mod paging;
mod postgres_down;
mod process;
mod producers;
mod rates;
mod reading;
mod retention;
mod revalidate;
mod row_values;
mod schemas;
mod seeded;
mod seeded_defects;
mod sign_in;
mod slow_clients;
mod small_disk;
mod status;
mod tcp;
mod tokens;
mod torture;
mod traces;
mod two_places;
mod two_truths;
mod user_tables;
mod ways_in;
mod without_database;

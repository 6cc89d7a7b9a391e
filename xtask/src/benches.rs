//! `cargo xtask bench`: its arguments, and the step into an optimised build of this program.
//!
//! The measuring code and its dependencies stand behind the feature `bench`, so that the daily chores build fast.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Bench {
    /// Single-event POST, durable 202: ratio to bare hyper
    B1,
    /// Sustained single-event POST with the consumer keeping up
    B2,
    /// NDJSON until it is stored: ratio to the bare SQLite insert of the same rows
    B3,
    /// NDJSON until it is stored in PostgreSQL: ratio to the bare COPY of the same rows
    B4,
    /// Latency of the durable 202 at one connection: ratio to a bare fdatasync
    B5,
    /// From POST to WebSocket message, 100 subscribers
    B6,
    /// Fan-out to 1,000 subscribers: ratio to a bare tungstenite broadcast
    B7,
    /// 10,000 sockets, 1 in 100 reads nothing: memory of each, latency of the others
    B8,
    /// A page at the far end of millions of events: ratio to the first page
    B9,
    /// An atomic batch of a million rows into PostgreSQL: ratio to `psql \copy`
    B10,
    /// The same batch beside 1,000 events a second: what it does to their 202
    B11,
    /// `GET /rates` on PostgreSQL
    B12,
    /// Memory, and time to the first 202
    B13,
}

/// Arguments of `bench`.
#[derive(Args)]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "read by the optimised build only"))]
pub(crate) struct BenchArgs {
    /// What to measure: all when none is named
    #[arg(value_enum, ignore_case = true)]
    pub(crate) benches: Vec<Bench>,

    /// How often the limit and Eyas take turns (B3, B4, B6, B7, B10, B11: at most 3)
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// B1, B5, B12: seconds of one burst
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) burst_s: u64,

    /// B1: numbers of connections
    #[arg(long, value_delimiter = ',', default_value = "256,64,16,1")]
    pub(crate) connections: Vec<u32>,

    /// B2: rates to try, in events a second, each with an empty data directory
    #[arg(long, value_delimiter = ',', default_value = "30000,40000,50000")]
    pub(crate) rate: Vec<u64>,

    /// B2: seconds at each rate
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sustain_s: u64,

    /// B8: sockets
    #[arg(long, default_value_t = 10_000, value_parser = sockets)]
    pub(crate) sockets: usize,

    /// B9, B13: events in the filled data directory
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000_000..))]
    pub(crate) events: u64,

    /// Measure this `eyas` instead of building one
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,

    /// Put the tables between the markers of docs/benchmarks.md
    #[arg(long)]
    pub(crate) write: bool,
}

/// One in a hundred must be at least one, and one address has no more ports.
fn sockets(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(sockets @ 100..=25_000) => Ok(sockets),
        _ => Err("a number from 100 to 25000".to_owned()),
    }
}

/// Builds this program optimised, with the feature `bench`, and runs it with the same arguments.
///
/// # Errors
/// When cargo cannot start.
#[cfg(not(feature = "bench"))]
pub(crate) fn run_optimised(root: &std::path::Path) -> anyhow::Result<bool> {
    let status = std::process::Command::new("cargo")
        .current_dir(root)
        .args(["run", "--quiet", "--release", "--package", "xtask", "--features", "bench", "--"])
        .args(std::env::args_os().skip(1))
        .status()?;
    Ok(status.success())
}

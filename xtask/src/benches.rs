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
    /// Latency of the durable 202 at one connection: ratio to a bare fdatasync
    B5,
}

/// Arguments of `bench`.
#[derive(Args)]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "read by the optimised build only"))]
pub(crate) struct BenchArgs {
    /// What to measure: all when none is named
    #[arg(value_enum, ignore_case = true)]
    pub(crate) benches: Vec<Bench>,

    /// B1, B5: how often the limit and Eyas take turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// B1, B5: seconds of one burst
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

    /// Measure this `eyas` instead of building one
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,

    /// Put the tables between the markers of docs/benchmarks.md
    #[arg(long)]
    pub(crate) write: bool,
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

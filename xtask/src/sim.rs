//! `cargo xtask sim`: the log on a simulated disk, under as many seeds as wanted.
//!
//! The test itself lives in `crates/seglog/src/tests/sim.rs`; this only builds it optimised and passes the numbers on.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use clap::Args;

use crate::runner::{headline, pass_through, spelled};

const TEST: &str = "tests::sim::nothing_acknowledged_is_lost_under_any_seed";

/// Arguments of `sim`.
#[derive(Args)]
pub(crate) struct SimArgs {
    /// How many seeds. Before a release do 100,000. With --seed alone: that one
    #[arg(long)]
    seeds: Option<u64>,

    /// The first seed. A failure prints its seed; the same seed repeats the same calls and answers of the disk
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the test. Returns whether it passed.
///
/// # Errors
/// When cargo cannot start, or when no test of that name ran.
pub(crate) fn run(root: &Path, args: &SimArgs) -> anyhow::Result<bool> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .args(["test", "--package", "seglog", "--profile", "ci", "--lib", "--"])
        .args([TEST, "--exact", "--nocapture"]);
    let numbers = [("EYAS_SIM_SEEDS", args.seeds), ("EYAS_SIM_SEED", args.seed)];
    let mut spoken = Vec::new();
    for (name, number) in numbers {
        if let Some(number) = number {
            command.env(name, number.to_string());
            spoken.push(format!("{name}={number}"));
        }
    }
    spoken.push(spelled(&command));
    headline("sim", &spoken.join(" "));
    let mut closing = Vec::new();
    let ok = pass_through(&mut command, &mut closing)?;
    // A renamed test would otherwise pass by running nothing.
    ensure!(
        !ok || closing.iter().any(|line| line.contains(" 1 passed")),
        "no test is named `{TEST}`: mend the name in xtask/src/sim.rs"
    );
    Ok(ok)
}

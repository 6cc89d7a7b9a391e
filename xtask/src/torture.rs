//! `cargo xtask torture`: the kill -9 test by hand, with as many kills as wanted.
//!
//! The test itself lives in `crates/eyas/tests/it/torture.rs`; this only builds it optimised and passes the numbers on.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use clap::Args;

use crate::runner::{headline, pass_through, spelled};

const TEST: &str = "torture::acknowledged_events_survive_kill";
/// What is true of a binary that is built like those that are shipped.
const NO_POINTS: &str = "kill_points::a_binary_without_debug_assertions_has_no_such_points";

/// Arguments of `torture`.
#[derive(Args)]
pub(crate) struct TortureArgs {
    /// How often the server is killed. The suite does 20; before a release do 200
    #[arg(long, default_value_t = 200)]
    kills: u32,

    /// The database under it. PostgreSQL is a server of its own, and is killed as well
    #[arg(long, default_value = "sqlite", value_parser = ["sqlite", "postgres"])]
    store: String,

    /// Seed of the run. A failure prints its seed; the same seed repeats the same choices
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the test. Returns whether it passed.
///
/// # Errors
/// When cargo cannot start, or when no test of that name ran.
pub(crate) fn run(root: &Path, args: &TortureArgs) -> anyhow::Result<bool> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .args(["test", "--package", "eyas", "--profile", "ci", "--test", "it", "--"])
        .args([TEST, NO_POINTS, "--exact", "--nocapture"])
        .env("EYAS_TEST_STORE", &args.store)
        .env("EYAS_TORTURE_KILLS", args.kills.to_string());
    if let Some(seed) = args.seed {
        command.env("EYAS_TORTURE_SEED", seed.to_string());
    }
    let settings = format!("EYAS_TEST_STORE={} EYAS_TORTURE_KILLS={}", args.store, args.kills);
    headline("torture", &format!("{settings} {}", spelled(&command)));
    let mut closing = Vec::new();
    let ok = pass_through(&mut command, &mut closing)?;
    // A renamed test would otherwise pass by running nothing.
    ensure!(
        !ok || closing.iter().any(|line| line.contains(" 2 passed")),
        "no test is named `{TEST}` or `{NO_POINTS}`: mend the name in xtask/src/torture.rs"
    );
    Ok(ok)
}

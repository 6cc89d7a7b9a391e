//! `cargo xtask sockets`: the test of many subscribers by hand, with as many as wanted.
//!
//! The test itself lives in `crates/eyas/tests/it/live_many.rs`; this only builds it optimised and passes the number on.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use clap::Args;

use crate::runner::{headline, pass_through, spelled};

const TEST: &str = "live_many::many_subscribers_get_everything_and_come_back_together";

/// Arguments of `sockets`.
#[derive(Args)]
pub(crate) struct SocketsArgs {
    /// How many subscribers. The suite has 1,000. Server and test each need a file descriptor for every one
    #[arg(long, default_value_t = 10_000)]
    sockets: u32,
}

/// Runs the test. Returns whether it passed.
///
/// # Errors
/// When cargo cannot start, or when no test of that name ran.
pub(crate) fn run(root: &Path, args: &SocketsArgs) -> anyhow::Result<bool> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .args(["test", "--package", "eyas", "--profile", "ci", "--test", "it", "--"])
        .args([TEST, "--exact", "--nocapture"])
        .env("EYAS_LIVE_SOCKETS", args.sockets.to_string());
    headline("sockets", &format!("EYAS_LIVE_SOCKETS={} {}", args.sockets, spelled(&command)));
    let mut closing = Vec::new();
    let ok = pass_through(&mut command, &mut closing)?;
    // A renamed test would otherwise pass by running nothing.
    ensure!(
        !ok || closing.iter().any(|line| line.contains(" 1 passed")),
        "no test is named `{TEST}`: mend the name in xtask/src/sockets.rs"
    );
    Ok(ok)
}

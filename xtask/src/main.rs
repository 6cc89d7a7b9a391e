//! Repository chores behind one name: `cargo xtask test | tidy | bench | torture | sim | sockets | schemathesis`.
//!
//! They are a program and not scripts, so that they are checked like all other code and say the same on every
//! machine. Invariant: what can be wrong on a machine is named with the command that mends it, never skipped.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "lines on a terminal are what this program makes"
)]

#[cfg(feature = "bench")]
mod bench;
mod benches;
mod needs;
mod runner;
mod schemathesis;
mod second_pass;
mod sim;
mod sockets;
mod suite;
mod tidy;
mod torture;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::benches::BenchArgs;
use crate::schemathesis::SchemathesisArgs;
use crate::sim::SimArgs;
use crate::sockets::SocketsArgs;
use crate::torture::TortureArgs;

// The bare limit that the benches compare with runs in this program: it gets the allocator of `eyas`, so that the ratio
// says what Eyas costs and not what the allocator gains.
#[cfg(feature = "bench")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Chores of the Eyas repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run everything that CI gates on: fmt, clippy, tidy, Rust tests, the console's tests in Chromium
    ///
    /// First looks for what the suite needs (node, npm, chromium, the console's npm packages). What is missing is
    /// installed where that is possible without asking (as root on Debian or Ubuntu), else the exact command is named and
    /// the run fails. Nothing is skipped. All steps run even when one fails; the exit code is 1 if any did.
    Test,

    /// Hold the laws of the house (STYLE.md): floors, cycles, tables of contents, headers, sizes
    ///
    /// Prints `file:line: what is wrong and what to do`. Exit code 1 when there is a finding; warnings do not count.
    Tidy,

    /// Kill the real server with kill -9 again and again under load, then prove that nothing acknowledged is lost
    ///
    /// Runs the integration test `torture::acknowledged_events_survive_kill` of crate `eyas`, optimised. The suite
    /// (`cargo xtask test`) runs the same test with 20 kills.
    Torture(TortureArgs),

    /// Live through seeded stories of the log on a simulated disk: faults, kills, power cuts, rot
    ///
    /// Runs the test `sim::nothing_acknowledged_is_lost_under_any_seed` of crate `seglog`, optimised. The suite
    /// (`cargo xtask test`) runs the same test with fewer seeds.
    Sim(SimArgs),

    /// Follow the real server with 10,000 WebSockets, let one of a hundred read nothing, and let all come back at once
    ///
    /// Runs the integration test `live_many` of crate `eyas`, optimised, and prints what a socket costs and how long an
    /// event takes. The suite (`cargo xtask test`) runs the same test with 1,000.
    Sockets(SocketsArgs),

    /// Ask the real server questions made from openapi.json, and find no answer that contradicts it
    ///
    /// Builds `eyas`, installs the pinned schemathesis below `target/`, and runs all its checks. The suite
    /// (`cargo xtask test`) asks fewer questions, always the same ones.
    Schemathesis(SchemathesisArgs),

    /// Measure Eyas against the bare limit of this machine, in turn and in the same run
    ///
    /// Each is explained in docs/benchmarks.md. Only ratios within one run count: machines are shared and noisy. With
    /// the default of 10 million events in B9 and B13 a whole run takes about half an hour and 10 GB of disk.
    Bench(BenchArgs),

    /// The bare limit: hyper alone, reads a POST and answers 202. Started by `bench`
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    BareHyper {
        /// Loopback port.
        #[arg(long)]
        port: u16,
    },

    /// The bare fan-out: tungstenite alone. Started by `bench`
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    BareBroadcast {
        /// Loopback port.
        #[arg(long)]
        port: u16,
        /// Begins when so many have come.
        #[arg(long)]
        subscribers: usize,
        /// Each gets so many.
        #[arg(long)]
        messages: u64,
        /// Of each message.
        #[arg(long)]
        size_bytes: usize,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().chore) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> anyhow::Result<bool> {
    let root = root();
    match chore {
        Chore::Test => Ok(suite::run(&root)),
        Chore::Tidy => tidy::check::run(&root),
        Chore::Torture(args) => torture::run(&root, &args),
        Chore::Sim(args) => sim::run(&root, &args),
        Chore::Sockets(args) => sockets::run(&root, &args),
        Chore::Schemathesis(args) => suite::ask(&root, &args),
        #[cfg(feature = "bench")]
        Chore::Bench(args) => bench::run::run(&root, &args),
        #[cfg(not(feature = "bench"))]
        Chore::Bench(_) => benches::run_optimised(&root),
        #[cfg(feature = "bench")]
        Chore::BareHyper { port } => bench::bare::run(port).map(|()| true),
        #[cfg(feature = "bench")]
        Chore::BareBroadcast { port, subscribers, messages, size_bytes } => {
            bench::broadcast::run(port, subscribers, messages, size_bytes).map(|()| true)
        }
    }
}

/// The repository: the folder above this crate.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the repository's top")
        .to_path_buf()
}

//! `cargo xtask test`: everything that CI gates on, in one command.
//!
//! A step that fails does not hide the others: all run, and the table at the end says which failed. Invariant: every
//! build here uses the same packages, features and targets, so dependencies are compiled once.

use std::path::Path;
use std::process::Command;

use testbed::Postgres;

use crate::needs;
use crate::runner::{Outcome, step};
use crate::schemathesis::{self, SUITE, SchemathesisArgs};
use crate::second_pass::integration_tests;
use crate::tidy::check;

/// The whole workspace with the code behind features, which would otherwise be checked by nobody. The simulated disk is
/// there for the tests; without it here, the binaries would be built once more.
const EVERYTHING: &[&str] = &["--workspace", "--features", "xtask/bench,seglog/sim"];

/// Runs the suite. Returns whether all of it passed. A step that cannot run is a failed step; without what the suite needs
/// none starts.
pub(crate) fn run(root: &Path) -> bool {
    let mut outcomes = vec![Outcome::of("needs", || needs::prepare(root))];
    if outcomes[0].ok {
        outcomes.extend(steps(root));
    }
    print_summary(&outcomes);
    outcomes.iter().all(|outcome| outcome.ok)
}

fn steps(root: &Path) -> Vec<Outcome> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(root).args(arguments);
        command
    };
    let npm = |script: &str| {
        let mut command = Command::new("npm");
        command.current_dir(root.join("ui")).args(["run", "--silent", script]);
        command
    };
    let mut outcomes = vec![
        step("fmt", &mut cargo(&["fmt", "--all", "--check"])),
        step(
            "clippy",
            cargo(&["clippy"]).args(EVERYTHING).args(["--all-targets", "--", "-D", "warnings"]),
        ),
        Outcome::of("tidy", || check::run(root)),
    ];
    outcomes.extend(rust_tests(&cargo));
    // Servers of later drivers (Redis, NATS) are started by the tests that need them; `needs` installs them.
    let binary = step("binary", cargo(&["build", "--all-targets"]).args(EVERYTHING));
    let binary_ok = binary.ok;
    outcomes.push(binary);
    let eyas = target(root).join("debug/eyas");
    outcomes.push(if binary_ok {
        Outcome::of("schemathesis", || schemathesis::run(root, &target(root), &eyas, &SUITE))
    } else {
        Outcome::of("schemathesis", || anyhow::bail!("not run: the binary did not build"))
    });
    outcomes.push(step("ui types", &mut npm("check")));
    outcomes.push(step("ui unit", &mut npm("test:unit")));
    outcomes.push(if binary_ok {
        step("ui browser", npm("test:browser").env("EYAS_BIN", &eyas))
    } else {
        Outcome::of("ui browser", || anyhow::bail!("not run: the binary did not build"))
    });
    outcomes
}

/// All tests in Rust, and those over HTTP once more on PostgreSQL. Both passes share one cluster; tests that kill a server
/// start one of their own.
fn rust_tests(cargo: &impl Fn(&[&str]) -> Command) -> Vec<Outcome> {
    let cluster = match Postgres::launch(&[]) {
        Ok(cluster) => cluster,
        Err(error) => {
            let failed = |name| Outcome::of(name, || anyhow::bail!("no PostgreSQL: {error}"));
            return vec![failed("rust tests"), failed("on postgres")];
        }
    };
    let is_nextest = needs::has_nextest();
    let tests = || {
        let mut command = cargo(if is_nextest { &["nextest", "run"] } else { &["test"] });
        command.arg("--no-fail-fast").args(EVERYTHING);
        command.env("EYAS_TEST_POSTGRES", cluster.url("postgres"));
        command
    };
    let mut again = tests();
    again.env("EYAS_TEST_STORE", "postgres");
    vec![
        step("rust tests", &mut tests()),
        step("on postgres", integration_tests(&mut again, is_nextest)),
    ]
}

/// Builds the binary and asks it more than the suite does.
///
/// # Errors
/// When the binary does not build, or schemathesis cannot run.
pub(crate) fn ask(root: &Path, args: &SchemathesisArgs) -> anyhow::Result<bool> {
    needs::python()?;
    let mut build = Command::new("cargo");
    build.current_dir(root).args(["build", "--package", "eyas"]);
    anyhow::ensure!(step("binary", &mut build).ok, "the binary did not build");
    schemathesis::run(root, &target(root), &target(root).join("debug/eyas"), args)
}

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
}

fn print_summary(outcomes: &[Outcome]) {
    println!("\n{:<12} {:<7} {:>9}", "step", "result", "time");
    for outcome in outcomes {
        let result = if outcome.ok { "ok" } else { "FAILED" };
        println!("{:<12} {result:<7} {:>7.1} s", outcome.name, outcome.took.as_secs_f64());
    }
    let total: f64 = outcomes.iter().map(|outcome| outcome.took.as_secs_f64()).sum();
    let all = if outcomes.iter().all(|outcome| outcome.ok) { "ok" } else { "FAILED" };
    println!("{:<12} {all:<7} {total:>7.1} s\n", "all");
    for outcome in outcomes {
        for line in &outcome.closing {
            println!("{:<12} {}", outcome.name, line.trim_start());
        }
    }
}

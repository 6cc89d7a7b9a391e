//! Builds `eyas`, runs what was asked for, prints and writes the tables.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use crate::bench::{b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, report};
use crate::benches::{Bench, BenchArgs};
use crate::runner::{headline, pass_through};
use crate::suite::target;

/// Runs the benches.
///
/// # Errors
/// When something does not start, or a run breaks off. Signals end the servers too.
pub(crate) fn run(root: &Path, args: &BenchArgs) -> anyhow::Result<bool> {
    // Servers start in folders of their own.
    let binary = match &args.binary {
        Some(binary) => {
            binary.canonicalize().with_context(|| format!("there is no {}", binary.display()))?
        }
        None => build(root)?,
    };
    let folder = folder(root)?;
    // One thread: the load generator must take as little as possible of the cores that it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tables = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            tables = measure(&binary, &folder, args) => tables,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        }
    });
    // A burst of `wrk` may still run after a signal; it ends by itself.
    runtime.shutdown_background();
    let _ = std::fs::remove_dir_all(&folder);
    let tables = tables?;
    println!("\n{tables}");
    if args.write {
        report::write(root, &tables)?;
    }
    Ok(true)
}

async fn measure(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let wanted: &[Bench] =
        if args.benches.is_empty() { Bench::value_variants() } else { &args.benches };
    let mut tables = report::heading();
    for bench in wanted {
        headline("bench", &format!("{bench:?}"));
        let table = match bench {
            Bench::B1 => b1::run(binary, folder, args).await?,
            Bench::B2 => b2::run(binary, folder, args).await?,
            Bench::B3 => b3::run(binary, folder, args).await?,
            Bench::B4 => b4::run(binary, folder, args).await?,
            Bench::B5 => b5::run(binary, folder, args).await?,
            Bench::B6 => b6::run(binary, folder, args).await?,
            Bench::B7 => b7::run(binary, folder, args).await?,
            Bench::B8 => b8::run(binary, folder, args).await?,
            Bench::B9 => b9::run(binary, folder, args).await?,
            Bench::B10 => b10::run(binary, folder, args).await?,
            Bench::B11 => b11::run(binary, folder, args).await?,
            Bench::B12 => b12::run(binary, folder, args).await?,
            Bench::B13 => b13::run(binary, folder, args).await?,
        };
        tables.push('\n');
        tables.push_str(&table);
    }
    Ok(tables)
}

fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["build", "--release", "--package", "eyas"]);
    ensure!(pass_through(&mut command, &mut Vec::new())?, "eyas does not build");
    Ok(target(root).join("release/eyas"))
}

/// An empty folder of this run on the disk that holds `target`.
fn folder(root: &Path) -> anyhow::Result<PathBuf> {
    let folder = target(root).join("bench").join(std::process::id().to_string());
    std::fs::create_dir_all(&folder)?;
    let kind = rustix::fs::statfs(&folder)?.f_type;
    ensure!(
        kind != 0x0102_1994,
        "{} is on tmpfs, where an fsync costs nothing: set CARGO_TARGET_DIR to a real disk",
        folder.display()
    );
    Ok(folder)
}

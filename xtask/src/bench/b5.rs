//! B5: latency of the durable 202 at one connection, as a ratio to a bare `fdatasync` of 4 KiB.
//!
//! The bare limit writes where Eyas may write too: into a file that has its blocks already and was written before.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::server::Server;
use crate::bench::stats::{Spread, percentile};
use crate::bench::wrk::Wrk;
use crate::benches::BenchArgs;

const BLOCK: [u8; 4096] = [0x5a; 4096];
const FILE_BLOCKS: u64 = 4096;

/// Measures, and returns the table.
///
/// # Errors
/// When the server, `wrk` or the disk fails.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let wrk = Wrk::new(folder)?;
    let eyas = Server::eyas(binary, folder).await?;
    let path = folder.join("fdatasync");
    let file = prepared(&path)?;
    wrk.burst(eyas.address, 1, 1).await?;
    let (mut bare_us, mut eyas_us, mut n_errors) = (Vec::new(), Vec::new(), 0);
    for round in 1..=args.rounds {
        eyas.catch_up().await?;
        let limit = fdatasync_us(&file, Duration::from_secs(args.burst_s))?;
        let ours = wrk.burst(eyas.address, 1, args.burst_s).await?;
        println!("B5 round {round}: fdatasync {limit} us, 202 {:.0} us", ours.p50_us);
        bare_us.push(f64::from(limit));
        eyas_us.push(ours.p50_us);
        n_errors += ours.n_errors;
    }
    std::fs::remove_file(&path)?;
    let (bare, eyas) = (Spread::of(bare_us), Spread::of(eyas_us));
    Ok(format!(
        "B5: p50 of the durable 202 at 1 connection against the median of a bare 4 KiB write and fdatasync on a prepared \
         file, {} rounds in turn. Aim: 2.0, beyond 1.5.\n\n\
         | fdatasync, us | durable 202, us | ratio of medians | errors |\n|---|---|---|---|\n| {} | {} | {:.2} | {n_errors} |\n",
        args.rounds,
        bare.show(0),
        eyas.show(0),
        eyas.median / bare.median,
    ))
}

fn prepared(path: &Path) -> anyhow::Result<File> {
    let file = File::create(path)?;
    for block in 0..FILE_BLOCKS {
        file.write_all_at(&BLOCK, block * BLOCK.len() as u64)?;
    }
    file.sync_all()?;
    Ok(file)
}

fn fdatasync_us(file: &File, during: Duration) -> anyhow::Result<u32> {
    let start = Instant::now();
    let mut took_us = Vec::new();
    while start.elapsed() < during {
        let block = took_us.len() as u64 % FILE_BLOCKS;
        let before = Instant::now();
        file.write_all_at(&BLOCK, block * BLOCK.len() as u64)?;
        file.sync_data()?;
        took_us.push(before.elapsed().as_micros() as u32);
    }
    took_us.sort_unstable();
    Ok(percentile(&took_us, 0.5))
}

//! How long the disk takes to make 4 KiB safe: what every commit of the log waits for.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::commands::doctor::finding::Finding;
use crate::units;

const BLOCK_BYTES: usize = 4096;
/// Blocks of the file, which is written whole before anything is measured, as segments are.
const N_BLOCKS: u64 = 256;
/// Measured writes, unless the disk is so slow that [`TIME_MAX`] comes first.
const N_WRITES: u64 = 300;
const TIME_MAX: Duration = Duration::from_secs(3);
/// A median above this is felt by every client.
const P50_US_SLOW: u64 = 20_000;
/// A tail above this is felt by some.
const P99_US_SLOW: u64 = 200_000;
/// No storage is faster than this: a network or power-safe flash takes at least ten times as long.
const P50_US_INCREDIBLE: u64 = 2;

/// Removes its file whatever happens.
struct Scratch {
    path: PathBuf,
    file: File,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It has been made by us a moment ago; if it cannot be removed, its name says whose it is.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Measures in `folder`.
pub(crate) fn check(folder: &Path) -> Finding {
    let check = "fsync";
    let mut times_us = match measure(folder) {
        Ok(times_us) => times_us,
        Err(error) => {
            let text = format!("could not be measured: {error}");
            return Finding::fail(
                check,
                text,
                "the data directory must be writable, and its disk healthy",
            );
        }
    };
    times_us.sort_unstable();
    judge(times_us[times_us.len() / 2], times_us[times_us.len() * 99 / 100])
}

/// What a median and a tail, in microseconds, mean.
pub(crate) fn judge(p50_us: u64, p99_us: u64) -> Finding {
    let check = "fsync";
    let (p50, p99) = (units::micros(p50_us), units::micros(p99_us));
    let text = format!("4 KiB are safe after p50 {p50}, p99 {p99}");
    if p50_us <= P50_US_INCREDIBLE {
        let text = format!("{text}: faster than any disk, so nothing is made safe");
        return Finding::warn(
            check,
            text,
            "no eatmydata, no nobarrier mount, no `unsafe` cache of the virtual disk",
        );
    }
    if p50_us > P50_US_SLOW || p99_us > P99_US_SLOW {
        let text = format!("{text}: every answer waits for it");
        return Finding::warn(
            check,
            text,
            "a faster disk (SSD), or fewer other writers on this one",
        );
    }
    Finding::ok(check, text)
}

/// Microseconds of each write with its fdatasync; at least one.
fn measure(folder: &Path) -> io::Result<Vec<u64>> {
    let path = folder.join(format!(".eyas-doctor-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let scratch = Scratch { path, file };
    let block = [0x5a; BLOCK_BYTES];
    for number in 0..N_BLOCKS {
        scratch.file.write_all_at(&block, number * BLOCK_BYTES as u64)?;
    }
    scratch.file.sync_all()?;
    let begun = Instant::now();
    let mut times_us = Vec::new();
    for number in 0..N_WRITES {
        let one = Instant::now();
        scratch.file.write_all_at(&block, (number % N_BLOCKS) * BLOCK_BYTES as u64)?;
        scratch.file.sync_data()?;
        times_us.push(one.elapsed().as_micros() as u64);
        if begun.elapsed() > TIME_MAX {
            break;
        }
    }
    Ok(times_us)
}

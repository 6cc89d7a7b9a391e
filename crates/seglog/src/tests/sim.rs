//! The log under seeds: whatever the simulated disk does, what was acknowledged is there, and what was shown stays.
//!
//! `EYAS_SIM_SEEDS=n`: how many seeds (default below). `EYAS_SIM_SEED=n`: this one alone, or the first of them.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::sim::plan::Call;
use crate::tests::workload::{Story, live};

const SEEDS_DEFAULT: u64 = 1000;
const SEED_FIRST: u64 = 20_261_121;
const THREADS: u64 = 2;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The story of a seed; a panic inside is a failure of that seed.
fn tell(seed: u64, lie: Option<Call>) -> Result<Story, String> {
    catch_unwind(AssertUnwindSafe(|| live(seed, lie)))
        .unwrap_or_else(|_| Err("a panic, printed above".into()))
}

fn add(sum: &mut Story, story: &Story) {
    sum.n_acknowledged += story.n_acknowledged;
    sum.n_unknown += story.n_unknown;
    sum.n_faults += story.n_faults;
    sum.n_kills += story.n_kills;
    sum.n_power_cuts += story.n_power_cuts;
    sum.n_opens += story.n_opens;
    sum.n_opens_failed += story.n_opens_failed;
    sum.n_cuts += story.n_cuts;
    sum.n_refused_rot += story.n_refused_rot;
}

#[test]
fn nothing_acknowledged_is_lost_under_any_seed() {
    let one = number("EYAS_SIM_SEED");
    let n_seeds = number("EYAS_SIM_SEEDS").unwrap_or(if one.is_some() { 1 } else { SEEDS_DEFAULT });
    let first = one.unwrap_or(SEED_FIRST);
    let start = Instant::now();
    let next = AtomicU64::new(0);
    let work = || {
        let (mut sum, mut failures) = (Story::default(), Vec::new());
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= n_seeds || failures.len() >= 10 {
                return (sum, failures);
            }
            let seed = first.wrapping_add(n);
            match tell(seed, None) {
                Ok(story) => add(&mut sum, &story),
                Err(why) => failures.push(format!("EYAS_SIM_SEED={seed}: {why}")),
            }
        }
    };
    let (mut sum, mut failures) = (Story::default(), Vec::new());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (part, failed) = worker.join().unwrap();
            add(&mut sum, &part);
            failures.extend(failed);
        }
    });
    println!("{n_seeds} seeds from {first} in {:.1} s: {sum:?}", start.elapsed().as_secs_f64());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_seed_repeats_every_call_and_every_answer() {
    for seed in 0..40 {
        assert_eq!(tell(seed, None), tell(seed, None), "EYAS_SIM_SEED={seed}");
    }
}

#[test]
fn a_disk_that_lies_is_found_out() {
    for call in [Call::SyncData, Call::SyncDir] {
        let n_caught = (0..60).filter(|&seed| tell(seed, Some(call)).is_err()).count();
        assert!(n_caught > 20, "{call:?}: only {n_caught} of 60 seeds noticed");
    }
}

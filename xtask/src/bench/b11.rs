//! B11: what a batch of a million prices does to events meanwhile: the p99 of their 202, and how late they are stored.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::bench::b10::ROWS;
use crate::bench::load::{self, Load};
use crate::bench::rates::{self, Rates, csv};
use crate::bench::stats::percentile;
use crate::benches::BenchArgs;

/// Events a second, all the time.
const RATE: u64 = 1_000;
/// How long they go on without a batch.
const ALONE: Duration = Duration::from_secs(10);
/// Pause between two looks at the lag.
const POLL: Duration = Duration::from_millis(100);

/// Measures, and returns the table.
///
/// # Errors
/// When a server fails, an event is refused or the batch is not committed.
pub(crate) async fn run(binary: &Path, folder: &Path, _args: &BenchArgs) -> anyhow::Result<String> {
    let rows = csv(ROWS);
    let postgres = rates::postgres();
    let mut lines = String::new();
    for (name, postgres) in [("PostgreSQL", Some(&postgres)), ("SQLite", None)] {
        let rates = Rates::start(binary, &folder.join(format!("b11-{name}")), postgres).await?;
        let alone = load::run(rates.server.address, RATE, ALONE).await?;
        let (took, lag_s, beside) = beside(&rates, rates.commit("prices", &rows)).await?;
        ensure!(alone.n_refused + beside.n_refused == 0, "{:?}", beside.first_refusal);
        let p99_ms = |load: &Load| f64::from(percentile(&load.latencies_us, 0.99)) / 1e3;
        let (before, during) = (p99_ms(&alone), p99_ms(&beside));
        writeln!(
            lines,
            "| {name} | {before:.2} | {during:.2} | {:.1} | {lag_s:.2} | {:.1} | {:.0} |",
            during / before,
            took.as_secs_f64(),
            rates.server.memory_kib("VmHWM")? as f64 / 1024.0,
        )?;
        println!("B11 {name}: p99 {before:.2} ms alone, {during:.2} ms beside the batch");
    }
    Ok(format!(
        "B11: {RATE} events/s, alone for {} s and then beside one batch of a million prices until that is committed. Lag: how far the place of events \
         in `GET /events` was behind, at most. Aim: ratio 3, beyond 1.5.\n\n\
         | database | p99 alone, ms | p99 beside it, ms | ratio | lag at most, s | batch took, s | memory at most, MiB |\n|---|---|---|---|---|---|---|\n{lines}",
        ALONE.as_secs(),
    ))
}

/// Sends events in slices of a second until the batch is done; also the largest lag seen.
async fn beside(
    rates: &Rates,
    batch: impl Future<Output = anyhow::Result<Duration>>,
) -> anyhow::Result<(Duration, f64, Load)> {
    let (mut lag_s, mut all) = (0.0_f64, Load::default());
    let watch = async {
        loop {
            lag_s = lag_s.max(rates.server.lag().await?.seconds);
            sleep(POLL).await;
        }
        #[expect(unreachable_code, reason = "names the type of the loop's error")]
        anyhow::Ok(())
    };
    let events = async {
        loop {
            let slice = load::run(rates.server.address, RATE, Duration::from_secs(2)).await?;
            all.n_refused += slice.n_refused;
            all.first_refusal = all.first_refusal.take().or(slice.first_refusal);
            all.latencies_us.extend(slice.latencies_us);
        }
        #[expect(unreachable_code, reason = "names the type of the loop's error")]
        anyhow::Ok(())
    };
    let start = Instant::now();
    let took = tokio::select! {
        took = batch => took?,
        broken = watch => return Err(broken.expect_err("it ends with an error only")),
        broken = events => return Err(broken.expect_err("it ends with an error only")),
    };
    ensure!(start.elapsed() >= took, "the clock went back");
    all.latencies_us.sort_unstable();
    ensure!(!all.latencies_us.is_empty(), "the batch was over before a slice of events was");
    Ok((took, lag_s, all))
}

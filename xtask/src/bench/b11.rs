//! B11: what a batch of a million prices does to events meanwhile: the p99 of their 202, and how late they are stored.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use testbed::Postgres;
use tokio::time::sleep;

use crate::bench::b10::ROWS;
use crate::bench::load::{self, Load};
use crate::bench::rates::{self, Rates, csv};
use crate::bench::stats::{Spread, percentile};
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
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let rows = csv(ROWS);
    let postgres = rates::postgres();
    let n_rounds = args.rounds.min(3);
    let mut lines = String::new();
    for (name, postgres) in [("PostgreSQL", Some(&postgres)), ("SQLite", None)] {
        let mut rounds = Vec::new();
        for number in 1..=n_rounds {
            let data = folder.join(format!("b11-{name}"));
            let round = round(binary, &data, postgres, &rows).await?;
            println!(
                "B11 {name} round {number}: p99 {:.2} ms alone, {:.2} ms beside the batch",
                round.alone_ms, round.beside_ms,
            );
            rounds.push(round);
        }
        let spread = |of: fn(&Round) -> f64| Spread::of(rounds.iter().map(of));
        let (alone, beside) = (spread(|round| round.alone_ms), spread(|round| round.beside_ms));
        writeln!(
            lines,
            "| {name} | {} | {} | {:.1} | {} | {} | {} |",
            alone.show(2),
            beside.show(2),
            beside.median / alone.median,
            spread(|round| round.lag_s).show(2),
            spread(|round| round.took_s).show(1),
            spread(|round| round.memory_mib).show(0),
        )?;
    }
    Ok(format!(
        "B11: {RATE} events/s, alone for {} s and then beside one batch of a million prices, from its first byte until it is committed; {n_rounds} rounds, each on an \
         empty data directory; median (min to max). Lag: how far the place of events in `GET /events` was behind, at most. Aim: ratio 3, beyond 1.5.\n\n\
         | database | p99 alone, ms | p99 beside it, ms | ratio of medians | lag at most, s | batch took, s | memory at most, MiB |\n|---|---|---|---|---|---|---|\n{lines}",
        ALONE.as_secs(),
    ))
}

/// What one server showed.
struct Round {
    alone_ms: f64,
    beside_ms: f64,
    lag_s: f64,
    took_s: f64,
    memory_mib: f64,
}

async fn round(
    binary: &Path,
    data: &Path,
    postgres: Option<&Postgres>,
    rows: &str,
) -> anyhow::Result<Round> {
    let rates = Rates::start(binary, data, postgres).await?;
    let address = rates.server.address;
    let alone = load::run(address, RATE, ALONE).await?;
    let ((took, lag_s), beside) = load::run_beside(address, RATE, batch(&rates, rows)).await?;
    ensure!(alone.n_refused + beside.n_refused == 0, "{:?}", beside.first_refusal);
    let p99_ms = |load: &Load| f64::from(percentile(&load.latencies_us, 0.99)) / 1e3;
    let round = Round {
        alone_ms: p99_ms(&alone),
        beside_ms: p99_ms(&beside),
        lag_s,
        took_s: took.as_secs_f64(),
        memory_mib: rates.server.memory_kib("VmHWM")? as f64 / 1024.0,
    };
    drop(rates);
    std::fs::remove_dir_all(data)?;
    Ok(round)
}

/// Commits the batch; also the largest lag seen meanwhile.
async fn batch(rates: &Rates, rows: &str) -> anyhow::Result<(Duration, f64)> {
    let mut lag_s = 0.0_f64;
    let watch = async {
        loop {
            lag_s = lag_s.max(rates.server.lag().await?.seconds);
            sleep(POLL).await;
        }
        #[expect(unreachable_code, reason = "names the type of the loop's error")]
        anyhow::Ok(())
    };
    let took = tokio::select! {
        took = rates.commit("prices", rows) => took?,
        broken = watch => return Err(broken.expect_err("it ends with an error only")),
    };
    Ok((took, lag_s))
}

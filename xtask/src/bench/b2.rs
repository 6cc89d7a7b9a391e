//! B2: single-event POST at a paced rate, with the consumer keeping up, and a proof that all of it is stored.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::bench::load::{self, CONNECTIONS, Load};
use crate::bench::server::{Lag, Server};
use crate::bench::stats::{percentile, thousands};
use crate::benches::BenchArgs;

/// The consumer keeps up if it is less than this behind when the load ends.
const LAG_S_MAX: f64 = 5.0;
/// A rate counts as delivered from this share on: the last tick of each connection may fall behind the end.
const DELIVERED_MIN: f64 = 0.98;

/// One rate, measured.
struct Rung {
    rate: u64,
    accepted_per_s: f64,
    load: Load,
    lag_max: Lag,
    lag_end: Lag,
    drained: Duration,
    n_stored: u64,
    memory_max_kib: u64,
    memory_end_kib: u64,
}

impl Rung {
    fn holds(&self) -> bool {
        self.load.n_refused == 0
            && self.n_stored == self.load.n_accepted
            && self.lag_end.seconds < LAG_S_MAX
            && self.accepted_per_s >= DELIVERED_MIN * self.rate as f64
    }
}

/// Measures each rate, and returns the table.
///
/// # Errors
/// When a server fails or a connection breaks.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let mut table = format!(
        "B2: single-event POST, durable 202, paced over {CONNECTIONS} connections for {} s, with an empty data directory at each rate. \
         A rate holds when all of it is accepted, the lag at the end is under 5 s, and the NDJSON export has exactly the accepted. \
         Latency counts from when a request was due. Aim: 30,000/s, beyond 50,000/s.\n\n\
         | asked/s | accepted/s | accepted | not 202 | stored | lag at the end, s | largest lag, s | applied after, s | p50 / p99, ms | memory: largest / end, MiB | holds |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        args.sustain_s,
    );
    let mut highest = None;
    for &rate in &args.rate {
        let rung = measure(binary, folder, rate, Duration::from_secs(args.sustain_s)).await?;
        let line = line(&rung);
        println!("B2 {line}");
        if let Some(refusal) = &rung.load.first_refusal {
            println!("B2 first answer that was no 202:\n{refusal}");
        }
        let _ = writeln!(table, "{line}");
        if rung.holds() {
            highest = highest.max(Some((rate, rung.accepted_per_s as u64)));
        }
    }
    let verdict = match highest {
        Some((rate, accepted)) => format!(
            "Highest rate that holds: {} events/s ({} accepted/s, {}x the Django collector's 100/s).",
            thousands(rate as f64, 0),
            thousands(accepted as f64, 0),
            accepted / 100,
        ),
        None => "No rate holds.".to_owned(),
    };
    let _ = writeln!(table, "\n{verdict}");
    Ok(table)
}

async fn measure(
    binary: &Path,
    folder: &Path,
    rate: u64,
    during: Duration,
) -> anyhow::Result<Rung> {
    let server = Server::eyas(binary, folder).await?;
    println!("B2 {} events/s for {} s", thousands(rate as f64, 0), during.as_secs());
    let start = Instant::now();
    let (loaded, watched) = {
        let load = load::run(server.address, rate, during);
        tokio::pin!(load);
        watch(&server, load).await?
    };
    let took = start.elapsed();
    let lag_end = server.lag().await?;
    let memory_end_kib = server.memory_kib("VmRSS")?;
    let drained = server.catch_up().await?;
    let memory_max_kib = server.memory_kib("VmHWM")?;
    let n_stored = server.count_stored().await?;
    // The load begins 0.2 s after it is called; late answers make the run longer and the rate smaller.
    let seconds = (took.as_secs_f64() - 0.2).max(during.as_secs_f64());
    Ok(Rung {
        rate,
        accepted_per_s: loaded.n_accepted as f64 / seconds,
        lag_max: if lag_end.seconds > watched.seconds { lag_end } else { watched },
        load: loaded,
        lag_end,
        drained,
        n_stored,
        memory_max_kib,
        memory_end_kib,
    })
}

/// Looks at the lag once a second until the load is done. Returns the largest.
async fn watch(
    server: &Server,
    mut load: std::pin::Pin<&mut impl Future<Output = anyhow::Result<Load>>>,
) -> anyhow::Result<(Load, Lag)> {
    let second = Duration::from_secs(1);
    let mut ticks = interval_at(Instant::now() + second, second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut largest = Lag { records: 0, seconds: 0.0 };
    loop {
        tokio::select! {
            loaded = &mut load => return Ok((loaded?, largest)),
            _ = ticks.tick() => {
                let lag = server.lag().await?;
                if lag.seconds > largest.seconds {
                    largest = lag;
                }
            }
        }
    }
}

fn line(rung: &Rung) -> String {
    let ms = |share| f64::from(percentile(&rung.load.latencies_us, share)) / 1e3;
    format!(
        "| {} | {} | {} | {} | {} | {:.2} | {:.2} | {:.1} | {:.2} / {:.2} | {} / {} | {} |",
        thousands(rung.rate as f64, 0),
        thousands(rung.accepted_per_s, 0),
        thousands(rung.load.n_accepted as f64, 0),
        rung.load.n_refused,
        thousands(rung.n_stored as f64, 0),
        rung.lag_end.seconds,
        rung.lag_max.seconds,
        rung.drained.as_secs_f64(),
        ms(0.50),
        ms(0.99),
        rung.memory_max_kib / 1024,
        rung.memory_end_kib / 1024,
        if rung.holds() { "yes" } else { "no" },
    )
}

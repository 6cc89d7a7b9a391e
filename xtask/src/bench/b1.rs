//! B1: single-event POST, durable 202, in bursts that start with nothing left to apply. A ratio to bare hyper.

use std::fmt::Write;
use std::path::Path;

use crate::bench::server::Server;
use crate::bench::stats::{Spread, thousands};
use crate::bench::wrk::{Burst, Wrk};
use crate::benches::BenchArgs;

/// Bursts of this many seconds come first and are not counted: connections, caches and segments warm up.
const WARM_UP_S: u64 = 2;

/// Measures, and returns the table.
///
/// # Errors
/// When a server or `wrk` fails.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let wrk = Wrk::new(folder)?;
    let mut table = format!(
        "B1: single-event POST of {} bytes, durable 202, bursts of {} s from lag 0, {} rounds in turn; \
         median (min to max). Aim at 256 connections: 0.60, beyond 0.70.\n\n\
         | connections | bare hyper, req/s | Eyas, req/s | ratio of medians | bare p50 / p99, ms | Eyas p50 / p99, ms | errors |\n\
         |---|---|---|---|---|---|---|\n",
        crate::bench::wrk::ENVELOPE.len(),
        args.burst_s,
        args.rounds,
    );
    for &n_connections in &args.connections {
        let (bare, eyas) = turns(&wrk, binary, folder, args, n_connections).await?;
        let rate = |bursts: &[Burst]| Spread::of(bursts.iter().map(|burst| burst.rate));
        let _ = writeln!(
            table,
            "| {n_connections} | {} | {} | {:.2} | {} | {} | {} |",
            rate(&bare).show(0),
            rate(&eyas).show(0),
            rate(&eyas).median / rate(&bare).median,
            latency(&bare),
            latency(&eyas),
            errors(&bare, &eyas),
        );
    }
    Ok(table)
}

/// Bare and Eyas in turn, so that a neighbour on the machine disturbs both alike.
async fn turns(
    wrk: &Wrk,
    binary: &Path,
    folder: &Path,
    args: &BenchArgs,
    n_connections: u32,
) -> anyhow::Result<(Vec<Burst>, Vec<Burst>)> {
    let bare = Server::bare().await?;
    let eyas = Server::eyas(binary, folder).await?;
    wrk.burst(bare.address, n_connections, WARM_UP_S).await?;
    wrk.burst(eyas.address, n_connections, WARM_UP_S).await?;
    let (mut of_bare, mut of_eyas) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        // Order matters: the consumer is done before either side is measured.
        let drained = eyas.catch_up().await?;
        let limit = wrk.burst(bare.address, n_connections, args.burst_s).await?;
        let ours = wrk.burst(eyas.address, n_connections, args.burst_s).await?;
        println!(
            "B1 {n_connections} connections, round {round}: bare {}/s, eyas {}/s, ratio {:.2} (drained in {:.1} s before)",
            thousands(limit.rate, 0),
            thousands(ours.rate, 0),
            ours.rate / limit.rate,
            drained.as_secs_f64(),
        );
        of_bare.push(limit);
        of_eyas.push(ours);
    }
    Ok((of_bare, of_eyas))
}

fn latency(bursts: &[Burst]) -> String {
    let p50 = Spread::of(bursts.iter().map(|burst| burst.p50_us / 1e3));
    let p99 = Spread::of(bursts.iter().map(|burst| burst.p99_us / 1e3));
    format!("{:.2} / {:.2}", p50.median, p99.median)
}

fn errors(bare: &[Burst], eyas: &[Burst]) -> String {
    let n_errors: u64 = bare.iter().chain(eyas).map(|burst| burst.n_errors).sum();
    if n_errors == 0 { "0".to_owned() } else { format!("**{n_errors}: not valid**") }
}

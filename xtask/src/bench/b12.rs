//! B12: `GET /rates` on PostgreSQL, as fast as it is answered: a multiple of the Flask service with two workers.

use std::fmt::Write as _;
use std::path::Path;

use crate::bench::rates::{self, PORTS, Rates, csv, port};
use crate::bench::stats::{Spread, thousands};
use crate::bench::wrk::Wrk;
use crate::benches::BenchArgs;
use anyhow::ensure;

/// As many as the real service had.
const PRICES: u64 = 56_689;
/// What the Flask service with two workers answers a second (docs/benchmarks.md says where that is from).
const FLASK: f64 = 400.0;
/// Different requests that take turns.
const REQUESTS: u64 = 500;
const CONNECTIONS: u32 = 64;

/// Measures, and returns the table.
///
/// # Errors
/// When PostgreSQL or the server fails, or an answer is no 200.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let postgres = rates::postgres();
    let rates = Rates::start(binary, &folder.join("b12"), Some(&postgres)).await?;
    rates.commit("prices", &csv(PRICES)).await?;
    rates.psql("analyze").await?;
    let wrk = Wrk::asking(folder, &paths())?;
    let (mut rate, mut p50_ms, mut p99_ms) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let burst = wrk.burst(rates.server.address, CONNECTIONS, args.burst_s).await?;
        ensure!(burst.n_errors == 0, "{} answers were no success", burst.n_errors);
        println!("B12 round {round}: {}/s", thousands(burst.rate, 0));
        rate.push(burst.rate);
        p50_ms.push(burst.p50_us / 1e3);
        p99_ms.push(burst.p99_us / 1e3);
    }
    let rate = Spread::of(rate);
    Ok(format!(
        "B12: `GET /rates` of examples/rates on PostgreSQL with {} prices, {REQUESTS} different ranges of ten days in turn over {CONNECTIONS} connections, \
         bursts of {} s; a multiple of the Flask service with two workers ({FLASK}/s on such a machine). PostgreSQL, Eyas and wrk share the cores. \
         Aim: 20x, beyond 50x.\n\n\
         | answers/s | multiple | p50, ms | p99, ms |\n|---|---|---|---|\n| {} | {:.0}x | {} | {} |\n",
        thousands(PRICES as f64, 0),
        args.burst_s,
        rate.show(0),
        rate.median / FLASK,
        Spread::of(p50_ms).show(1),
        Spread::of(p99_ms).show(1),
    ))
}

/// What is asked for: pairs of ports and ten days each.
fn paths() -> Vec<String> {
    (0..REQUESTS)
        .map(|number| {
            let (from, to) = (port(number), port(number * 7 / PORTS + 1));
            let (month, day) = (number % 12 + 1, number % 18 + 1);
            let mut path = String::from("/rates?");
            let _ = write!(
                path,
                "date_from=2020-{month:02}-{day:02}&date_to=2020-{month:02}-{:02}",
                day + 9
            );
            let _ = write!(path, "&orig_code={from}&dest_code={to}");
            path
        })
        .collect()
}

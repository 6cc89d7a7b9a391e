//! B6: from a POST to its WebSocket message, at a steady pace with many subscribers.

use std::path::Path;
use std::time::Duration;

use crate::bench::push;
use crate::bench::server::Server;
use crate::bench::stats::{Spread, percentile, thousands};
use crate::benches::BenchArgs;

const SUBSCRIBERS: usize = 100;
const RATE: u64 = 1_000;
const ROUND: Duration = Duration::from_secs(10);

/// Measures, and returns the table.
///
/// # Errors
/// When the server fails, or not everybody gets everything.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let server = Server::eyas(binary, folder).await?;
    let mut subscribers = push::subscribe(server.address, SUBSCRIBERS, None).await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    let mut first = 0;
    for round in 0..=args.rounds.min(3) {
        let all_us = push::round(server.address, &mut subscribers, first, RATE, ROUND).await?;
        first += RATE * ROUND.as_secs();
        // The first round warms up.
        if round > 0 {
            let ms = |share| f64::from(percentile(&all_us, share)) / 1e3;
            println!("B6 round {round}: p50 {:.2} ms, p99 {:.2} ms", ms(0.5), ms(0.99));
            p50.push(ms(0.5));
            p99.push(ms(0.99));
        }
    }
    Ok(format!(
        "B6: from sending a POST to reading its WebSocket message, {} events/s, {SUBSCRIBERS} subscribers, {} deliveries a round. \
         Aim: p50 2 ms, p99 10 ms; beyond 1 and 5.\n\n\
         | p50, ms | p99, ms |\n|---|---|\n| {} | {} |\n",
        thousands(RATE as f64, 0),
        thousands(SUBSCRIBERS as f64 * (RATE * ROUND.as_secs()) as f64, 0),
        Spread::of(p50).show(2),
        Spread::of(p99).show(2),
    ))
}

//! B9: a page at the far end of millions of events against the first page, without a filter and with a rare one.

use std::fmt::Write;
use std::path::Path;

use anyhow::ensure;
use tokio::time::Instant;

use crate::bench::connection::Connection;
use crate::bench::filled;
use crate::bench::sample::{RARE, RARE_EVERY};
use crate::bench::server::Server;
use crate::bench::stats::{percentile, thousands};
use crate::benches::BenchArgs;

const LIMIT: u64 = 100;
/// Each page is asked for so often, the two sides of a ratio in turn.
const ASKED: usize = 300;

/// Measures, and returns the table.
///
/// # Errors
/// When the server fails, or a page is not full.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let data = filled::directory(binary, folder, args.events).await?;
    let server = Server::eyas_in(binary, &data).await?;
    let (log, last) = filled::head(&server).await?;
    let mut connection = Connection::open(server.address).await?;
    let mut table = format!(
        "B9: pages of {LIMIT} among {} events, {ASKED} times each and in turn; the rare filter (`category={RARE}`) matches 1 in {RARE_EVERY}. \
         Aim: 1.2, beyond 1.05.\n\n\
         | page | first page, p50 / p99, us | at the far end, p50 / p99, us | ratio of medians |\n|---|---|---|---|\n",
        thousands(args.events as f64, 0),
    );
    let far = |n_before: u64| format!("&after={log}.{}", last.saturating_sub(n_before));
    let rare = format!("&category={RARE}");
    // With the rare filter a full page reaches back a thousand times as far.
    let pages = [
        ("unfiltered, oldest first", String::new(), far(LIMIT + 1), "asc"),
        ("rare, oldest first", rare.clone(), rare.clone() + &far((LIMIT + 1) * RARE_EVERY), "asc"),
        ("unfiltered, newest first", String::new(), format!("&after={log}.{}", LIMIT + 1), "desc"),
        (
            "rare, newest first",
            rare.clone(),
            format!("{rare}&after={log}.{}", (LIMIT + 1) * RARE_EVERY),
            "desc",
        ),
    ];
    for (name, first, far, order) in pages {
        let path = |rest: &str| format!("/events?limit={LIMIT}&order={order}{rest}");
        let (mut first_us, mut far_us) = (Vec::new(), Vec::new());
        for _ in 0..ASKED {
            first_us.push(page_us(&mut connection, &path(&first)).await?);
            far_us.push(page_us(&mut connection, &path(&far)).await?);
        }
        first_us.sort_unstable();
        far_us.sort_unstable();
        let show = |us: &[u32]| format!("{} / {}", percentile(us, 0.5), percentile(us, 0.99));
        let ratio = f64::from(percentile(&far_us, 0.5)) / f64::from(percentile(&first_us, 0.5));
        println!(
            "B9 {name}: first {} us, far {} us, ratio {ratio:.2}",
            show(&first_us),
            show(&far_us)
        );
        let _ =
            writeln!(table, "| {name} | {} | {} | {ratio:.2} |", show(&first_us), show(&far_us));
    }
    Ok(table)
}

async fn page_us(connection: &mut Connection, path: &str) -> anyhow::Result<u32> {
    let start = Instant::now();
    let status = connection.get(path).await?;
    let took_us = start.elapsed().as_micros() as u32;
    let answer = String::from_utf8_lossy(connection.answer());
    ensure!(status == 200, "GET {path}: {answer}");
    let n_events = answer.matches("\"received_at\":").count() as u64;
    ensure!(n_events == LIMIT, "GET {path} has {n_events} events");
    Ok(took_us)
}

//! B8: ten thousand sockets, of which one in a hundred reads nothing. Memory of a socket, and what the others notice.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use crate::bench::push;
use crate::bench::server::Server;
use crate::bench::stats::{percentile, thousands};
use crate::bench::subscriber::{Subscriber, allow_files};
use crate::benches::BenchArgs;

/// Events a second: each is ten thousand deliveries.
const RATE: u64 = 10;
const ROUND: Duration = Duration::from_secs(15);
/// What the kernel keeps for a socket that reads nothing, so that it really stands still.
const RECEIVE_BYTES: u32 = 4 * 1024;
/// Until memory has settled: the allocator gives pages back late.
const SETTLE: Duration = Duration::from_secs(2);
/// Files beside the sockets.
const OTHER_FILES: u64 = 200;

/// Measures, and returns the table.
///
/// # Errors
/// When the server fails, or not everybody gets everything.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let (n_sockets, n_still) = (args.sockets, args.sockets / 100);
    allow_files(n_sockets as u64 + OTHER_FILES)?;
    let server = Server::eyas(binary, folder).await?;
    let rss_kib = || server.memory_kib("VmRSS");
    sleep(SETTLE).await;
    let before_kib = rss_kib()?;
    let mut readers = push::subscribe(server.address, n_sockets - n_still, None).await?;
    let mut still: Vec<Subscriber> =
        push::subscribe(server.address, n_still, Some(RECEIVE_BYTES)).await?;
    sleep(SETTLE).await;
    let idle_kib = rss_kib()?;
    // With all of them reading, then with one in a hundred standing still.
    let mut n_sent = 0;
    readers.append(&mut still);
    let all_us = push::round(server.address, &mut readers, n_sent, RATE, ROUND).await?;
    n_sent += RATE * ROUND.as_secs();
    let busy_kib = rss_kib()?;
    let still: Vec<Subscriber> = readers.drain(..n_still).collect();
    let others_us = push::round(server.address, &mut readers, n_sent, RATE, ROUND).await?;
    let still_kib = rss_kib()?;
    drop(still);
    let ms = |sorted: &[u32], share| f64::from(percentile(sorted, share)) / 1e3;
    let each_kib = |kib: u64| kib.saturating_sub(before_kib) as f64 / n_sockets as f64;
    Ok(format!(
        "B8: {} WebSockets, {RATE} events/s to all of them for {} s, then again while {n_still} of them read nothing. \
         Memory is resident memory above that of the idle server ({} MiB), by the number of sockets. \
         Aim: 20 KiB a socket and the others' p99 unchanged; beyond 10 KiB.\n\n\
         | | KiB a socket | push p50, ms | push p99, ms |\n|---|---|---|---|\n\
         | connected, nothing sent | {:.1} | | |\n\
         | all read | {:.1} | {:.1} | {:.1} |\n\
         | {n_still} read nothing | {:.1} | {:.1} | {:.1} |\n",
        thousands(n_sockets as f64, 0),
        ROUND.as_secs(),
        before_kib / 1024,
        each_kib(idle_kib),
        each_kib(busy_kib),
        ms(&all_us, 0.5),
        ms(&all_us, 0.99),
        each_kib(still_kib),
        ms(&others_us, 0.5),
        ms(&others_us, 0.99),
    ))
}

//! B13: memory when idle and under load, and the time from the start to the first 202.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::bench::connection::Connection;
use crate::bench::filled;
use crate::bench::load;
use crate::bench::sample;
use crate::bench::server::Server;
use crate::bench::stats::{Spread, thousands};
use crate::benches::BenchArgs;

/// Load under which memory is looked at.
const RATE: u64 = 30_000;
const LOADED: Duration = Duration::from_secs(20);
/// How long a server stands idle before its memory is looked at.
const IDLE: Duration = Duration::from_secs(3);
/// Pause between two tries to connect to a server that starts.
const POLL: Duration = Duration::from_micros(500);

/// Measures, and returns the table.
///
/// # Errors
/// When the server fails or refuses.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let server = Server::eyas(binary, folder).await?;
    sleep(IDLE).await;
    let idle_kib = server.memory_kib("VmRSS")?;
    load::run(server.address, RATE, LOADED).await?;
    let loaded_kib = server.memory_kib("VmHWM")?;
    drop(server);
    let (mut empty_ms, mut full_ms) = (Vec::new(), Vec::new());
    let full = filled::directory(binary, folder, args.events).await?;
    for round in 1..=args.rounds {
        let empty = folder.join(format!("start-{round}"));
        empty_ms.push(first_202_ms(binary, &empty).await?);
        std::fs::remove_dir_all(&empty)?;
        full_ms.push(first_202_ms(binary, &full).await?);
    }
    let mib = |kib: u64| kib as f64 / 1024.0;
    Ok(format!(
        "B13: memory (resident; under {} events/s for {} s its maximum), and from starting the process to the first 202, after a kill -9. \
         Aim: 30 MiB, 256 MiB, 100 ms, 500 ms; beyond 15, 128, 50, 200.\n\n\
         | idle, MiB | under load, MiB | empty directory, ms | {} events, ms |\n|---|---|---|---|\n| {:.1} | {:.0} | {} | {} |\n",
        thousands(RATE as f64, 0),
        LOADED.as_secs(),
        thousands(args.events as f64, 0),
        mib(idle_kib),
        mib(loaded_kib),
        Spread::of(empty_ms).show(0),
        Spread::of(full_ms).show(0),
    ))
}

async fn first_202_ms(binary: &Path, data: &Path) -> anyhow::Result<f64> {
    let mut body = Vec::new();
    sample::write_envelope(&mut body, 0);
    let start = Instant::now();
    let server = Server::starting(binary, data)?;
    let mut connection = loop {
        match Connection::open(server.address).await {
            Ok(connection) => break connection,
            Err(error) => ensure!(start.elapsed() < Duration::from_secs(30), "no start: {error}"),
        }
        sleep(POLL).await;
    };
    let status = connection.post("/events", "application/json", &body).await?;
    let took = start.elapsed();
    ensure!(status == 202, "{}", String::from_utf8_lossy(connection.answer()));
    Ok(took.as_secs_f64() * 1e3)
}

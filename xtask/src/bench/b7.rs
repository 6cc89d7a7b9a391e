//! B7: fan-out. Deliveries a second to many subscribers, as a ratio to a bare tungstenite broadcast.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::connection::Connection;
use crate::bench::push;
use crate::bench::sample;
use crate::bench::server::Server;
use crate::bench::stats::{Spread, thousands};
use crate::bench::subscriber::Subscriber;
use crate::benches::BenchArgs;

const SUBSCRIBERS: usize = 1_000;
const MESSAGES: u64 = 20_000;
/// Events of one request: the sender must not be what is slow.
const REQUEST_EVENTS: u64 = 100;
/// Bytes of one live message of the sample event, as the bare broadcast sends them too.
const MESSAGE_BYTES: usize = 480;

/// Measures, and returns the table.
///
/// # Errors
/// When a server fails, or not everybody gets everything.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let (mut bare, mut eyas) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds.min(3) {
        let limit = rate(of_bare().await?);
        let ours = rate(of_eyas(binary, folder).await?);
        println!(
            "B7 round {round}: bare {}/s, eyas {}/s, ratio {:.2}",
            thousands(limit, 0),
            thousands(ours, 0),
            ours / limit,
        );
        bare.push(limit);
        eyas.push(ours);
    }
    let (bare, eyas) = (Spread::of(bare), Spread::of(eyas));
    Ok(format!(
        "B7: {} events (NDJSON, {REQUEST_EVENTS} a request, stored too) to {SUBSCRIBERS} WebSocket subscribers, from the first request until \
         everybody has everything, against a bare tungstenite server that sends as many messages of the same size. \
         Aim: 0.5, beyond 0.8.\n\n\
         | bare, deliveries/s | Eyas, deliveries/s | ratio of medians |\n|---|---|---|\n| {} | {} | {:.2} |\n",
        thousands(MESSAGES as f64, 0),
        bare.show(0),
        eyas.show(0),
        eyas.median / bare.median,
    ))
}

fn rate(took: Duration) -> f64 {
    SUBSCRIBERS as f64 * MESSAGES as f64 / took.as_secs_f64()
}

async fn of_bare() -> anyhow::Result<Duration> {
    let server = Server::broadcast(SUBSCRIBERS, MESSAGES, MESSAGE_BYTES).await?;
    // The last one to come starts the broadcast, so the handshake of all others is not timed.
    let mut subscribers = Vec::with_capacity(SUBSCRIBERS);
    for _ in 0..SUBSCRIBERS {
        subscribers.push(Subscriber::open(server.address, "/", None).await?);
    }
    let start = Instant::now();
    all_read(subscribers).await?;
    Ok(start.elapsed())
}

async fn of_eyas(binary: &Path, folder: &Path) -> anyhow::Result<Duration> {
    let server = Server::eyas(binary, folder).await?;
    let subscribers = push::subscribe(server.address, SUBSCRIBERS, None).await?;
    let start = Instant::now();
    let (sent, read) = tokio::join!(send(server.address), all_read(subscribers));
    sent?;
    read?;
    Ok(start.elapsed())
}

async fn send(address: SocketAddr) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut body = Vec::new();
    for first in (0..MESSAGES).step_by(REQUEST_EVENTS as usize) {
        body.clear();
        sample::write_lines(&mut body, first, REQUEST_EVENTS);
        let status = connection.post("/events", "application/x-ndjson", &body).await?;
        ensure!(status == 202, "{}", String::from_utf8_lossy(connection.answer()));
    }
    Ok(())
}

/// Each reads until it has all events, told by their length from hello, pings and the like.
async fn all_read(subscribers: Vec<Subscriber>) -> anyhow::Result<()> {
    let mut reading = JoinSet::new();
    for mut subscriber in subscribers {
        reading.spawn(async move {
            let mut n_read = 0;
            while n_read < MESSAGES {
                subscriber.read(|text| n_read += u64::from(text.len() > 300)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(read) = reading.join_next().await {
        read??;
    }
    Ok(())
}

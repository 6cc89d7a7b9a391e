//! A data directory with millions of events, made once a run and shared by the benches that need one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::connection::Connection;
use crate::bench::sample;
use crate::bench::server::Server;
use crate::bench::stats::thousands;

const REQUEST_EVENTS: u64 = 1_000;
const CONNECTIONS: u64 = 2;

/// The folder of the data directory: filled with `n_events` events, unless an earlier bench of this run did so.
///
/// # Errors
/// When the server fails or an event is refused.
pub(crate) async fn directory(
    binary: &Path,
    folder: &Path,
    n_events: u64,
) -> anyhow::Result<PathBuf> {
    let data = folder.join("filled");
    if data.exists() {
        return Ok(data);
    }
    println!("filling a data directory with {} events", thousands(n_events as f64, 0));
    let start = Instant::now();
    let server = Server::eyas_in(binary, &data).await?;
    let mut senders = JoinSet::new();
    for number in 0..CONNECTIONS {
        senders.spawn(send(server.address, number, n_events));
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    server.catch_up().await?;
    println!("filled in {:.0} s", start.elapsed().as_secs_f64());
    Ok(data)
}

async fn send(address: SocketAddr, number: u64, n_events: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut body = Vec::new();
    for request in (number..n_events.div_ceil(REQUEST_EVENTS)).step_by(CONNECTIONS as usize) {
        body.clear();
        sample::write_lines(&mut body, request * REQUEST_EVENTS, REQUEST_EVENTS);
        let status = connection.post("/events", "application/x-ndjson", &body).await?;
        ensure!(status == 202, "{}", String::from_utf8_lossy(connection.answer()));
    }
    Ok(())
}

/// Log id and applied position: what cursors are made of.
///
/// # Errors
/// When the server does not say.
pub(crate) async fn head(server: &Server) -> anyhow::Result<(String, u64)> {
    let status = server.status().await?;
    let log = status["log"]["id"].as_str().map(str::to_owned);
    let applied = status["applied_seq"].as_u64();
    Ok((log.context("no log.id")?, applied.with_context(|| unexpected(&status))?))
}

fn unexpected(status: &Value) -> String {
    format!("GET /status has no applied_seq: {status}")
}

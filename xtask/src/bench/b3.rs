//! B3: NDJSON, 100 events a request, as fast as they are stored. A ratio to the bare SQLite insert of the same rows.
//!
//! The limit reads the rows that Eyas has stored back into memory and inserts them into an empty database with the
//! same tables, indexes and settings, one thread, 10,000 rows a transaction.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rusqlite::types::Value;
use rusqlite::{Connection as Database, params_from_iter};

use crate::bench::connection::Connection;
use crate::bench::sample;
use crate::bench::server::Server;
use crate::bench::stats::{Spread, thousands};
use crate::benches::BenchArgs;

/// Events of one round.
pub(crate) const EVENTS: u64 = 600_000;
/// Events of one request.
pub(crate) const REQUEST_EVENTS: u64 = 100;
/// Keep-alive connections, one request at a time on each.
pub(crate) const CONNECTIONS: u64 = 4;
/// What Eyas asks of SQLite, so that the two differ in nothing but Eyas: with SQLite's defaults the limit is slower.
const SETTINGS: &str = "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                        PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384;";
/// Rows of one bare transaction.
const TRANSACTION_ROWS: usize = 10_000;

/// Measures, and returns the table.
///
/// # Errors
/// When the server or SQLite fails, or when not everything is stored.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let (mut bare, mut eyas) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds.min(3) {
        let data = folder.join("b3");
        let took = stored(&Server::eyas_in(binary, &data).await?).await?;
        let path = data.clone();
        let limit = tokio::task::spawn_blocking(move || inserted(&path)).await??;
        std::fs::remove_dir_all(&data)?;
        let rate = |took: Duration| EVENTS as f64 / took.as_secs_f64();
        println!(
            "B3 round {round}: bare {}/s, eyas {}/s, ratio {:.2}",
            thousands(rate(limit), 0),
            thousands(rate(took), 0),
            rate(took) / rate(limit),
        );
        bare.push(rate(limit));
        eyas.push(rate(took));
    }
    let (bare, eyas) = (Spread::of(bare), Spread::of(eyas));
    Ok(format!(
        "B3: NDJSON, {REQUEST_EVENTS} events a request over {CONNECTIONS} connections, {} events, from the first request until all are stored, \
         against the bare SQLite insert of the same rows into the same tables and indexes ({} rows a transaction, the settings of Eyas, \
         nothing else running). Aim: 0.6, beyond 0.8.\n\n\
         | bare SQLite, rows/s | Eyas, events/s stored | ratio of medians |\n|---|---|---|\n| {} | {} | {:.2} |\n",
        thousands(EVENTS as f64, 0),
        thousands(TRANSACTION_ROWS as f64, 0),
        bare.show(0),
        eyas.show(0),
        eyas.median / bare.median,
    ))
}

/// From the first request until everything is in the database.
///
/// # Errors
/// When a request is refused, or not everything is stored in time.
pub(crate) async fn stored(server: &Server) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        senders.spawn(send(server.address, number));
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    server.catch_up().await?;
    let took = start.elapsed();
    let n_stored = server.count_stored().await?;
    ensure!(n_stored == EVENTS, "{n_stored} of {EVENTS} events are stored");
    Ok(took)
}

async fn send(address: std::net::SocketAddr, number: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut body = Vec::new();
    for request in (number..EVENTS / REQUEST_EVENTS).step_by(CONNECTIONS as usize) {
        body.clear();
        sample::write_lines(&mut body, request * REQUEST_EVENTS, REQUEST_EVENTS);
        let status = connection.post("/events", "application/x-ndjson", &body).await?;
        ensure!(status == 202, "{}", String::from_utf8_lossy(connection.answer()));
    }
    Ok(())
}

/// Inserts the rows of the database below `data` into a new one. Only the inserting is timed.
fn inserted(data: &Path) -> anyhow::Result<Duration> {
    let full = Database::open(data.join("eyas.db"))?;
    let schema: Vec<String> = full
        .prepare("SELECT sql FROM sqlite_master WHERE tbl_name = 'events' AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut select = full.prepare("SELECT * FROM events ORDER BY seq")?;
    let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
    let rows: Vec<Vec<Value>> = select
        .query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect())?
        .collect::<Result<_, _>>()?;
    let mut bare = Database::open(data.join("bare.db"))?;
    bare.execute_batch(SETTINGS)?;
    for statement in schema {
        bare.execute_batch(&statement)?;
    }
    let insert = format!(
        "INSERT INTO events ({}) VALUES ({})",
        columns.join(", "),
        vec!["?"; columns.len()].join(", "),
    );
    let start = Instant::now();
    for rows in rows.chunks(TRANSACTION_ROWS) {
        let transaction = bare.transaction()?;
        {
            let mut insert = transaction.prepare_cached(&insert)?;
            for row in rows {
                insert.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    Ok(start.elapsed())
}

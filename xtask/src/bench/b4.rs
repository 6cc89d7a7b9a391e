//! B4: NDJSON, 100 events a request, as fast as they are stored in PostgreSQL. A ratio to the bare COPY of the same rows.
//!
//! The limit copies the rows that Eyas has stored into an empty table with the same columns, constraints and indexes, by
//! `psql \copy`, in one transaction.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use testbed::{Database, Postgres};

use crate::bench::b3::{self, CONNECTIONS, EVENTS, REQUEST_EVENTS};
use crate::bench::rates;
use crate::bench::server::Server;
use crate::bench::stats::{Spread, thousands};
use crate::benches::BenchArgs;

/// Measures, and returns the table.
///
/// # Errors
/// When PostgreSQL or the server fails, or when not everything is stored.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let postgres = rates::postgres();
    let (mut bare, mut eyas) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds.min(3) {
        let (limit, took) = turn(binary, &folder.join("b4"), &postgres).await?;
        let rate = |took: Duration| EVENTS as f64 / took.as_secs_f64();
        println!(
            "B4 round {round}: COPY {}/s, eyas {}/s, ratio {:.2}",
            thousands(rate(limit), 0),
            thousands(rate(took), 0),
            rate(took) / rate(limit),
        );
        bare.push(rate(limit));
        eyas.push(rate(took));
    }
    let (bare, eyas) = (Spread::of(bare), Spread::of(eyas));
    Ok(format!(
        "B4: NDJSON, {REQUEST_EVENTS} events a request over {CONNECTIONS} connections, {} events, from the first request until all are in PostgreSQL, \
         against the bare `psql \\copy` of the same rows into a table with the same columns, constraints and indexes (one transaction, nothing else running). \
         Aim: 0.6, beyond 0.8.\n\n\
         | bare COPY, rows/s | Eyas, events/s stored | ratio of medians |\n|---|---|---|\n| {} | {} | {:.2} |\n",
        thousands(EVENTS as f64, 0),
        bare.show(0),
        eyas.show(0),
        eyas.median / bare.median,
    ))
}

/// What the limit and what Eyas took, in a database and a data directory of their own.
async fn turn(
    binary: &Path,
    data: &Path,
    postgres: &Postgres,
) -> anyhow::Result<(Duration, Duration)> {
    let database = postgres.create_database();
    std::fs::create_dir_all(data)?;
    let config = data.join("eyas.toml");
    std::fs::write(&config, "")?;
    let settings = [("EYAS_STORE_URL", database.url())];
    let server = Server::eyas_with(binary, data, &config, &settings).await?;
    let took = b3::stored(&server).await?;
    drop(server);
    let rows = data.join("rows");
    let limit = tokio::task::spawn_blocking(move || copied(&database, &rows)).await??;
    std::fs::remove_dir_all(data)?;
    Ok((limit, took))
}

/// Copies the rows of the events table into another. Only the copying is timed.
fn copied(database: &Database, file: &Path) -> anyhow::Result<Duration> {
    let file = file.display();
    database.try_sql(&format!("\\copy eyas.events to '{file}'"))?;
    database.try_sql("CREATE TABLE bare (LIKE eyas.events INCLUDING ALL); CHECKPOINT")?;
    let start = Instant::now();
    database.try_sql(&format!("\\copy bare from '{file}'"))?;
    let took = start.elapsed();
    let n_rows = database.try_sql("SELECT count(*) FROM bare")?;
    ensure!(n_rows == EVENTS.to_string(), "{n_rows} of {EVENTS} rows were copied");
    Ok(took)
}

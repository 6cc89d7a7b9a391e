//! B10: an atomic batch of a million prices into PostgreSQL, from the first byte until it is committed. A ratio to
//! `psql \copy` of the same file into the same table, with its keys and indexes.

use std::path::Path;
use std::time::Duration;

use crate::bench::rates::{self, Rates, csv};
use crate::bench::stats::{Spread, thousands};
use crate::benches::BenchArgs;

/// Rows of the batch.
pub(crate) const ROWS: u64 = 1_000_000;

/// Measures, and returns the table.
///
/// # Errors
/// When PostgreSQL or the server fails, or the batch is not committed.
pub(crate) async fn run(binary: &Path, folder: &Path, args: &BenchArgs) -> anyhow::Result<String> {
    let rows = csv(ROWS);
    let file = folder.join("prices.csv");
    std::fs::write(&file, &rows)?;
    let copy = format!(
        "\\copy prices (orig_code, dest_code, day, price) from '{}' csv header",
        file.display()
    );
    let postgres = rates::postgres();
    let (mut bare, mut eyas, mut memory_mib) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=args.rounds.min(3) {
        let rates =
            Rates::start(binary, &folder.join(format!("b10-{round}")), Some(&postgres)).await?;
        let limit = rates.psql(&copy).await?;
        rates.psql("truncate prices").await?;
        rates.psql("checkpoint").await?;
        let took = rates.commit("prices", &rows).await?;
        let rate = |took: Duration| ROWS as f64 / took.as_secs_f64();
        println!(
            "B10 round {round}: psql {}/s, eyas {}/s, ratio {:.2}",
            thousands(rate(limit), 0),
            thousands(rate(took), 0),
            rate(took) / rate(limit),
        );
        bare.push(rate(limit));
        eyas.push(rate(took));
        memory_mib.push(rates.server.memory_kib("VmHWM")? as f64 / 1024.0);
    }
    let (bare, eyas) = (Spread::of(bare), Spread::of(eyas));
    Ok(format!(
        "B10: one atomic batch of {} prices (CSV, {} MB) into PostgreSQL, from its first byte until it is committed: checked, durable in the log, \
         applied in one transaction; against `psql \\copy` of the same file into the same table with its foreign keys and index. Aim: 0.6, beyond 0.9.\n\n\
         | psql \\copy, rows/s | Eyas, rows/s | ratio of medians | memory at most, MiB |\n|---|---|---|---|\n| {} | {} | {:.2} | {} |\n",
        thousands(ROWS as f64, 0),
        rows.len() / 1_000_000,
        bare.show(0),
        eyas.show(0),
        eyas.median / bare.median,
        Spread::of(memory_mib).show(0),
    ))
}

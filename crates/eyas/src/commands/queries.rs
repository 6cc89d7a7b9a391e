//! `eyas query check`: what is wrong with the published queries, all at once.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde_json::json;

use crate::config::Config;
use crate::exit::CommandError;
use crate::printable::printable;
use crate::query_check::{Fault, faults};
use crate::wiring;

/// Asks the configured database about every query.
pub(crate) async fn run(config: &Config, json: bool) -> Result<(), CommandError> {
    let sql = wiring::open_sql(config).map_err(anyhow::Error::from)?;
    let found = faults(&*sql, config.store.dialect(), &config.queries).await;
    let found = found.map_err(CommandError::Unreachable)?;
    let n_queries = config.queries.len();
    let text = if json {
        let fault = |Fault { query, file, words }: &Fault| json!({ "query": query, "file": file, "problem": words });
        let problems: Vec<_> = found.iter().map(fault).collect();
        format!(
            "{}\n",
            json!({ "ok": found.is_empty(), "queries": n_queries, "problems": problems })
        )
    } else if found.is_empty() {
        format!("{n_queries} queries, and the database takes all of them\n")
    } else {
        let line = |Fault { query, file, words }: &Fault| {
            let space = if file.is_empty() { "" } else { " " };
            format!("{}{space}{}: {}\n", printable(query), printable(file), printable(words))
        };
        found.iter().map(line).collect()
    };
    io::stdout().write_all(text.as_bytes()).context("writing to stdout")?;
    match found.len() {
        0 => Ok(()),
        n_faults => Err(CommandError::Failed(anyhow::anyhow!(
            "{n_faults} of {n_queries} queries cannot run"
        ))),
    }
}

//! The database server, if one is configured: does it answer, and may we in?

use std::time::Duration;

use store::{PostgresOptions, PostgresStore};

use crate::commands::doctor::finding::Finding;
use crate::store_config::StoreConfig;

/// A server that takes longer is of no use to pages either.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Asks it. Changes nothing there. Files in the data directory are looked at with the log.
pub(crate) async fn check(store: &StoreConfig) -> Finding {
    match store {
        StoreConfig::Sqlite(file) => {
            Finding::ok("database", format!("SQLite, {file} in the data directory"))
        }
        StoreConfig::Postgres(options) => ask(options).await,
    }
}

async fn ask(options: &PostgresOptions) -> Finding {
    let check = "database";
    let fix = "is the server running, is it new enough, and are host, user and password in store.url right? `psql` tells more";
    match tokio::time::timeout(ANSWER_WAIT, PostgresStore::peek(options.clone())).await {
        Ok(Ok(Some(lease))) => {
            let held = match (&lease.holder, lease.until) {
                (Some(holder), Some(until)) if until > pipeline::now() => {
                    format!("; {holder} feeds it, at least until {until}")
                }
                (Some(holder), _) => format!("; {holder} fed it last, nobody does now"),
                (None, _) => String::new(),
            };
            let applied = lease.applied;
            Finding::ok(check, format!("PostgreSQL answers; it has the log up to {applied}{held}"))
        }
        Ok(Ok(None)) => {
            Finding::ok(check, "PostgreSQL answers; a start makes our schema `eyas` there")
        }
        Ok(Err(error)) => Finding::fail(check, error.to_string(), fix),
        Err(_) => {
            let seconds = ANSWER_WAIT.as_secs();
            Finding::fail(check, format!("PostgreSQL does not answer within {seconds} s"), fix)
        }
    }
}

//! On what a server stands when it opens: its database; or, while that does not answer, what it kept of it.
//!
//! ```text
//!                    answers
//!   ask the database ────────> all checks of a start ──> the whole server
//!        │ does not                                           ^
//!        v                                                    │ the listening socket stays, as in a hand-over
//!   the snapshot ──────────> intake and push ──> the database answers, is ours, and nobody else feeds it
//!        │ none, damaged, of another database
//!        v
//!   wait `store.connect_wait`, then refuse (69)
//! ```
//!
//! Invariant: whatever a start refuses is refused, whichever way it came: the whole server is only ever opened by
//! [`Server::open`] on its database. Why so: docs/adr/0014.

use std::net::SocketAddr;
use std::time::Duration;

use pipeline::StartError;
use store::{StoreError, Stores};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

use crate::config::Config;
use crate::exit::CommandError;
use crate::refusals::{nor_without, refused_store};
use crate::server::{Ground, Server};
use crate::snapshot::file::{self, Kept};
use crate::{tenancy, wiring};

/// Where there is a snapshot, a start waits no longer for the database before it takes events.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Pause where the database goes away again while it is being looked at.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Opens the server on its database, or without it. `back`: the database, where it was just found again.
pub(crate) async fn open(
    config: Config,
    address: SocketAddr,
    back: Option<Stores>,
) -> Result<Server, CommandError> {
    wiring::make_room(&config.data_dir);
    let wait = config.waits.connect_wait;
    let kept = read_snapshot(&config).await;
    let first_wait = if kept.is_ok() { wait.min(FIRST_WAIT) } else { wait };
    let refused = match on_database(&config, address, back, first_wait).await {
        Err(error) if is_away(&error) => error,
        opened => return opened,
    };
    let kept = match kept {
        Ok(kept) => kept,
        Err(why) => return Err(nor_without(refused, &why)),
    };
    let written_at = kept.written_at.clone();
    match Server::open(config.clone(), address, Ground::Snapshot(kept)).await {
        Err(CommandError::NoDatabase(why)) => {
            warn!(%why, "the server cannot begin without the database");
            let opened = on_database(&config, address, None, wait.saturating_sub(first_wait)).await;
            opened.map_err(|refused| nor_without(refused, &why))
        }
        opened => {
            if opened.is_ok() {
                warn!(snapshot = %written_at, why = %refused.text().lines().next().unwrap_or_default(), "the server begins without its database: it takes and shows events, by the tokens and schemas of the snapshot");
            }
            opened
        }
    }
}

async fn on_database(
    config: &Config,
    address: SocketAddr,
    back: Option<Stores>,
    wait_max: Duration,
) -> Result<Server, CommandError> {
    let stores = match back {
        Some(stores) => stores,
        None => wiring::open_stores(config, Some(wait_max)).await.map_err(refused_store)?,
    };
    Server::open(config.clone(), address, Ground::Database(stores)).await
}

async fn read_snapshot(config: &Config) -> Result<Kept, String> {
    let Some(database) = config.store.place() else {
        return Err("the database is a file".to_owned());
    };
    let data_dir = config.data_dir.clone();
    let kept = spawn_blocking(move || file::read(&data_dir, &database)).await;
    let kept = kept.unwrap_or_else(|error| Err(error.to_string()));
    if let Err(why) = &kept
        && config.data_dir.join(file::NAME).exists()
    {
        warn!(%why, "the snapshot is of no use: without the database there will be no start");
    }
    kept
}

/// For a server that began without its database: waits until it answers, can be used, and nobody but `holder` feeds it.
///
/// # Errors
/// Whatever a start would refuse by then.
pub(crate) async fn found_again(config: &Config, holder: &str) -> Result<Stores, CommandError> {
    loop {
        match ask(config, holder).await {
            Err(error) if is_away(&error) => sleep(ASK_EVERY).await,
            found => return found,
        }
    }
}

async fn ask(config: &Config, holder: &str) -> Result<Stores, CommandError> {
    let stores = wiring::open_stores(config, None).await.map_err(refused_store)?;
    tenancy::wait(&stores, holder).await?;
    Ok(stores)
}

/// Whether the database does not answer, which passes.
fn is_away(error: &CommandError) -> bool {
    let CommandError::Failed(error) = error else {
        return matches!(error, CommandError::NoDatabase(_));
    };
    error.chain().any(|cause| {
        let store = cause.downcast_ref::<StoreError>();
        let start = cause.downcast_ref::<StartError>().and_then(|error| match error {
            StartError::Store(error) => Some(error),
            _ => None,
        });
        matches!(store.or(start), Some(StoreError::Unavailable(_)))
    })
}

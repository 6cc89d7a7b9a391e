//! One batch from its first byte to its end, begun anew or taken up where an earlier command left it.
//!
//! ```text
//! key    none ──> begin ──> receiving ──> queued ──> applying ──> committed        nothing left to do
//! key    ──> rejected, its rows kept ──> checked again, and not sent again
//! key.2  after other `rejected` and after `cancelled`: another attempt
//! ```
//!
//! Invariant: what was committed under the key is never sent again.

use std::cell::Cell;
use std::future;
use std::time::Duration;

use crate::commands::import::bar::Bar;
use crate::commands::import::format::RowFormat;
use crate::commands::import::server::{Batch, Patience, Server, State};
use crate::commands::import::source::Source;
use crate::commands::import::upload::{UploadError, upload};
use crate::exit::CommandError;
use crate::printable::printable;

/// Most attempts under one key.
const ATTEMPTS_MAX: u32 = 100;
/// Between two looks at a batch that waits for the database.
const LOOK: Duration = Duration::from_millis(300);

/// What is to be brought into one table.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Into which.
    pub(crate) table: String,
    /// How its rows are written.
    pub(crate) format: RowFormat,
    /// What names the content: the same content has the same key.
    pub(crate) key: String,
    /// What people see in the list of batches.
    pub(crate) label: Option<String>,
    /// Its rows.
    pub(crate) source: Source,
    /// The same command can go on with it later.
    pub(crate) is_resumable: bool,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Into which table.
    pub(crate) table: String,
    /// The batch.
    pub(crate) batch: Batch,
    /// It was committed before this command.
    pub(crate) is_repeated: bool,
}

/// Brings it to its end; with `waits` not before the database has decided. An upload that nobody can go on with is
/// cancelled: it would count against its application until the server gives it up.
pub(crate) async fn run(
    server: &Server<'_>,
    patience: &mut Patience,
    wanted: Wanted,
    bar: &Bar,
    waits: bool,
) -> Result<Outcome, CommandError> {
    let is_resumable = wanted.is_resumable;
    // Where somebody can go on, Ctrl-C ends the process, as a kill does.
    let interrupted = async {
        if is_resumable || tokio::signal::ctrl_c().await.is_err() {
            future::pending::<()>().await;
        }
    };
    let receiving = Cell::new(None);
    let ended = tokio::select! {
        // Order matters: the end of a pipe whose other side was interrupted too is not the end of the rows.
        biased;
        () = interrupted => {
            Err(CommandError::Failed(anyhow::anyhow!("ended by Ctrl-C")).into())
        }
        ended = bring(server, patience, wanted, bar, waits, &receiving) => ended,
    };
    let UploadError { error, is_final } = match ended {
        Ok(outcome) => return Ok(outcome),
        Err(error) => error,
    };
    if let Some(id) = receiving.take()
        && (is_final || !is_resumable)
    {
        server.cancel(&id).await;
    }
    Err(error)
}

/// The same; `receiving` is the batch whose upload is under way.
async fn bring(
    server: &Server<'_>,
    patience: &mut Patience,
    mut wanted: Wanted,
    bar: &Bar,
    waits: bool,
    receiving: &Cell<Option<String>>,
) -> Result<Outcome, UploadError> {
    let (mut attempt, mut is_repeated) = (1, false);
    let mut batch = loop {
        let key = match attempt {
            1 => wanted.key.clone(),
            attempt => format!("{}.{attempt}", wanted.key),
        };
        match server.with_key(patience, &wanted.table, &key).await? {
            Some(Batch { state: State::Rejected, rows_kept: true, id, .. }) => {
                match server.revalidate(patience, &id).await? {
                    Some(batch) => break note(bar, &wanted, batch),
                    None => attempt += 1,
                }
            }
            Some(Batch { state: State::Rejected | State::Cancelled, .. }) => attempt += 1,
            Some(batch) => {
                is_repeated = batch.state == State::Committed;
                break note(bar, &wanted, batch);
            }
            None => {
                let name = (key.as_str(), wanted.label.as_deref());
                let begun = server.begin(patience, &wanted.table, wanted.format, name).await?;
                match begun {
                    Some(batch) => break batch,
                    // Somebody was faster: looked up again.
                    None => tokio::time::sleep(LOOK).await,
                }
            }
        }
        if attempt > ATTEMPTS_MAX {
            return Err(CommandError::Refused(format!(
                "{ATTEMPTS_MAX} attempts to import this into {} were rejected or cancelled: set --key to begin anew",
                wanted.table
            ))
            .into());
        }
    };
    if batch.state == State::Receiving {
        receiving.set(Some(batch.id.clone()));
        batch = upload(server, patience, &batch, &mut wanted.source, bar).await?;
        receiving.set(None);
    }
    if waits && !batch.state.is_over() {
        batch = decided(server, patience, batch, bar).await?;
    }
    // The server could not look the key up when it began.
    if let Some(first) = &batch.same_as {
        batch = server.batch(patience, first).await?;
        is_repeated = batch.state == State::Committed;
    }
    Ok(Outcome { table: wanted.table, batch, is_repeated })
}

fn note(bar: &Bar, wanted: &Wanted, batch: Batch) -> Batch {
    let words = match (batch.state, batch.upload_offset) {
        (State::Receiving, Some(offset @ 1..)) => {
            format!("{}: going on at byte {offset} of the rows", wanted.table)
        }
        (State::Queued | State::Applying, _) => {
            format!("{}: the server has all rows already", wanted.table)
        }
        _ => return batch,
    };
    bar.say(&words);
    batch
}

/// Waits until it is over.
async fn decided(
    server: &Server<'_>,
    patience: &mut Patience,
    mut batch: Batch,
    bar: &Bar,
) -> Result<Batch, CommandError> {
    bar.applies(batch.rows);
    let mut said = None;
    while !batch.state.is_over() {
        bar.applied(batch.state.as_str(), batch.rows_applied);
        // Why the database does not take it, until somebody mends that.
        if let Some(why) = batch.detail.take().filter(|why| said.as_ref() != Some(why)) {
            bar.say(&printable(&why));
            said = Some(why);
        }
        tokio::time::sleep(LOOK).await;
        batch = server.batch(patience, &batch.id).await?;
    }
    Ok(batch)
}

//! Finds an event that is in the log but not yet in the database: every accepted id has an answer.
//!
//! The log is searched from the applied position to its head, in bounded memory. In ordinary times that is less than a
//! second's worth of events; behind a stopped database it can be much, so the search has a bound.

use model::{Event, Seq};
use store::Stored;
use thiserror::Error;

use crate::intake::Intake;

/// How much of the log one search may read.
const SEARCH_BYTES_MAX: usize = 256 << 20;
/// How much it holds at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Why a search has no answer.
#[derive(Clone, Debug, Error)]
pub enum QueuedError {
    /// So much waits for the database that it cannot be searched now.
    #[error("more events wait for the database than can be searched")]
    TooMuch,
    /// The log cannot be read.
    #[error("{0}")]
    Log(String),
}

impl Intake {
    /// The events with this id that wait for the database, of every application and stream that the
    /// arguments leave open; an empty application means without one.
    pub async fn queued(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, QueuedError> {
        let bounds = self.queue.bounds();
        let from = self.meters.applied().next().max(bounds.first);
        let mut found = Vec::new();
        let mut n_bytes = 0;
        let mut reader = self.queue.reader(from);
        while reader.position() <= bounds.last && from <= bounds.last {
            let records = reader.next(CHUNK_BYTES).await;
            let records = match records {
                Ok(records) => records,
                // Applied and trimmed while we looked: the caller asks the database again.
                Err(queue::QueueError::Trimmed { first }) => {
                    reader = self.queue.reader(first);
                    continue;
                }
                Err(error) => return Err(QueuedError::Log(error.to_string())),
            };
            for record in records {
                n_bytes += record.bytes.len();
                found.extend(matching(record.seq, record.bytes, id, application, stream)?);
            }
            if n_bytes > SEARCH_BYTES_MAX {
                return Err(QueuedError::TooMuch);
            }
        }
        Ok(found)
    }
}

fn matching(
    seq: Seq,
    bytes: bytes::Bytes,
    id: &str,
    application: Option<&str>,
    stream: Option<&str>,
) -> Result<Option<Stored>, QueuedError> {
    let event = Event::decode(bytes).map_err(|error| QueuedError::Log(error.to_string()))?;
    let is_wanted = event.id() == id
        && stream.is_none_or(|stream| stream == event.stream())
        && application.is_none_or(|wanted| wanted == event.application().unwrap_or_default());
    Ok(is_wanted.then_some(Stored { seq, event }))
}

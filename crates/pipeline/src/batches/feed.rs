//! The parts of one batch read back from the log: its rows for the database, or what is wrong with them.
//!
//! The log is read in pieces of a few hundred KiB from the batch's first part on; the records of other batches between its
//! parts are passed over. So a batch of any length takes the same memory.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use model::Seq;
use model::rows::RowBlock;
use queue::{Queue, QueueError, QueueReader, Record};
use store::{ErrorFeed, RowError, RowFeed, StoreError};
use tokio::task;

use crate::batches::records::{Head, PartHead, decode_errors};

/// One read of the log.
const READ_BYTES: usize = 512 << 10;

/// Where the parts of a batch stand.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) id: String,
    pub(crate) seqs: Vec<Seq>,
    pub(crate) n_columns: usize,
}

impl RowFeed for Parts {
    fn blocks(&self) -> BoxStream<'static, Result<RowBlock<Bytes>, StoreError>> {
        let n_columns = self.n_columns;
        let walk = Walk::new(self);
        stream::try_unfold(walk, move |mut walk| async move {
            while let Some((head, bytes)) = walk.next().await? {
                if let Head::Rows(PartHead { n: n_rows @ 1.., first_row, .. }) = head {
                    crash::at("lane.mid_rows");
                    let block = RowBlock { bytes, n_columns, n_rows, first_row };
                    return Ok(Some((block, walk)));
                }
            }
            Ok(None)
        })
        .boxed()
    }
}

impl ErrorFeed for Parts {
    fn errors(&self) -> BoxStream<'static, Result<Vec<RowError>, StoreError>> {
        stream::try_unfold(Walk::new(self), |mut walk| async move {
            while let Some((head, bytes)) = walk.next().await? {
                if let Head::Errors(part) = head {
                    let errors = decode_errors(&bytes);
                    let errors = errors.map_err(|error| damaged(&part.id, &error.to_string()))?;
                    return Ok(Some((errors, walk)));
                }
            }
            Ok(None)
        })
        .boxed()
    }
}

/// One pass over a batch's parts.
struct Walk {
    reader: Option<Box<dyn QueueReader>>,
    read: VecDeque<Record>,
    id: String,
    left: VecDeque<Seq>,
    nth: u32,
}

impl Walk {
    fn new(parts: &Parts) -> Self {
        Self {
            reader: parts.seqs.first().map(|&first| parts.queue.reader(first)),
            read: VecDeque::new(),
            id: parts.id.clone(),
            left: parts.seqs.iter().copied().collect(),
            nth: 0,
        }
    }

    /// The next part; `None` behind the last one.
    async fn next(&mut self) -> Result<Option<(Head, Bytes)>, StoreError> {
        let (Some(&wanted), Some(reader)) = (self.left.front(), &mut self.reader) else {
            return Ok(None);
        };
        // Whoever reads is not to hold a core that requests wait for.
        task::yield_now().await;
        loop {
            let Some(record) = self.read.pop_front() else {
                self.read =
                    reader.next(READ_BYTES).await.map_err(|error| lost(&self.id, error))?.into();
                continue;
            };
            if record.seq < wanted {
                continue;
            }
            let (head, bytes) = Head::decode(&record.bytes)
                .map_err(|error| damaged(&self.id, &format!("record {}: {error}", record.seq)))?;
            let is_next = match &head {
                Head::Rows(part) | Head::Errors(part) => {
                    part.id == self.id && part.nth == self.nth && record.seq == wanted
                }
                _ => false,
            };
            if !is_next {
                let what = format!("record {} is not its part {}", record.seq, self.nth);
                return Err(damaged(&self.id, &what));
            }
            self.left.pop_front();
            self.nth += 1;
            return Ok(Some((head, bytes)));
        }
    }
}

/// The disk may answer later; a part that is gone never comes back.
fn lost(id: &str, error: QueueError) -> StoreError {
    match error {
        QueueError::Unreadable(why) | QueueError::Poisoned(why) => StoreError::Unavailable(why),
        QueueError::Closed => StoreError::Unavailable(error.to_string()),
        error => damaged(id, &error.to_string()),
    }
}

pub(crate) fn damaged(id: &str, why: &str) -> StoreError {
    StoreError::Unusable(format!(
        "the log does not give batch {id} back: {why}; run `eyas log verify`"
    ))
}

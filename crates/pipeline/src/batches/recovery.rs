//! What the log knows of batches that the database does not have: one pass over all that is kept, before anything is applied.
//!
//! Because the pass comes first, a cancel record is known before the commit record that it stands behind is carried out.
//! Rows are read, since they stand between the records, and not looked at: a gigabyte takes a few seconds.
//!
//! Invariant: memory grows with the batches that are not over. Of those that are, however many a log keeps, it holds two numbers.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use bytes::Bytes;
use model::{ContentHash, Seq, Timestamp};
use queue::{Queue, QueueError, Record};
use store::{Batch, BatchState, TableMode};

use crate::batches::records::{
    BeginHead, CancelHead, EndHead, Head, PartHead, Progress, decode_errors,
};
use crate::batches::registry::{Entry, Kept, Refused, State};
use crate::batches::rules::RowFormat;
use crate::batches::view::FIRST_ERRORS_MAX;
use crate::clock;
use crate::halt::{Halt, StartError, halt_log};

/// One read of the log.
const READ_BYTES: usize = 4 << 20;

/// What the pass found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Batches that are not over, by id.
    pub(crate) entries: HashMap<String, Entry>,
    /// Where those begin that are, in the order in which they ended.
    pub(crate) kept: Vec<Seq>,
    /// The newest decision that the database has passed, and the batch that it was about.
    pub(crate) newest_over: Option<(Seq, String)>,
    /// Of those whose commit record the database has passed, these turned out to have been passed over: a cancel record that the
    /// database lacks names them. Nearly always none.
    passed_over: HashSet<String>,
    passed: HashMap<String, Entry>,
    refused: HashMap<String, Timestamp>,
    /// Those of the refused that are whole in the log.
    kept_refused: HashMap<String, Refused>,
}

/// Why the pass came to no end.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The log does not answer.
    Log(QueueError),
    /// A batch that the database has to get is not there any more, in words for people.
    Lost(String),
}

impl From<Unread> for StartError {
    fn from(why: Unread) -> Self {
        Self::Log(match why {
            Unread::Log(error) => error.to_string(),
            Unread::Lost(text) => text,
        })
    }
}

impl From<Unread> for Halt {
    fn from(why: Unread) -> Self {
        match why {
            Unread::Log(error) => halt_log(error),
            Unread::Lost(text) => Self::Alarm(text),
        }
    }
}

/// Reads everything that is kept. `applied` is how far the database came.
///
/// `refused`: the batches whose rows the database refused, and when.
pub(crate) async fn scan(
    queue: &dyn Queue,
    applied: Seq,
    refused: HashMap<String, Timestamp>,
) -> Result<Found, Unread> {
    let mut found = pass(queue, applied, HashSet::new(), refused.clone()).await?;
    if !found.passed_over.is_empty() {
        // Now that they are known. All that are over would be too many to remember for that.
        found = pass(queue, applied, mem::take(&mut found.passed_over), refused).await?;
    }
    Ok(found)
}

async fn pass(
    queue: &dyn Queue,
    applied: Seq,
    passed_over: HashSet<String>,
    refused: HashMap<String, Timestamp>,
) -> Result<Found, Unread> {
    let mut found = Found { passed_over, refused, ..Found::default() };
    let bounds = queue.bounds();
    let mut reader = queue.reader(bounds.first);
    while reader.position() <= bounds.last {
        for record in reader.next(READ_BYTES).await.map_err(Unread::Log)? {
            let Record { seq, bytes } = record;
            let (head, body) = Head::decode(&bytes)
                .map_err(|error| Unread::Lost(format!("record {seq}: {error}")))?;
            found.take(seq, head, &body, applied).map_err(Unread::Lost)?;
        }
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, seq: Seq, head: Head, body: &Bytes, applied: Seq) -> Result<(), String> {
        match head {
            Head::Begin(begin) => {
                let id = begin.id.clone();
                self.entries
                    .insert(id, begun(begin, seq).map_err(|why| format!("record {seq}: {why}"))?);
            }
            Head::Rows(part) => drop(self.part(seq, part)),
            Head::Errors(part) => {
                let room = |entry: &Entry| FIRST_ERRORS_MAX - entry.first_errors.len();
                if let Some(entry) = self.part(seq, part).filter(|entry| room(entry) > 0) {
                    let errors =
                        decode_errors(body).map_err(|error| format!("record {seq}: {error}"))?;
                    let room = room(entry);
                    entry.first_errors.extend(errors.into_iter().take(room));
                }
            }
            Head::Commit(end) => self.end(seq, end, BatchState::Queued, applied)?,
            Head::Reject(end) => self.end(seq, end, BatchState::Rejected, applied)?,
            Head::Cancel(cancel) => self.cancel(seq, cancel, applied),
        }
        Ok(())
    }

    fn cancel(&mut self, seq: Seq, cancel: CancelHead, applied: Seq) {
        let passed = self.passed.remove(&cancel.id);
        let Some(mut entry) = self.entries.remove(&cancel.id).or(passed) else {
            if seq > applied {
                self.passed_over.insert(cancel.id);
            }
            return;
        };
        let at = Timestamp::from_micros(cancel.at_us);
        entry.batch.state = BatchState::Cancelled;
        entry.batch.ended_at = Some(at);
        entry.batch.detail = Some(cancel.why);
        entry.decided = Some(seq);
        if seq <= applied {
            self.newest_over = Some((seq, cancel.id));
            self.kept.push(entry.first);
        } else {
            self.entries.insert(cancel.id, entry);
        }
    }

    /// The batch that the part belongs to. `None`: that is over, was cancelled while the part was on its way, or the part does
    /// not follow those before it. The upload then goes on where the ones that follow each other end; a commit record that
    /// names another one is refused.
    fn part(&mut self, seq: Seq, part: PartHead) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&part.id)?;
        // Where rows are wrong a block has fewer than were received, and none of them will be applied.
        let follows = entry.parts.len() as u64 == u64::from(part.nth)
            && (part.progress.errors > 0 || part.first_row == entry.progress.rows + 1);
        if entry.batch.state != BatchState::Receiving || !follows {
            return None;
        }
        entry.parts.push(seq);
        entry.advance(part.progress);
        Some(entry)
    }

    fn end(
        &mut self,
        seq: Seq,
        end: EndHead,
        state: BatchState,
        applied: Seq,
    ) -> Result<(), String> {
        let Some(entry) = self.entries.get_mut(&end.id) else {
            return if seq <= applied {
                Ok(())
            } else {
                Err(format!(
                    "the log no longer has the beginning of batch {}, which the database lacks",
                    end.id
                ))
            };
        };
        if entry.batch.state != BatchState::Receiving {
            return Ok(());
        }
        finish(&mut entry.batch, &end, state);
        let is_whole = end.positions(seq).eq(entry.parts.iter().map(|part| part.get()));
        entry.progress = end.progress;
        entry.decided = Some(seq);
        if seq > applied {
            return if is_whole {
                Ok(())
            } else {
                Err(format!(
                    "the log does not have every part of batch {}, which the database lacks",
                    end.id
                ))
            };
        }
        if let Some(entry) = self.entries.remove(&end.id) {
            // Nothing was carried out here: the cancel record decides.
            if self.passed_over.contains(&end.id) {
                self.passed.insert(end.id, entry);
                return Ok(());
            }
            self.newest_over = Some((seq, end.id.clone()));
            self.kept.push(entry.first);
            if let Some(&at) = self.refused.get(&end.id).filter(|_| is_whole) {
                let refused = Refused { first: entry.first, decided: seq, at };
                self.kept_refused.insert(end.id, refused);
            }
        }
        Ok(())
    }
}

/// Has the registry know what was found in the log. What it knows already is newer.
pub(crate) fn take_over(state: &mut State, found: Found, applied: Seq) {
    state.applied = applied;
    state.refused = found.kept_refused;
    for (id, mut entry) in found.entries {
        // Whoever sends it may be about to go on: that nobody could while there was no server is not his fault.
        entry.left_at = clock::now();
        let is_news = !state.entries.contains_key(&id);
        let is_wanted = entry.decided.is_some() || entry.batch.state == BatchState::Receiving;
        if is_news && is_wanted {
            if let Some(seq) = entry.decided {
                state.decisions.insert(seq, id.clone());
            }
            state.entries.insert(id, entry);
        }
    }
    if state.kept.is_empty() {
        // When the database got them nobody knows any more: perhaps a moment ago.
        let at = Instant::now();
        state.kept = found.kept.into_iter().map(|first| Kept { first, at }).collect();
    }
}

/// A batch's body is whole.
pub(crate) fn finish(batch: &mut Batch, end: &EndHead, state: BatchState) {
    let at = Timestamp::from_micros(end.progress.at_us);
    batch.state = state;
    batch.received_at = Some(at);
    batch.n_rows = end.progress.rows;
    batch.n_bytes = end.bytes;
    batch.n_errors = end.progress.errors;
    batch.hash = end.progress.content_hash();
    if state == BatchState::Rejected {
        batch.ended_at = Some(at);
        batch.detail = Some("rows are not what their columns take".to_owned());
    }
}

/// A batch whose first record stands at `first`.
pub(crate) fn begun(begin: BeginHead, first: Seq) -> Result<Entry, String> {
    let created_at = Timestamp::from_micros(begin.at_us);
    let mode = TableMode::parse(&begin.mode).ok_or("unknown mode")?;
    let format = RowFormat::parse(&begin.format).ok_or("unknown format")?;
    Ok(Entry {
        batch: Batch {
            id: begin.id,
            table: begin.table,
            mode,
            application: begin.application,
            sent_by: begin.sent_by,
            label: begin.label,
            key: begin.key,
            state: BatchState::Receiving,
            n_rows: 0,
            n_bytes: 0,
            hash: ContentHash(0),
            created_at,
            received_at: None,
            started_at: None,
            ended_at: None,
            n_errors: 0,
            detail: None,
            same_as: None,
            revalidates: begin.revalidates,
        },
        format,
        is_resumable: begin.resumable,
        first,
        parts: Vec::new(),
        progress: Progress::nothing(ContentHash(0), begin.at_us),
        first_errors: Vec::new(),
        is_attached: false,
        left_at: created_at,
        n_attached: 0,
        is_writing: false,
        decided: None,
        rows_applied: Arc::new(AtomicU64::new(0)),
    })
}

//! Whether the database was fed by this log, or by a copy of it that went its own way.
//!
//! ```text
//!   this log    1 ─ 2 ─ 3 ─ 4a ─ 5a           a copy: the same name, the same numbers, other events
//!   a copy      1 ─ 2 ─ 3 ─ 4b                 it has fed the database, which has applied 4
//! ```
//!
//! The applied position alone would say that 4a is in the database. So what stands there is compared with what the log
//! holds there. Logs that have parted never meet again, so the newest records tell.

use model::{Event, Seq};
use queue::Queue;
use store::{Compared, EventStore, Fate, IdKey, StoreError};

/// So many of the newest applied records are compared: some have no row (a repetition, a dead letter, one that retention
/// has deleted).
const COMPARED_MAX: u64 = 100;
/// One read of the log.
const READ_BYTES: usize = 1 << 20;

/// What is wrong, if a copy of the log has fed the database.
pub(crate) async fn find(
    queue: &dyn Queue,
    store: &dyn EventStore,
    applied: Seq,
) -> Result<Option<String>, StoreError> {
    let bounds = queue.bounds();
    let from = Seq::new(applied.get().saturating_sub(COMPARED_MAX - 1)).unwrap_or(Seq::ZERO);
    let mut reader = queue.reader(from.max(bounds.first));
    let mut events = Vec::new();
    while reader.position() <= applied.min(bounds.last) {
        let read = reader.next(READ_BYTES).await;
        let read = read.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        for record in read.into_iter().filter(|record| record.seq <= applied) {
            // What cannot be decoded is the consumer's affair.
            let Ok(event) = Event::decode(record.bytes) else { continue };
            let key = IdKey {
                application: event.application().map(str::to_owned),
                stream: event.stream().to_owned(),
                id: event.id().to_owned(),
            };
            events.push((record.seq, key));
        }
    }
    if events.is_empty() {
        return Ok(None);
    }
    let seqs: Vec<Seq> = events.iter().map(|(seq, _)| *seq).collect();
    let compared = store.compare(events).await?;
    let differs = |(seq, compared): &(Seq, Compared)| {
        let has_row = matches!(compared.fate, Some(Fate::Stored | Fate::Invalid));
        has_row && compared.found != Some(*seq)
    };
    let first = seqs.into_iter().zip(compared).find(differs);
    Ok(first.map(|(seq, _)| words("", seq, applied)))
}

/// `of` names the log's lane, with a space behind it.
pub(crate) fn words(of: &str, seq: Seq, applied: Seq) -> String {
    format!(
        "the database has applied {applied} of a copy of this {of}log: at {seq} it does not have what this log holds. \
         Another copy of this data directory has fed it meanwhile"
    )
}

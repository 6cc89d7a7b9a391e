//! The events of one request on their way to the log: checked, stamped, encoded.

use std::sync::Arc;

use bytes::Bytes;
use model::{ContentHash, Draft, Event, StreamName, Timestamp};
use store::IdKey;
use uuid::Uuid;

use crate::rules::{self, Fault, NewEvent};
use crate::traces::TraceContext;

/// Events of one request, checked and encoded, not yet appended.
pub struct Batch {
    stream: StreamName,
    application: Option<String>,
    now: Timestamp,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) entries: Vec<Entry>,
}

/// One event of it.
pub(crate) struct Entry {
    pub(crate) id: String,
    /// Set where the client chose the id.
    pub(crate) key: Option<Arc<IdKey>>,
    pub(crate) hash: ContentHash,
    pub(crate) record: Bytes,
}

impl Batch {
    pub(crate) fn new(stream: &StreamName, application: Option<&str>, now: Timestamp) -> Self {
        let application = application.map(str::to_owned);
        Self {
            stream: stream.clone(),
            application,
            now,
            trace: None,
            entries: Vec::with_capacity(1),
        }
    }

    /// Its append becomes a part of this span.
    pub fn traced_by(&mut self, span: TraceContext) {
        self.trace = Some(span);
    }

    /// Checks, stamps and encodes one event. After an error nothing was added.
    pub fn push(&mut self, event: &NewEvent<'_>) -> Result<(), Fault> {
        let checked = rules::check(&self.stream, event, self.now)?;
        let id = match &event.id {
            Some(id) => id.clone().into_owned(),
            None => Uuid::now_v7().to_string(),
        };
        let record = Event::encode(&Draft {
            id: &id,
            id_from_client: event.id.is_some(),
            undecided: false,
            stream: self.stream.as_str(),
            application: self.application.as_deref(),
            session_id: event.session_id.as_deref(),
            category: event.category.as_deref(),
            name: event.name.as_deref(),
            data: event.data.unwrap_or("null"),
            timestamp: checked.timestamp,
            received_at: self.now,
            valid: checked.errors == "[]",
            errors: &checked.errors,
            hash: checked.hash,
        });
        let key = event.id.is_some().then(|| {
            let (application, stream) = (self.application.clone(), self.stream.to_string());
            Arc::new(IdKey { application, stream, id: id.clone() })
        });
        self.entries.push(Entry { id, key, hash: checked.hash, record });
        Ok(())
    }

    /// How many events were pushed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

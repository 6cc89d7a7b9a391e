//! The events of one request on their way to the log: checked, stamped, encoded.

use std::sync::Arc;

use bytes::Bytes;
use model::{ContentHash, Draft, Event, StreamName, Timestamp};
use store::{IdKey, SchemaMode};
use uuid::Uuid;

use crate::rules::{self, Fault, NewEvent};
use crate::schemas::reason::{Reason, to_json};
use crate::schemas::service::Schemas;
use crate::schemas::set::{Found, Set};
use crate::traces::TraceContext;

/// Events of one request, checked and encoded, not yet appended.
pub struct Batch {
    stream: StreamName,
    application: Option<String>,
    now: Timestamp,
    /// What the events are judged by; `None` where there is nothing.
    schemas: Option<(Arc<Set>, Arc<Schemas>)>,
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
    pub(crate) fn new(
        stream: &StreamName,
        application: Option<&str>,
        schemas: &Arc<Schemas>,
        now: Timestamp,
    ) -> Self {
        let application = application.map(str::to_owned);
        Self {
            stream: stream.clone(),
            application,
            now,
            schemas: schemas.set().map(|set| (set, Arc::clone(schemas))),
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
        let (schema_version, mut reasons) = self.judge(event)?;
        reasons.extend(checked.reason);
        let errors = to_json(&reasons);
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
            valid: reasons.is_empty(),
            errors: &errors,
            schema_version,
            hash: checked.hash,
        });
        let key = event.id.is_some().then(|| {
            let (application, stream) = (self.application.clone(), self.stream.to_string());
            Arc::new(IdKey { application, stream, id: id.clone() })
        });
        self.entries.push(Entry { id, key, hash: checked.hash, record });
        Ok(())
    }

    /// What the schema for its key says: the schema's version, and what is wrong. A schema that refuses makes it a fault.
    fn judge(&self, event: &NewEvent<'_>) -> Result<(Option<u32>, Vec<Reason>), Fault> {
        let Some((set, schemas)) = &self.schemas else { return Ok((None, Vec::new())) };
        let (category, name) = (event.category.as_deref(), event.name.as_deref());
        let judge = match set.find(self.stream.as_str(), category, name) {
            Found::Judge(judge) => judge,
            Found::Off => return Ok((None, Vec::new())),
            Found::Nothing => {
                schemas.count_unmatched(self.stream.as_str(), category, name, self.now);
                return Ok((None, Vec::new()));
            }
        };
        let reasons = judge.judge(event.data.unwrap_or("null"));
        match (judge.mode, reasons.first()) {
            (SchemaMode::Reject, Some(first)) => Err(violation(first, reasons.len() - 1)),
            _ => Ok((Some(judge.version), reasons)),
        }
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

/// The refusal of an event that its schema does not fit.
fn violation(first: &Reason, n_more: usize) -> Fault {
    let Reason { pointer, rule, message } = first;
    let more = if n_more == 0 { String::new() } else { format!("; and {n_more} more") };
    Fault {
        pointer: pointer.clone().into(),
        code: "schema_violation",
        detail: format!("the schema for this event does not fit it ({rule}): {message}{more}"),
        hint: "correct the event; GET /schemas/versions shows what its schema wants",
    }
}

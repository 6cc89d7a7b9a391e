//! What those who listen are told of an event whose state has changed.

use model::{Draft, Event};
use store::Stored;

/// What filters look at, with this verdict. Many of these wait for those who listen, so they are small.
pub(crate) fn without_data(Stored { seq, event }: &Stored, valid: bool) -> Stored {
    let draft = Draft {
        id: event.id(),
        id_from_client: event.id_from_client(),
        undecided: false,
        stream: event.stream(),
        application: event.application(),
        session_id: event.session_id(),
        category: event.category(),
        name: event.name(),
        data: "null",
        timestamp: event.timestamp(),
        received_at: event.received_at(),
        valid,
        errors: "[]",
        schema_version: None,
        hash: event.hash(),
    };
    Stored { seq: *seq, event: Event::from_draft(&draft) }
}

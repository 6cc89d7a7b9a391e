//! What goes into a record comes out of it.

use crate::draft::{ContentHash, Draft};
use crate::event::Event;
use crate::time::Timestamp;

/// A draft with every field set.
pub(crate) fn full() -> Draft<'static> {
    Draft {
        id: "0192f0c1-0000-7000-8000-000000000001",
        id_from_client: true,
        undecided: false,
        stream: "events",
        application: Some("web"),
        session_id: Some("s-1"),
        category: Some("page interaction"),
        name: Some("検索"),
        data: "{ \"n\" : 12345678901234567890,\r\n\"x\":1.0 }",
        timestamp: Some(Timestamp::from_micros(1_793_520_000_296_000)),
        received_at: Timestamp::from_micros(1_793_520_001_000_001),
        valid: false,
        errors: "[{\"pointer\":\"/timestamp\",\"rule\":\"r\",\"message\":\"m\"}]",
        schema_version: None,
        hash: ContentHash(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
    }
}

/// The same after a schema has judged it.
pub(crate) fn judged() -> Draft<'static> {
    Draft { schema_version: Some(0x0102_0304), ..full() }
}

/// A draft with as few fields as possible.
pub(crate) fn bare() -> Draft<'static> {
    Draft {
        id: "x",
        id_from_client: false,
        undecided: true,
        stream: "orders",
        application: None,
        session_id: None,
        category: None,
        name: None,
        data: "null",
        timestamp: None,
        received_at: Timestamp::from_micros(0),
        valid: true,
        errors: "[]",
        schema_version: None,
        hash: ContentHash(0),
    }
}

#[test]
fn every_field_comes_back() {
    for draft in [full(), bare(), judged()] {
        let event = Event::from_draft(&draft);
        assert_eq!(event.id(), draft.id);
        assert_eq!(event.id_from_client(), draft.id_from_client);
        assert_eq!(event.undecided(), draft.undecided);
        assert_eq!(event.stream(), draft.stream);
        assert_eq!(event.application(), draft.application);
        assert_eq!(event.session_id(), draft.session_id);
        assert_eq!(event.category(), draft.category);
        assert_eq!(event.name(), draft.name);
        assert_eq!(event.data(), draft.data);
        assert_eq!(event.timestamp(), draft.timestamp);
        assert_eq!(event.received_at(), draft.received_at);
        assert_eq!(event.valid(), draft.valid);
        assert_eq!(event.errors(), draft.errors);
        assert_eq!(event.schema_version(), draft.schema_version);
        assert_eq!(event.hash(), draft.hash);
    }
}

#[test]
fn marking_a_record_undecided_changes_nothing_else() {
    for draft in [full(), judged()] {
        let marked = Event::mark_undecided(&Event::encode(&draft));
        let expected = Event::encode(&Draft { undecided: true, ..draft });
        assert_eq!(marked, expected);
    }
}

#[test]
fn contents_differ_where_their_fields_differ() {
    let hash = |fields: &[Option<&str>]| {
        let fields: Vec<_> = fields.iter().map(|field| field.map(str::as_bytes)).collect();
        ContentHash::of(&fields)
    };
    let base = hash(&[Some("a"), Some("bc"), None]);
    assert_eq!(base, hash(&[Some("a"), Some("bc"), None]));
    for other in [
        hash(&[Some("ab"), Some("c"), None]),
        hash(&[Some("a"), Some("bc"), Some("")]),
        hash(&[Some("a"), None, Some("bc")]),
        hash(&[Some("a"), Some("bd"), None]),
    ] {
        assert_ne!(base, other);
    }
}

//! Rules of form refuse, rules of content only mark.

use std::borrow::Cow;

use model::{StreamName, Timestamp};

use crate::rules::{NewEvent, check};

fn event() -> NewEvent<'static> {
    NewEvent { category: Some("c".into()), name: Some("n".into()), ..NewEvent::default() }
}

fn fault(event: &NewEvent<'_>) -> (&'static str, &'static str) {
    let fault = check(&StreamName::events(), event, Timestamp::from_micros(0)).unwrap_err();
    (fault.pointer, fault.code)
}

#[test]
fn a_broken_form_is_named_by_field_and_code() {
    let text = |text: &str| Some(Cow::Owned(text.to_owned()));
    assert_eq!(fault(&NewEvent { category: None, ..event() }), ("/category", "missing_field"));
    assert_eq!(fault(&NewEvent { name: None, ..event() }), ("/name", "missing_field"));
    assert_eq!(fault(&NewEvent { name: text(""), ..event() }), ("/name", "bad_label"));
    assert_eq!(fault(&NewEvent { id: text(&"x".repeat(129)), ..event() }), ("/id", "bad_label"));
    assert_eq!(
        fault(&NewEvent { session_id: text("a\u{0}"), ..event() }),
        ("/session_id", "bad_label")
    );
    assert_eq!(
        fault(&NewEvent { category: text(&"x".repeat(257)), ..event() }),
        ("/category", "bad_label")
    );
    assert_eq!(
        fault(&NewEvent { timestamp: text("today"), ..event() }),
        ("/timestamp", "bad_timestamp")
    );
}

#[test]
fn other_streams_need_no_envelope() {
    let orders = StreamName::new("orders").unwrap();
    assert!(check(&orders, &NewEvent::default(), Timestamp::from_micros(0)).is_ok());
}

#[test]
fn more_than_five_minutes_ahead_is_invalid_but_kept() {
    let now = Timestamp::parse("2026-11-01T08:00:00Z").unwrap();
    let errors = |timestamp: &'static str| {
        let event = NewEvent { timestamp: Some(timestamp.into()), ..event() };
        check(&StreamName::events(), &event, now).unwrap().errors
    };
    assert_eq!(errors("2026-11-01T08:05:00Z"), "[]");
    assert_eq!(errors("1999-01-01T00:00:00Z"), "[]");
    let reason = errors("2026-11-01T08:05:00.000001Z");
    assert!(
        reason.contains("\"pointer\":\"/timestamp\",\"rule\":\"not_in_the_future\""),
        "{reason}"
    );
    let parsed: serde_json::Value = serde_json::from_str(&reason).unwrap();
    assert_eq!(parsed.as_array().map(Vec::len), Some(1));
}

#[test]
fn two_spellings_of_one_time_are_two_contents() {
    let hash = |timestamp: &'static str| {
        let event = NewEvent { timestamp: Some(timestamp.into()), ..event() };
        check(&StreamName::events(), &event, Timestamp::from_micros(0)).unwrap().hash
    };
    assert_eq!(hash("2026-11-01T08:00:00Z"), hash("2026-11-01T08:00:00Z"));
    assert_ne!(hash("2026-11-01T08:00:00Z"), hash("2026-11-01 08:00:00"));
}

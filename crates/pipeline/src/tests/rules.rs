//! Rules of form refuse, rules of content only mark.

use std::borrow::Cow;

use model::{StreamName, Timestamp};

use crate::rules::{NewEvent, check};

fn event() -> NewEvent<'static> {
    NewEvent { category: Some("c".into()), name: Some("n".into()), ..NewEvent::default() }
}

fn fault(event: &NewEvent<'_>) -> (Cow<'static, str>, &'static str) {
    let fault = check(&StreamName::events(), event, Timestamp::from_micros(0)).unwrap_err();
    (fault.pointer, fault.code)
}

#[test]
fn a_broken_form_is_named_by_field_and_code() {
    let text = |text: &str| Some(Cow::Owned(text.to_owned()));
    assert_eq!(
        fault(&NewEvent { category: None, ..event() }),
        ("/category".into(), "missing_field")
    );
    assert_eq!(fault(&NewEvent { name: None, ..event() }), ("/name".into(), "missing_field"));
    assert_eq!(fault(&NewEvent { name: text(""), ..event() }), ("/name".into(), "bad_label"));
    assert_eq!(
        fault(&NewEvent { id: text(&"x".repeat(129)), ..event() }),
        ("/id".into(), "bad_label")
    );
    assert_eq!(
        fault(&NewEvent { session_id: text("a\u{0}"), ..event() }),
        ("/session_id".into(), "bad_label")
    );
    assert_eq!(
        fault(&NewEvent { category: text(&"x".repeat(257)), ..event() }),
        ("/category".into(), "bad_label")
    );
    assert_eq!(
        fault(&NewEvent { timestamp: text("today"), ..event() }),
        ("/timestamp".into(), "bad_timestamp")
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
    let reason = |timestamp: &'static str| {
        let event = NewEvent { timestamp: Some(timestamp.into()), ..event() };
        check(&StreamName::events(), &event, now).unwrap().reason
    };
    assert_eq!(reason("2026-11-01T08:05:00Z"), None);
    assert_eq!(reason("1999-01-01T00:00:00Z"), None);
    let reason = reason("2026-11-01T08:05:00.000001Z").unwrap();
    assert_eq!(
        (reason.pointer.as_str(), reason.rule.as_str()),
        ("/timestamp", "not_in_the_future")
    );
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

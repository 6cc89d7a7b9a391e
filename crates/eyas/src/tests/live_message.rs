//! Promises of [`crate::commands::live_message`].

use crate::commands::live_message::{LiveMessage, event_line};

fn line(text: &str) -> String {
    event_line(&LiveMessage::read(text.as_bytes()).unwrap())
}

#[test]
fn an_event_is_one_line_for_people() {
    let event = r#"{"type":"event","id":"i","seq":1,"cursor":"0a1b2c3d.1","stream":"events","application":null,
        "session_id":null,"category":"page interaction","name":"cta click","timestamp":null,
        "received_at":"2026-11-01T12:03:04.567891Z","valid":true,"errors":[],"data":{"host": 1e400}}"#;
    assert_eq!(
        line(event),
        "12:03:04.567  events  page interaction / cta click  ✓  {\"host\": 1e400}"
    );
    let future = event
        .replace("\"valid\":true", "\"valid\":false")
        .replace("[]", r#"[{"pointer":"/timestamp","rule":"not_in_the_future","message":"…"}]"#);
    assert_eq!(
        line(&future),
        "12:03:04.567  events  page interaction / cta click  ✗ not_in_the_future  {\"host\": 1e400}"
    );
}

#[test]
fn an_event_of_a_raw_stream_has_no_category_and_name() {
    let event = r#"{"type":"event","stream":"orders","category":null,"name":null,
        "received_at":"2026-11-01T12:03:04.567891Z","valid":true,"errors":[],"data":null}"#;
    assert_eq!(line(event), "12:03:04.567  orders  ✓  null");
}

#[test]
fn an_event_cannot_steer_the_terminal_nor_fill_it() {
    let event = format!(
        "{{\"type\":\"event\",\"stream\":\"s\",\"name\":\"\\u001b[2J\",\"received_at\":\"\",\"data\":\"\u{202e}{}\"}}",
        "x".repeat(5000)
    );
    let line = line(&event);
    assert!(line.starts_with("  s   / \\u{1b}[2J  ✓  \"\\u{202e}xxx"), "{line}");
    assert!(line.ends_with("x…") && line.chars().count() < 200, "{line}");
}

#[test]
fn a_gap_and_a_bye_say_what_happened() {
    let gap = r#"{"type":"gap","from":"0a1b2c3d.1","to":"ffffffff.0","why":"other_log"}"#;
    let gap = LiveMessage::read(gap.as_bytes()).unwrap().gap_line();
    assert_eq!(gap, "events after 0a1b2c3d.1 up to ffffffff.0 are not shown: other_log");
    let bye = LiveMessage::read(
        br#"{"type":"bye","reason":"shutting_down","cursor":"0a1b2c3d.9","retry_after_ms":2000}"#,
    );
    let bye = bye.unwrap();
    let (cause, wait) = bye.bye();
    assert_eq!(bye.cursor().unwrap(), "0a1b2c3d.9");
    assert_eq!(cause.unwrap(), "the server said bye (shutting_down)");
    assert_eq!(wait.unwrap().as_secs(), 2);
}

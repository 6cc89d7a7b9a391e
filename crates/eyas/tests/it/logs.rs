//! Log lines for machines: one object a line, whatever clients send.

use serde_json::Value;

use crate::app::{Launch, eventually};

#[tokio::test]
async fn json_logs_are_one_object_a_line_and_hold_no_payload() {
    let app = Launch::new().env("EYAS_LOG_FORMAT", "json").start().await;
    let event = r#"{"category":"c","name":"n","data":"a secret of somebody"}"#;
    app.post_events(event).await.accepted();
    app.get("/live?stream=another-secret&nonsense=1").await;
    app.get("/events?after=%0a%1b%5b31m").await;
    app.wait_applied().await;
    // A line whose text somebody else chose: the words of the database about a table's trigger.
    app.beside().refuse("1 = 1", "evil\u{1b}[31m\nlevel=error \"quoted\"");
    // So many that it is the database, and not one of them.
    app.post_events(format!("[{}]", [event; 120].join(","))).await.accepted();
    eventually("the consumer stops", async || app.stderr().contains("has stopped").then_some(()))
        .await;
    app.signal_stop();
    eventually("the stop is logged", async || app.stderr().contains("stopping").then_some(()))
        .await;
    let text = app.stderr();
    assert!(!text.contains("secret"), "{text}");
    let mut n_errors = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for key in ["ts", "level", "target", "message"] {
            assert!(line[key].is_string(), "{key} of {line}");
        }
        assert_eq!(line.as_object().unwrap().len(), 5, "{line}");
        assert!(line["fields"].is_object());
        if line["level"] == "error" {
            n_errors += 1;
            let reason = line["fields"]["reason"].as_str().unwrap();
            assert!(reason.contains("evil\u{1b}[31m\nlevel=error \"quoted\""), "{reason}");
        }
    }
    assert_eq!(n_errors, 1, "{text}");
}

#[tokio::test]
async fn an_unknown_log_format_is_refused() {
    let (code, text) = Launch::new().env("EYAS_LOG_FORMAT", "xml").refused().await;
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("EYAS_LOG_FORMAT: log.format = \"xml\" is not a format"), "{text}");
}

//! `/status` and `/readyz`: what is for whom.

use pipeline::ConsumerState;
use serde_json::json;

use crate::health::verdict::{Stage, Verdict};
use crate::routes::status::{consumer, sentence};
use crate::tests::app::App;

#[tokio::test]
async fn a_reader_of_some_streams_is_told_of_no_others() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (some, _) = app.scoped(&admin, &["read:orders"]).await;
    let (all, _) = app.scoped(&admin, &["read"]).await;
    for (token, wanted) in [(&some, &["orders"][..]), (&all, &["orders", "secret"])] {
        let status = app.ask(token, "GET /status", "").await.json();
        let streams = status["retention"]["streams"].as_array().unwrap();
        let streams: Vec<_> = streams.iter().map(|one| one["stream"].clone()).collect();
        assert_eq!(streams, wanted);
    }
}

#[test]
fn the_words_of_the_database_are_for_who_may_read_everything() {
    let stopped = || ConsumerState::Stopped { reason: "UNIQUE of secret".to_owned() };
    let told = |shows_all| serde_json::to_value(consumer(stopped(), shows_all)).unwrap();
    assert_eq!(told(true), json!({ "state": "stopped", "reason": "UNIQUE of secret" }));
    assert_eq!(told(false), json!({ "state": "stopped", "reason": null }));
    let said = |stage, shows_all| {
        let verdict = Verdict { stage, sentence: "secret".to_owned(), ..Verdict::default() };
        sentence(&verdict, shows_all)
    };
    assert_eq!(said(Stage::Database, true), "secret");
    assert_eq!(said(Stage::Database, false), "Nothing is stored at the moment.");
    assert_eq!(said(Stage::Disk, false), "secret");
}

#[tokio::test]
async fn readiness_names_the_state_and_no_reason() {
    let app = App::start().await;
    let ready = app.get("/readyz").await.json();
    let consumer = ready["consumer"].as_object().unwrap();
    assert_eq!(consumer.keys().collect::<Vec<_>>(), ["state"]);
}

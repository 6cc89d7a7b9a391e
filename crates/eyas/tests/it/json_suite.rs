//! nst/JSONTestSuite, 318 texts: what must be taken comes back byte for byte, what must not be taken is refused and leaves
//! nothing behind, and where RFC 8259 leaves a choice, docs/json.md says ours.

use std::fs;
use std::path::Path;

use crate::app::TestApp;
use crate::http::{Answer, percent};

const DOCUMENT: &str = include_str!("../../../../docs/json.md");
const JSON: &str = "application/json";

/// Name and bytes of the files that begin with `kind`.
fn files(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/json_test_suite");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the suite is part of the repository") {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(kind) {
            files.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

fn around(before: &str, bytes: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}

async fn as_data(app: &TestApp, bytes: &[u8]) -> Answer {
    let body = around(r#"{"category":"c","name":"n","data":"#, bytes, "}");
    app.http.post("/events", JSON, body).await
}

/// In an array, because an array by itself would be many events.
async fn as_event(app: &TestApp, bytes: &[u8]) -> Answer {
    app.http.post("/streams/raw", JSON, around("[", bytes, "]")).await
}

async fn is_kept(app: &TestApp, name: &str, bytes: &[u8]) {
    let sent = std::str::from_utf8(bytes).expect("what is kept is UTF-8");
    let sent = sent.trim_matches([' ', '\t', '\r', '\n']);
    let in_envelope = as_data(app, bytes).await;
    assert_eq!(in_envelope.status, 202, "{name}: {in_envelope:?}");
    let raw = as_event(app, bytes).await;
    assert_eq!(raw.status, 202, "{name}: {raw:?}");
    let (in_envelope, raw) = (in_envelope.json(), raw.json());
    for id in [&in_envelope["id"], &raw["ids"][0]] {
        let id = percent(id.as_str().expect("an id"));
        let row = app.get(&format!("/events/{id}")).await.row();
        assert_eq!(row.data(), sent, "{name}");
    }
}

async fn is_refused(app: &TestApp, name: &str, bytes: &[u8]) -> String {
    let in_envelope = as_data(app, bytes).await;
    assert_eq!(in_envelope.status, 400, "{name}: {in_envelope:?}");
    let raw = app.http.post("/streams/raw", JSON, bytes.to_vec()).await;
    assert_eq!(raw.status, 400, "{name}: {raw:?}");
    raw.json()["code"].as_str().expect("a code").to_owned()
}

async fn n_stored(app: &TestApp) -> usize {
    app.wait_applied().await;
    app.export("?stream=*").await.len()
}

#[tokio::test]
async fn what_every_parser_must_take_comes_back_byte_for_byte() {
    let app = TestApp::start().await;
    let files = files("y_");
    assert_eq!(files.len(), 95);
    for (name, bytes) in &files {
        is_kept(&app, name, bytes).await;
    }
    assert_eq!(n_stored(&app).await, 2 * files.len());
}

#[tokio::test]
async fn what_no_parser_may_take_is_refused_and_leaves_nothing() {
    let app = TestApp::start().await;
    let files = files("n_");
    assert_eq!(files.len(), 188);
    for (name, bytes) in &files {
        is_refused(&app, name, bytes).await;
    }
    assert_eq!(n_stored(&app).await, 0);
}

#[tokio::test]
async fn where_there_is_a_choice_the_document_says_ours() {
    let app = TestApp::start().await;
    let rows = DOCUMENT.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.trim_matches('`');
        name.starts_with("i_").then(|| (name, cells[3].trim_matches('`')))
    });
    let said: Vec<(&str, &str)> = rows.collect();
    let files = files("i_");
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let said_names: Vec<&str> = said.iter().map(|(name, _)| *name).collect();
    assert_eq!(said_names, names, "docs/json.md has a row for each");
    for ((name, bytes), (_, outcome)) in files.iter().zip(&said) {
        if *outcome == "kept" {
            is_kept(&app, name, bytes).await;
        } else {
            assert_eq!(is_refused(&app, name, bytes).await, *outcome, "{name}");
        }
    }
    let n_kept = said.iter().filter(|(_, outcome)| *outcome == "kept").count();
    assert_eq!(n_stored(&app).await, 2 * n_kept);
}

//! `eyas log`: damage is listed before it is given up, what was listed is lost and nothing else, and readers are told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::app::{Launch, TestApp, eventually};
use crate::command::{Said, run_eyas};
use crate::http::Row;
use crate::two_truths::segments;

async fn log(launch: &Launch, arguments: &[&str]) -> Said {
    let dir = launch.dir().to_str().unwrap();
    let arguments: Vec<&str> =
        ["log"].iter().chain(arguments).chain(&["--data-dir", dir]).copied().collect();
    run_eyas(&arguments).await
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// Events one by one, so that each is an append of its own; their ids are `<name>-<n>`.
async fn send(app: &TestApp, name: &str, n_events: usize) -> Vec<String> {
    let ids: Vec<String> = (0..n_events).map(|n| format!("{name}-{n}")).collect();
    for id in &ids {
        let body = format!(r#"{{"id":"{id}","category":"c","name":"n","data":"of {id}"}}"#);
        app.post_events(body).await.accepted();
    }
    ids
}

async fn stored(app: &TestApp) -> Vec<Row> {
    app.wait_applied().await;
    app.export("").await.iter().map(|line| Row::parse(line)).collect()
}

fn ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.id.clone()).collect()
}

/// Turns one bit of the bytes that hold this text, once.
fn spoil(dir: &Path, text: &str) -> PathBuf {
    for path in segments(dir) {
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(text.len()).position(|window| window == text.as_bytes()) {
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            return path;
        }
    }
    panic!("{text} stands in no segment");
}

/// All bytes under a folder, by path.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.clone(), if path.is_dir() { Vec::new() } else { std::fs::read(&path).unwrap() })
        })
        .collect();
    all.sort();
    all
}

/// Whoever resumes with a cursor of the old log is told of a gap, on every way.
async fn is_told_of_a_gap(app: &TestApp, cursor: &str) {
    for mut follower in [
        app.live_ws(&format!("since={cursor}")).await,
        app.live_sse(&format!("since={cursor}")).await,
    ] {
        let gap = follower.next_of("gap").await.json();
        assert_eq!(gap["from"].as_str(), Some(cursor));
    }
    let page = app.get(&format!("/events?after={cursor}")).await;
    assert_eq!((page.status, page.json()["code"].as_str()), (410, Some("other_log")), "{page:?}");
}

#[tokio::test]
async fn a_damaged_log_loses_exactly_what_was_listed() {
    let app = TestApp::start().await;
    let sent = send(&app, "a", 30).await;
    let cursor = stored(&app).await[3].cursor.clone();
    let launch = app.terminate().await;
    // Without the database, the log is the only place where these events stand.
    launch.beside().wipe();
    spoil(launch.dir(), "of a-7");
    // The frame's header as well: nothing tells any more where the records in it end.
    spoil(launch.dir(), "of a-12");
    let (code, stderr) = launch.refused().await;
    assert_eq!(code, 65, "{stderr}");
    assert!(stderr.contains("eyas log repair --data-dir"), "{stderr}");

    let log_dir = launch.dir().join("log/events");
    let before = contents(&log_dir);
    let listed = log(&launch, &["repair", "--json"]).await;
    assert_eq!(listed.code, 65, "{listed:?}");
    assert!(listed.stderr.contains("--accept-loss"), "{listed:?}");
    let lost: BTreeSet<String> = (json(&listed)["lost"].as_array().unwrap().iter())
        .map(|lost| lost["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(lost, ["a-12", "a-7"].map(str::to_owned).into());
    let for_people = log(&launch, &["repair"]).await;
    assert!(for_people.stdout.contains("a-7  received 20"), "{for_people:?}");
    assert_eq!(contents(&log_dir), before, "listing changes nothing");

    let done = log(&launch, &["repair", "--accept-loss", "--json"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let done = json(&done);
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert_eq!(report.lines().count(), 3, "what was done, and each loss: {report}");
    assert_eq!(contents(Path::new(done["old_log_dir"].as_str().unwrap())).len(), before.len());

    let app = launch.start().await;
    let kept = stored(&app).await;
    let wanted: Vec<String> = sent.into_iter().filter(|id| !lost.contains(id)).collect();
    assert_eq!(ids(&kept), wanted, "what stands behind the damage is kept");
    assert_eq!(kept[0].seq, 1, "under its own numbers");
    is_told_of_a_gap(&app, &cursor).await;
    send(&app, "b", 1).await;
    let last = stored(&app).await.pop().unwrap();
    assert_eq!((last.id.as_str(), last.seq >= 1 << 32), ("b-0", true), "the numbers have jumped");
    let launch = app.terminate().await;
    let verified = log(&launch, &["verify"]).await;
    assert_eq!((verified.code, log(&launch, &["repair"]).await.code), (0, 0), "{verified:?}");
}

#[tokio::test]
async fn damage_to_what_the_database_has_costs_no_record() {
    let app = TestApp::start().await;
    let sent = send(&app, "a", 20).await;
    app.wait_applied().await;
    let launch = app.terminate().await;
    let path = spoil(launch.dir(), "of a-7");
    let verified = log(&launch, &["verify"]).await;
    assert_eq!(verified.code, 65, "{verified:?}");
    assert!(verified.stdout.contains(path.file_name().unwrap().to_str().unwrap()), "{verified:?}");
    assert!(verified.stdout.contains("byte ") && verified.stderr.contains("eyas log repair"));
    let done = json(&log(&launch, &["repair", "--accept-loss", "--json"]).await);
    assert_eq!(done["lost"], 0, "{done}");
    let app = launch.start().await;
    assert_eq!(ids(&stored(&app).await), sent);
}

#[tokio::test]
async fn a_wiped_database_is_adopted_with_its_gap_written_down() {
    // With PostgreSQL the log is kept for a day, unless somebody says otherwise.
    let app = Launch::new().env("EYAS_LOG_KEEP", "0").start().await;
    let lines = format!("\"{}\"\n", "x".repeat(1_000)).repeat(10_000);
    let first = eventually("segments that are no longer needed are gone", async || {
        app.http.post("/streams/raw", "application/x-ndjson", lines.clone()).await.accepted();
        app.wait_applied().await;
        let first = app.get("/status").await.json()["log"]["first"].as_u64().unwrap();
        (first > 1).then_some(first)
    })
    .await;
    send(&app, "a", 3).await;
    let cursor = stored(&app).await[0].cursor.clone();
    let launch = app.terminate().await;
    launch.beside().wipe();
    let (code, stderr) = launch.refused().await;
    assert_eq!(code, 65, "{stderr}");
    assert!(stderr.contains("eyas log adopt --data-dir"), "{stderr}");
    assert_eq!(log(&launch, &["repair", "--accept-loss"]).await.code, 65, "not a matter of repair");
    let listed = json(&log(&launch, &["adopt", "--json"]).await);
    assert_eq!(listed["lost"][0]["what"], "gap", "{listed}");
    assert_eq!(listed["lost"][0]["last_seq"].as_u64(), Some(first - 1), "{listed}");
    let done = log(&launch, &["adopt", "--accept-loss"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let app = launch.start().await;
    assert_eq!(ids(&stored(&app).await), ["a-0", "a-1", "a-2"]);
    let raw = app.http.get("/streams/raw?limit=1").await.page();
    assert_eq!(raw.events[0].seq, first, "what the log still had is there again");
    is_told_of_a_gap(&app, &cursor).await;
}

#[tokio::test]
async fn a_wiped_log_is_adopted_and_no_number_names_two_events() {
    let app = TestApp::start().await;
    let mut sent = send(&app, "a", 5).await;
    let cursor = stored(&app).await[4].cursor.clone();
    let launch = app.terminate().await;
    std::fs::remove_dir_all(launch.dir().join("log")).unwrap();
    let (code, stderr) = launch.refused().await;
    assert_eq!(code, 65, "{stderr}");
    assert!(stderr.contains("eyas log adopt --data-dir"), "{stderr}");
    assert_eq!(log(&launch, &["adopt"]).await.code, 65);
    let done = log(&launch, &["adopt", "--accept-loss"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let app = launch.start().await;
    assert_eq!(ids(&stored(&app).await), sent, "the database keeps what it has");
    is_told_of_a_gap(&app, &cursor).await;
    sent.extend(send(&app, "b", 2).await);
    // Sent again under its id, an event of before is still the same event.
    let again = r#"{"id":"a-1","category":"c","name":"n","data":"of a-1"}"#;
    assert_eq!(app.post_events(again).await.accepted()["duplicate"], true);
    let app = app.restart().await;
    let rows = stored(&app).await;
    assert_eq!(ids(&rows), sent);
    assert!(rows[5].seq > rows[4].seq + (1 << 32), "past everything ever used");
    let launch = app.terminate().await;
    assert_eq!(log(&launch, &["adopt"]).await.code, 0, "nothing is left to adopt");
}

#[tokio::test]
async fn another_log_is_adopted_under_new_numbers_and_ids_stay_single() {
    let ours = TestApp::start().await;
    send(&ours, "a", 4).await;
    ours.wait_applied().await;
    let ours = ours.terminate().await;
    let other = TestApp::start().await;
    send(&other, "a", 2).await;
    send(&other, "b", 3).await;
    let other = other.terminate().await;
    std::fs::remove_dir_all(ours.dir().join("log")).unwrap();
    std::fs::rename(other.dir().join("log"), ours.dir().join("log")).unwrap();
    let (code, stderr) = ours.refused().await;
    assert_eq!(code, 65, "{stderr}");
    assert!(stderr.contains("was fed by log") && stderr.contains("eyas log adopt"), "{stderr}");
    let done = json(&log(&ours, &["adopt", "--accept-loss", "--json"]).await);
    assert_eq!((&done["renumbered"], &done["kept_records"]), (&true.into(), &5.into()), "{done}");
    let app = ours.start().await;
    let rows = stored(&app).await;
    assert_eq!(ids(&rows), ["a-0", "a-1", "a-2", "a-3", "b-0", "b-1", "b-2"]);
    assert!(rows[3].seq == 4 && rows[4].seq > 1 << 32, "{rows:?}");
}

#[tokio::test]
async fn looking_works_beside_a_server_and_mending_does_not() {
    let app = TestApp::start().await;
    send(&app, "a", 3).await;
    app.wait_applied().await;
    let seen = json(&log(&app.launch, &["inspect", "--json"]).await);
    assert_eq!((&seen["served"], &seen["log"]["records"]), (&true.into(), &3.into()), "{seen}");
    assert_eq!(seen["database"]["log"], seen["log"]["id"], "{seen}");
    assert_eq!(seen["start"]["opens"], true, "{seen}");
    let verified = log(&app.launch, &["verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    for command in ["repair", "adopt"] {
        let said = log(&app.launch, &[command, "--accept-loss"]).await;
        assert_eq!(said.code, 75, "{said:?}");
    }
    send(&app, "b", 1).await;
    let launch = app.terminate().await;
    let seen = log(&launch, &["inspect"]).await;
    assert!(seen.stdout.contains("a start opens the log"), "{seen:?}");
    let nowhere = run_eyas(&["log", "inspect", "--data-dir", "/nowhere/at/all"]).await;
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.stderr.contains("--data-dir"), "{nowhere:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_log_is_never_taken_for_a_damaged_one() {
    let app = TestApp::start().await;
    let http = app.http.clone();
    let line = format!("\"{}\"\n", "x".repeat(500));
    let sending = tokio::spawn(async move {
        for n in 0.. {
            let body = line.repeat(1 + n % 200);
            http.post("/streams/raw", "application/x-ndjson", body).await.accepted();
        }
    });
    for _ in 0..5 {
        let verified = log(&app.launch, &["verify", "--json"]).await;
        assert_eq!(verified.code, 0, "{verified:?}");
        assert_eq!(json(&verified)["problems"], serde_json::json!([]));
    }
    assert!(!sending.is_finished(), "the log was busy all the time");
    sending.abort();
}

#[tokio::test]
async fn help_teaches_how_to_mend_a_log() {
    for (command, words) in [
        ("inspect", "Changes nothing"),
        ("verify", "65 something is not"),
        ("repair", "eyas log repair --accept-loss"),
        ("adopt", "eyas log adopt --accept-loss"),
    ] {
        let help = run_eyas(&["log", command, "--help"]).await;
        assert!(help.code == 0 && help.stdout.contains(words), "{help:?}");
    }
}

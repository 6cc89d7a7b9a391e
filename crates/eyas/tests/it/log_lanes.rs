//! `eyas log --lane batches`, and what `eyas doctor` says of the log of the batches.

use hyper::Method;

use crate::app::Launch;
use crate::batches_http;
use crate::command::{Said, run_eyas};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const PATH: &str = "/tables/regions/batches";

async fn on(launch: &Launch, arguments: &[&str]) -> Said {
    let dir = launch.dir().to_str().unwrap();
    run_eyas(&[arguments, &["--data-dir", dir]].concat()).await
}

async fn log(launch: &Launch, command: &[&str]) -> Said {
    on(launch, &[&["log"], command, &["--lane", "batches"]].concat()).await
}

/// Turns one bit of the first place in the log of the batches that holds this text.
fn spoil(launch: &Launch, text: &str) {
    let folder = std::fs::read_dir(launch.dir().join("log/batches")).unwrap();
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "seg")) {
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(text.len()).position(|part| part == text.as_bytes()) {
            bytes[at] ^= 1;
            return std::fs::write(&path, bytes).unwrap();
        }
    }
    panic!("{text} stands in no segment");
}

#[tokio::test]
async fn the_log_of_the_batches_is_looked_at_and_begun_anew_only_on_a_word() {
    let app = batches_http::launch().start().await;
    for (key, slug) in [("k-1", "a"), ("k-2", "b")] {
        let headers = [NDJSON, ("idempotency-key", key), ("upload-complete", "?0")];
        let row = format!("{{\"slug\":\"{slug}\",\"name\":\"N\"}}\n");
        let begun = app.http.send(Method::POST, PATH, &headers, row.into_bytes()).await;
        assert_eq!(begun.status / 100, 2, "{begun:?}");
    }
    let launch = app.terminate().await;
    let seen = log(&launch, &["inspect", "--json"]).await;
    let seen: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    let batches = seen["batches"].as_array().unwrap();
    assert_eq!(batches.len(), 2, "{seen}");
    assert_eq!((&batches[0]["table"], &batches[0]["applied"]), (&"regions".into(), &false.into()));
    let id = batches[0]["batch"].as_str().unwrap().to_owned();
    let shown = log(&launch, &["inspect"]).await;
    assert!(shown.stdout.contains(&format!("batch {id}  regions")), "{shown:?}");
    assert_eq!(log(&launch, &["verify"]).await.code, 0);
    let doctor = on(&launch, &["doctor", "--json"]).await;
    assert!(doctor.stdout.contains("log of batches"), "{doctor:?}");

    spoil(&launch, &id);
    let verified = log(&launch, &["verify"]).await;
    assert_eq!(verified.code, 65, "{verified:?}");
    assert!(verified.stderr.contains("eyas log repair --lane batches"), "{verified:?}");
    let doctor = on(&launch, &["doctor", "--json"]).await;
    assert!(doctor.stdout.contains("eyas log repair --lane batches"), "{doctor:?}");
    let (code, said) = launch.refused().await;
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("eyas log repair --lane batches"), "{said}");
    assert_eq!(on(&launch, &["log", "verify"]).await.code, 0, "that of the events is another one");

    let listed = log(&launch, &["repair"]).await;
    assert_eq!(listed.code, 65, "{listed:?}");
    let other = batches[1]["batch"].as_str().unwrap();
    assert!(listed.stdout.contains(other) && listed.stdout.contains("begins anew"), "{listed:?}");
    let done = log(&launch, &["repair", "--accept-loss"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let app = launch.start().await;
    let headers = [NDJSON, ("prefer", "wait=20")];
    let row = br#"{"slug":"c","name":"C"}"#.to_vec();
    let sent = app.http.send(Method::POST, PATH, &headers, row).await;
    assert_eq!(sent.json()["state"], "committed", "{sent:?}");
}

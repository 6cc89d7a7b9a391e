//! `eyas doctor`: each thing that would keep a server from running is found, and has its fix.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::app::{Launch, TestApp, eventually};
use crate::command::{Said, eyas, run, run_eyas};

/// The finding of one check.
fn finding(said: &Said, check: &str) -> Value {
    let report: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .find(|one| one["check"] == check)
        .unwrap_or_else(|| panic!("{check}: {said:?}"))
        .clone()
}

fn level(said: &Said, check: &str) -> String {
    finding(said, check)["level"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_running_server_is_found_by_its_data_directory() {
    let app = TestApp::start().await;
    app.post_events(r#"{"category":"c","name":"n"}"#).await.accepted();
    let said =
        run_eyas(&["doctor", "--json", "--data-dir", app.launch.dir().to_str().unwrap()]).await;
    for check in ["configuration", "log", "clock", "port", "admin"] {
        assert_eq!(level(&said, check), "ok", "{check}: {said:?}");
    }
    assert!(finding(&said, "admin")["text"].as_str().unwrap().contains("no token"), "{said:?}");
    let fsync = finding(&said, "fsync");
    assert!(fsync["text"].as_str().unwrap().contains("p99"), "{fsync}");
    assert!(finding(&said, "port")["text"].as_str().unwrap().contains(&app.url), "{said:?}");
    assert!(finding(&said, "clock")["text"].as_str().unwrap().contains("server"), "{said:?}");
    // Where others need a token, the machine itself is told all the same.
    app.make_token("shop", &["write"]).await;
    let said =
        run_eyas(&["doctor", "--json", "--data-dir", app.launch.dir().to_str().unwrap()]).await;
    assert_eq!(level(&said, "log"), "ok", "{said:?}");
    assert!(
        finding(&said, "admin")["text"].as_str().unwrap().contains("needs a token"),
        "{said:?}"
    );
    let left: Vec<_> = std::fs::read_dir(app.launch.dir())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().contains("doctor"))
        .collect();
    assert!(left.is_empty(), "it cleans up: {left:?}");
}

#[tokio::test]
async fn doctor_before_the_first_start_finds_nothing_wrong_with_files() {
    let launch = Launch::new().on_fixed_port();
    let dir = launch.dir().join("not/yet");
    let listen = format!("127.0.0.1:{}", launch.port());
    let said =
        run_eyas(&["doctor", "--json", "--data-dir", dir.to_str().unwrap(), "--listen", &listen])
            .await;
    for check in ["configuration", "data_dir", "log", "port"] {
        assert_eq!(level(&said, check), "ok", "{check}: {said:?}");
    }
    assert!(!dir.exists(), "it makes nothing");
    // Words for people: a line for each, and the fix below.
    let said =
        run_eyas(&["doctor", "--data-dir", dir.to_str().unwrap(), "--listen", &listen]).await;
    assert!(said.stdout.contains("ok    port"), "{said:?}");
}

#[tokio::test]
async fn a_taken_port_an_open_folder_and_half_a_data_directory_are_found() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let app = TestApp::start().await;
    app.post_events(r#"{"category":"c","name":"n"}"#).await.accepted();
    let launch = app.terminate().await;
    let dir = launch.dir().to_str().unwrap();
    let said = run_eyas(&["doctor", "--json", "--data-dir", dir, "--listen", &listen]).await;
    assert_eq!(level(&said, "log"), "ok", "{said:?}");
    std::fs::set_permissions(launch.dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(launch.dir().join("log"), launch.dir().join("away")).unwrap();
    let dir = launch.dir().to_str().unwrap();
    let said = run_eyas(&["doctor", "--json", "--data-dir", dir, "--listen", &listen]).await;
    assert_eq!(said.code, 1, "{said:?}");
    for (check, expected, fix) in
        [("port", "fail", "--listen"), ("data_dir", "warn", "chmod 700"), ("log", "fail", "backup")]
    {
        let found = finding(&said, check);
        assert_eq!(found["level"], expected, "{found}");
        assert!(found["fix"].as_str().unwrap().contains(fix), "{found}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_a_failed_check() {
    let mut command = eyas(&["doctor", "--json"]);
    command.env("EYAS_LISTEN", "somewhere").env("EYAS_STORE_URL", "oracle:x");
    let said = run(command, "").await;
    assert_eq!(said.code, 1, "{said:?}");
    let found = finding(&said, "configuration");
    assert_eq!(found["level"], "fail", "{found}");
    let text = found["text"].as_str().unwrap();
    assert!(text.contains("somewhere") && text.contains("oracle"), "{found}");
    assert_eq!(level(&said, "clock"), "ok", "the machine is looked at all the same");
}

#[tokio::test]
async fn a_database_that_cannot_be_asked_is_no_reason_to_restore_a_backup() {
    let app = TestApp::start().await;
    app.post_events(r#"{"category":"c","name":"n"}"#).await.accepted();
    let launch = app.terminate().await;
    let mut command = eyas(&["doctor", "--json", "--data-dir", launch.dir().to_str().unwrap()]);
    command.env("EYAS_STORE_URL", "postgres://nobody@127.0.0.1:1/x");
    let said = run(command, "").await;
    assert_eq!(said.code, 1, "{said:?}");
    for (check, fix) in [("database", "is the server running"), ("log", "the check `database`")] {
        let found = finding(&said, check);
        assert_eq!(found["level"], "fail", "{found}");
        assert!(found["text"].as_str().unwrap().contains("127.0.0.1:1/x"), "{found}");
        assert!(found["fix"].as_str().unwrap().contains(fix), "{found}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_from_one_that_is_not_there() {
    let app = TestApp::start().await;
    app.signal(rustix::process::Signal::STOP);
    let said =
        run_eyas(&["doctor", "--json", "--data-dir", app.launch.dir().to_str().unwrap()]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let found = finding(&said, "port");
    assert!(found["text"].as_str().unwrap().contains("does not answer"), "{found}");
    app.signal(rustix::process::Signal::CONT);
    eventually("it answers again", async || (app.get("/readyz").await.status == 200).then_some(()))
        .await;
}

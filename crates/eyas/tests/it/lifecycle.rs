//! Starting, refusing to start, stopping, and starting again.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::command::run_shell;
use crate::tcp::Raw;

const GOOD: &str = r#"{"category":"c","name":"n"}"#;

#[tokio::test]
async fn a_graceful_stop_answers_what_is_in_flight() {
    let app = TestApp::start().await;
    let http = app.http.clone();
    let mut requests = JoinSet::new();
    for n in 0..40 {
        let http = http.clone();
        requests.spawn(async move {
            let headers = [("content-type", "application/json")];
            let body = format!(r#"{{"id":"g{n}","category":"c","name":"n"}}"#);
            http.try_send(hyper::Method::POST, "/events", &headers, body).await
        });
    }
    // Half a request: its other half comes after the signal.
    let mut halved = Raw::connect(app.addr).await;
    let head = "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 27\r\n\r\n";
    halved.send(format!("{head}{}", &GOOD[..10])).await;
    app.post_events(GOOD).await.accepted();
    app.signal_stop();
    eventually(
        "the server does not take new connections, or says that it is not ready",
        async || match http.try_send(hyper::Method::GET, "/readyz", &[], "").await {
            Ok(answer) => (answer.status == 503).then_some(()),
            Err(_) => Some(()),
        },
    )
    .await;
    halved.send(&GOOD[10..]).await;
    let answer = halved.answer(DEADLINE).await.expect("what was begun is finished");
    assert_eq!(answer.status, 202, "{answer:?}");
    let mut n_accepted = 2;
    while let Some(answer) = requests.join_next().await {
        if let Ok(answer) = answer.unwrap() {
            assert!(answer.status == 202 || answer.status == 503, "{answer:?}");
            n_accepted += usize::from(answer.status == 202);
        }
    }
    let app = app.stopped().await.start().await;
    // Everything was applied before the end: no need to wait.
    assert_eq!(app.export("").await.len(), n_accepted);
}

#[tokio::test]
async fn a_stop_is_not_held_up_by_idle_or_live_connections() {
    let app = TestApp::start().await;
    let mut live = Vec::new();
    for way in crate::follow::Way::ALL {
        live.push(app.follow(way, "since=now").await);
    }
    let _idle = Raw::connect(app.addr).await;
    let mut begun = Raw::connect(app.addr).await;
    begun.send("GET /status HTT").await;
    let stopped = tokio::time::timeout(Duration::from_secs(15), app.terminate()).await;
    assert!(stopped.is_ok(), "it has stopped by now");
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused() {
    let app = TestApp::start().await;
    let (code, stderr) = app.launch.refused().await;
    assert_eq!(code, 75, "{stderr}");
    assert!(stderr.contains("another eyas") && stderr.contains("--data-dir"), "{stderr}");
    app.post_events(GOOD).await.accepted();
    app.kill().start().await;
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_all_that_is_wrong() {
    let launch = Launch::new().env("EYAS_LISTEN", "somewhere").env("EYAS_STORE_URL", "oracle:x");
    let (code, stderr) = launch.refused().await;
    assert_eq!(code, 78, "{stderr}");
    assert!(stderr.contains("EYAS_LISTEN") && stderr.contains("EYAS_STORE_URL"), "{stderr}");

    let launch = Launch::new();
    std::fs::write(launch.dir().join("eyas.toml"), "lisen = \"127.0.0.1:1\"\n").unwrap();
    let (code, stderr) = launch.refused().await;
    assert_eq!(code, 78, "{stderr}");
    assert!(stderr.contains("lisen") && stderr.contains("`listen`"), "{stderr}");
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused_without_a_token() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, stderr) = Launch::new().env("EYAS_LISTEN", address).refused().await;
        assert_eq!(code, 78, "{stderr}");
        for command in ["eyas app create NAME", "eyas token create --app NAME --scope write"] {
            assert!(stderr.contains(command), "{stderr}");
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_refused_with_words() {
    let app = TestApp::start().await;
    let (code, stderr) = Launch::new().env("EYAS_LISTEN", &app.addr.to_string()).refused().await;
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains(&app.addr.to_string()) && stderr.contains("--listen"), "{stderr}");
}

#[tokio::test]
async fn the_instance_and_its_data_survive_every_kind_of_end() {
    let app = TestApp::start().await;
    let instance = app.instance.clone();
    let first = app.post_events(GOOD).await.accepted()["seq"].as_u64();
    let app = app.restart().await;
    let second = app.post_events(GOOD).await.accepted()["seq"].as_u64();
    let app = app.terminate().await.start().await;
    let third = app.post_events(GOOD).await.accepted()["seq"].as_u64();
    assert!(first < second && second < third, "{first:?} {second:?} {third:?}");
    assert_eq!(app.instance, instance);
    app.wait_applied().await;
    assert_eq!(app.export("").await.len(), 3);
}

#[tokio::test]
async fn the_curl_of_the_banner_works() {
    let launch = Launch::new().on_fixed_port();
    // Without `--json`, as a person starts it: the banner is the only word on where it listens.
    let (mut child, banner) = launch.start_for_people().await;
    let curl: String = banner
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("curl "))
        .take_while(|line| !line.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n");
    let said = run_shell(&curl).await;
    assert!(said.code == 0, "{curl}\n{said:?}");
    let accepted: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    assert!(accepted["id"].is_string() && accepted["seq"] == 1, "{accepted}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn no_command_at_all_serves_too() {
    let launch = Launch::new();
    let mut command = Command::new(crate::app::binary());
    command.args(["--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(launch.dir().join("d"));
    let mut child = command
        .current_dir(launch.dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let first = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).map(|_| line)
    });
    let first = tokio::time::timeout(DEADLINE, first).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let line = first.expect("it says where it listens").unwrap().unwrap();
    assert!(line.starts_with('{') && line.contains("http://127.0.0.1:"), "{line}");
}

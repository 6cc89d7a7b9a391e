//! `eyas load`: it counts right, it survives what the server survives, and it is not taken in by a server that lies.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::app::{Launch, TestApp, eventually};
use crate::command::{eyas, run, run_eyas};

fn report(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

/// `eyas load` in progress.
fn start(url: &str, arguments: &[&str]) -> Child {
    let mut command = eyas(&["load", "--json", "--url", url]);
    let command = command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Its end: exit code and report.
async fn end(child: Child) -> (Option<i32>, Value) {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = tokio::time::timeout(Duration::from_mins(2), output).await.unwrap().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(!stdout.is_empty(), "no report: {words}");
    (output.status.code(), report(&stdout))
}

async fn n_events(app: &TestApp) -> u64 {
    app.get("/status").await.json()["counts"]["accepted"].as_u64().unwrap()
}

#[tokio::test]
async fn load_sends_at_its_rate_and_proves_every_event() {
    let app = TestApp::start().await;
    let arguments = ["load", "--url", &app.url, "--rate", "500", "--for", "1s", "--json"];
    let said = run_eyas(&arguments).await;
    assert_eq!(said.code, 0, "{said:?}");
    let one = report(&said.stdout);
    assert_eq!(
        (&one["accepted"], &one["proof"]["stored"], &one["proven"]),
        (&500.into(), &500.into(), &true.into()),
        "{one}"
    );
    assert_eq!(one["failures"], serde_json::json!({}), "{one}");
    assert!(one["seconds"].as_f64() > Some(0.99), "not faster than asked: {one}");
    assert!(one["latency_us"]["p50"].as_u64() > Some(0), "{one}");

    let arguments = [&arguments[..], &["--events-per-request", "100", "--size", "5000"]].concat();
    let many = report(&run_eyas(&arguments).await.stdout);
    assert_eq!((&many["requests"], &many["proof"]["stored"]), (&5.into(), &500.into()), "{many}");
    assert_eq!(n_events(&app).await, 1000);
    let said = run_eyas(&["load", "--url", &app.url, "--for", "100ms"]).await;
    assert!(said.stdout.contains("all 100 accepted events are stored"), "{said:?}");
}

#[tokio::test]
async fn load_tells_when_the_rate_is_not_reached() {
    let app = TestApp::start().await;
    let arguments = [
        "load",
        "--url",
        &app.url,
        "--rate",
        "1000000",
        "--for",
        "300ms",
        "--connections",
        "1",
        "--json",
    ];
    let said = run_eyas(&arguments).await;
    assert_eq!(said.code, 0, "{said:?}");
    let told = report(&said.stdout);
    assert!(told["requests_unsent"].as_u64() > Some(100_000), "{told}");
    // Nearly all of them waited, so half of them waited for long: the fast answers do not hide that.
    assert!(told["latency_us"]["p50"].as_u64() > Some(50_000), "{told}");
}

#[tokio::test]
async fn load_proves_over_a_kill() {
    let app = Launch::new().on_fixed_port().start().await;
    let load = start(&app.url, &["--rate", "400", "--for", "4s"]);
    eventually("some events", async || (n_events(&app).await > 200).then_some(())).await;
    let app = app.restart().await;
    let (code, told) = end(load).await;
    assert_eq!((code, &told["proven"]), (Some(0), &true.into()), "{told}");
    assert_eq!(told["proof"]["stored"], told["accepted"], "{told}");
    drop(app);
}

#[tokio::test]
async fn load_has_no_failure_over_a_hand_over() {
    let app = TestApp::start().await;
    // Until the successor has had its share. A rate is no promise of a busy machine: what is late is sent late.
    let load = start(&app.url, &["--rate", "400", "--for", "1h"]);
    let has_some = async || (n_events(&app).await > 200).then_some(());
    eventually("some events", has_some).await;
    app.signal(Signal::USR2);
    eventually("it has handed over", async || (app.lines().len() == 2).then_some(())).await;
    eventually("some events after it", has_some).await;
    kill_process(Pid::from_child(&load), Signal::INT).unwrap();
    let (code, told) = end(load).await;
    let said = app.stderr();
    assert_eq!((code, &told["proven"]), (Some(0), &true.into()), "{told}\n{said}");
    assert!(told["accepted"].as_u64() > Some(400), "{told}\n{said}");
    assert_eq!(told["accepted"], told["requests"], "{told}\n{said}");
    assert_eq!(told["failures"], serde_json::json!({}), "{told}\n{said}");
}

#[tokio::test]
async fn load_proves_what_was_sent_before_ctrl_c() {
    let app = TestApp::start().await;
    let load = start(&app.url, &["--rate", "200", "--for", "1h"]);
    eventually("some events", async || (n_events(&app).await > 20).then_some(())).await;
    kill_process(Pid::from_child(&load), Signal::INT).unwrap();
    let (code, told) = end(load).await;
    assert_eq!(
        (code, &told["interrupted"], &told["proven"]),
        (Some(0), &true.into(), &true.into()),
        "{told}"
    );
    assert_eq!(told["accepted"].as_u64(), Some(n_events(&app).await), "{told}");
}

#[tokio::test]
async fn load_without_a_server_has_its_own_exit_code() {
    let app = TestApp::start().await;
    let url = app.url.clone();
    app.kill();
    let said = run_eyas(&["load", "--url", &url]).await;
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains(&url), "{said:?}");
}

/// A server that accepts everything and keeps nothing, one request a connection.
fn liar() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while stream.read_line(&mut head).unwrap() > 2 {
                let line = head.lines().last().unwrap().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
            }
            stream.read_exact(&mut vec![0; length]).unwrap();
            let body = match head.split(' ').take(2).collect::<Vec<_>>()[..] {
                ["POST", _] => r#"{"accepted":1,"first_seq":1,"last_seq":1,"ids":["x"]}"#,
                [_, "/status"] => r#"{"applied_seq":1}"#,
                _ => "",
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[tokio::test]
async fn load_is_not_taken_in_by_a_server_that_forgets() {
    let arguments = ["load", "--url", &liar(), "--rate", "100", "--for", "200ms", "--json"];
    let said = run(eyas(&arguments), "").await;
    assert_eq!(said.code, 1, "{said:?}");
    let told = report(&said.stdout);
    assert!(told["accepted"].as_u64() > Some(0), "{told}");
    assert_eq!(told["accepted"], told["proof"]["missing"], "{told}");
    assert!(said.stderr.contains("accepted, but not found: load-"), "{said:?}");
}

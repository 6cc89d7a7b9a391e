//! `eyas send` and `eyas tail`, as a person or a script uses them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::command::{eyas, run, run_eyas};
use crate::http::Row;

async fn stored(app: &TestApp, path: &str) -> Vec<Row> {
    app.wait_applied().await;
    app.export_of(path).await.iter().map(|line| Row::parse(line)).collect()
}

/// Lines of one event each, in both spellings of time; every 50th lies in the future.
fn lines(n: usize) -> Vec<String> {
    let line = |n: usize| {
        let second = n % 60;
        let at = match n % 4 {
            _ if n.is_multiple_of(50) => "2036-01-01T00:00:00Z".to_owned(),
            0 => format!("2026-01-01T08:00:{second:02}.095Z"),
            1 => format!("2026-01-01 08:00:{second:02}.095000"),
            2 => format!("2026-01-01 08:00:{second:02}.095000Z"),
            _ => format!("2026-01-01T10:00:{second:02}+02:00"),
        };
        format!(
            r#"{{"session_id":"s{}","category":"c","name":"n\u00e9","data":{{"n":{n},"big":{}}},"timestamp":"{at}"}}"#,
            n % 7,
            9_007_199_254_740_993_u64 + n as u64
        )
    };
    (0..n).map(line).collect()
}

#[tokio::test]
async fn send_sends_one_event_by_arguments() {
    let app = TestApp::start().await;
    let arguments = [
        "send",
        "--url",
        &app.url,
        "--category",
        "demo",
        "--name",
        "hello",
        "--session-id",
        "s 1",
        "--id",
        "my/id",
        "--timestamp",
        "2026-11-01 08:00:00",
        "--data",
        "{\"n\": 1.0}",
    ];
    let said = run_eyas(&arguments).await;
    assert_eq!(said.code, 0, "{said:?}");
    let said = run_eyas(&[&arguments[..], &["--json"]].concat()).await;
    assert_eq!(said.code, 0, "the same again is a duplicate, not an error: {said:?}");
    let json: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(json["id"], "my/id", "{json}");
    let rows = stored(&app, "/events").await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].id.as_str(), rows[0].data()), ("my/id", "{\"n\": 1.0}"));
    assert_eq!(rows[0].session_id.as_deref(), Some("s 1"));
    assert_eq!(rows[0].timestamp.as_deref(), Some("2026-11-01T08:00:00.000000Z"));

    let said = run_eyas(&["send", "--url", &app.url, "--stream", "raw", "--data", "[1,2]"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let raw = stored(&app, "/streams/raw").await;
    assert_eq!(
        raw.iter().map(Row::data).collect::<Vec<_>>(),
        ["[1,2]"],
        "one event, though an array"
    );
}

#[tokio::test]
async fn send_sends_a_file_in_its_order() {
    let app = TestApp::start().await;
    let lines = lines(5_000);
    let file = app.path("events.ndjson");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let said = run_eyas(&["send", "--url", &app.url, file.to_str().unwrap()]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        format!("{}{}", said.stdout, said.stderr).contains("000"),
        "it says how many: {said:?}"
    );
    let rows = stored(&app, "/events").await;
    assert_eq!(rows.len(), 5_000);
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(
            row.data(),
            format!("{{\"n\":{n},\"big\":{}}}", 9_007_199_254_740_993_u64 + n as u64)
        );
        assert_eq!(row.valid, !n.is_multiple_of(50), "{row:?}");
    }
}

#[tokio::test]
async fn send_reads_standard_input() {
    let app = TestApp::start().await;
    let command = eyas(&["send", "--url", &app.url, "--batch", "7", "-"]);
    let said = run(command, &format!("{}\n\n", lines(100).join("\n"))).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(stored(&app, "/events").await.len(), 100);
    let said =
        run(eyas(&["send", "--url", &app.url, "--stream", "raw", "-"]), "1\n[2]\n\"3\"\n").await;
    assert_eq!(said.code, 0, "{said:?}");
    let raw = stored(&app, "/streams/raw").await;
    assert_eq!(raw.iter().map(Row::data).collect::<Vec<_>>(), ["1", "[2]", "\"3\""]);
}

#[tokio::test]
async fn send_stops_at_a_refused_line_and_names_it() {
    let app = TestApp::start().await;
    let mut lines = lines(10);
    lines[6] = r#"{"category":"c"}"#.to_owned();
    let input = lines.join("\n");
    let said = run(eyas(&["send", "--url", &app.url, "--batch", "5", "-"]), &input).await;
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains('7') && said.stderr.contains("name"), "{said:?}");
    assert_eq!(stored(&app, "/events").await.len(), 5, "the requests before it");
    let skip = eyas(&["send", "--url", &app.url, "--on-error", "skip", "-"]);
    let said = run(skip, &input).await;
    assert!(said.stderr.contains('7') && said.stderr.contains("name"), "{said:?}");
    assert_eq!(stored(&app, "/events").await.len(), 5 + 9);
}

#[tokio::test]
async fn a_refused_event_and_an_absent_server_have_their_own_exit_codes() {
    let app = TestApp::start().await;
    // What cannot be JSON is not even sent.
    let said =
        run_eyas(&["send", "--url", &app.url, "--category", "c", "--name", "n", "--data", "{"])
            .await;
    assert_eq!(said.code, 2, "{said:?}");
    let said = run_eyas(&["send", "--url", &app.url, "--data", "1"]).await;
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("category"), "{said:?}");
    let url = app.url.clone();
    app.kill();
    let said = run_eyas(&["send", "--url", &url, "--category", "c", "--name", "n"]).await;
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains(&url), "it says whom it asked: {said:?}");
}

#[tokio::test]
async fn tail_shows_what_matches_and_ends_after_its_count() {
    let app = TestApp::start().await;
    run(eyas(&["send", "--url", &app.url, "-"]), &lines(100).join("\n")).await;
    let tail = ["tail", "--url", &app.url, "--since", "beginning", "--json", "--count"];
    let said = run_eyas(&[&tail[..], &["10", "--session-id", "s3"]].concat()).await;
    assert_eq!(said.code, 0, "{said:?}");
    let rows: Vec<Row> = said.stdout.lines().map(Row::parse).collect();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row.session_id.as_deref() == Some("s3")));
    let said = run_eyas(&[&tail[..], &["2", "--valid", "false"]].concat()).await;
    let rows: Vec<Row> = said.stdout.lines().map(Row::parse).collect();
    assert_eq!(rows.iter().map(|row| row.valid).collect::<Vec<_>>(), [false, false], "{said:?}");
    // For people: a line an event.
    let said = run_eyas(&["tail", "--url", &app.url, "--since", "beginning", "--count", "3"]).await;
    assert_eq!((said.code, said.stdout.lines().count()), (0, 3), "{said:?}");
}

/// A `tail` in progress, and its lines as they come.
struct Tail {
    child: Child,
    stderr: Arc<Mutex<String>>,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tail {
    fn start(arguments: &[&str]) -> Self {
        let mut command = eyas(arguments);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (words, heard) = (child.stderr.take().unwrap(), Arc::clone(&stderr));
        std::thread::spawn(move || {
            for line in BufReader::new(words).lines().map_while(Result::ok) {
                let mut heard = heard.lock().unwrap();
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        let out = child.stdout.take().unwrap();
        let (tell, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stderr, lines }
    }

    /// Of the stream `raw`, from its beginning.
    fn of_raw(app: &TestApp) -> Self {
        let url = ["tail", "--url", &app.url];
        Self::start(&[&url[..], &["--stream", "raw", "--since", "beginning", "--json"]].concat())
    }

    async fn next(&mut self) -> Row {
        let line = timeout(DEADLINE, self.lines.recv()).await.expect("a line in time");
        Row::parse(&line.expect("tail is still running"))
    }
}

#[tokio::test]
async fn tail_resumes_over_a_restart() {
    let app = Launch::new().on_fixed_port().start().await;
    let mut tail = Tail::of_raw(&app);
    let mut app = app;
    for n in 0..30 {
        app.post_stream("raw", n.to_string()).await.accepted();
        if n == 0 {
            // A tail that finds no server ends; one that has begun to follow comes back.
            assert_eq!(tail.next().await.data(), "0");
        } else if n == 10 {
            app = app.restart().await;
        } else if n == 20 {
            app = app.terminate().await.start().await;
        }
    }
    for n in 1..30 {
        assert_eq!(tail.next().await.data(), n.to_string());
    }
}

#[tokio::test]
async fn tail_says_what_it_missed() {
    let app = Launch::new().on_fixed_port().start().await;
    let mut tail = Tail::of_raw(&app);
    app.post_stream("raw", "0").await.accepted();
    assert_eq!(tail.next().await.data(), "0");
    // It sleeps while the server dies, comes back, and takes five events.
    let pid = Pid::from_child(&tail.child);
    kill_process(pid, Signal::STOP).unwrap();
    let app = app.restart().await;
    for n in 1..6 {
        app.post_stream("raw", n.to_string()).await.accepted();
    }
    kill_process(pid, Signal::CONT).unwrap();
    for n in 1..6 {
        assert_eq!(tail.next().await.data(), n.to_string());
    }
    let said = eventually("it says so", async || {
        let said = tail.stderr.lock().unwrap().clone();
        said.contains("caught up").then_some(said)
    });
    let said = said.await;
    assert!(said.contains("missed 5 events while away for"), "{said}");
    assert!(said.contains("connecting again in"), "{said}");
}

/// Every command, and every command of a command, by its words.
async fn commands(of: Vec<String>) -> Vec<Vec<String>> {
    let words: Vec<&str> = of.iter().map(String::as_str).chain(["--help"]).collect();
    let said = run_eyas(&words).await;
    assert_eq!(said.code, 0, "{said:?}");
    let list = said.stdout.split("Commands:\n").nth(1).unwrap_or_default();
    let list = list.lines().take_while(|line| !line.trim().is_empty());
    // What belongs to a name stands further in.
    let names =
        list.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(|name| [of.clone(), vec![name.to_owned()]].concat())
        .collect()
}

#[tokio::test]
async fn every_help_shows_an_example() {
    let mut n_leaves = 0;
    let mut left = vec![Vec::new()];
    while let Some(command) = left.pop() {
        let inner = commands(command.clone()).await;
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        // A mere family of commands is taught by each of them.
        let is_family = !inner.is_empty() && !command.is_empty() && command != ["jobs"];
        if !is_family {
            n_leaves += 1;
            let said = run_eyas(&words).await;
            let example = said.stdout.split("Example").nth(1).unwrap_or_default();
            assert!(example.contains("eyas"), "{command:?}: {}", said.stdout);
        }
        left.extend(inner);
    }
    assert!(n_leaves >= 30, "{n_leaves}");
    let said = run_eyas(&["sned"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("send"), "{said:?}");
    assert_eq!(run_eyas(&["--version"]).await.code, 0);
}

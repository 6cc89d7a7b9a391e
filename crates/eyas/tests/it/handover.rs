//! Hand-over: the program on disk takes over under load, and nobody outside can tell but by a short wait.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::checker::history::History;
use crate::checker::rules::check;
use crate::command::run_eyas;
use crate::http::{Answer, Http, NoAnswer};
use crate::journal::{Intent, Journal, Outcome, fingerprint, read};
use crate::torture::{everything_kept, spawn_subscribers};

const N_CLIENTS: u64 = 16;
const N_RESTARTS: usize = 5;
const GOOD: &str = r#"{"category":"c","name":"n"}"#;

/// What all clients count.
#[derive(Default)]
struct Counts {
    stop: AtomicBool,
    n_requests: AtomicU64,
    n_events: AtomicU64,
    slowest_us: AtomicU64,
}

/// A plain client: it sends one request after the other, and no failure is forgiven.
struct Client {
    number: u64,
    http: Http,
    journal: Journal,
    counts: Arc<Counts>,
    order: u64,
}

impl Client {
    async fn run(mut self) {
        while !self.counts.stop.load(Ordering::Relaxed) {
            // Every other client makes a connection of its own for each request.
            if self.number.is_multiple_of(2) {
                self.http = self.http.another();
            }
            match self.order % 8 {
                5 => {
                    let answer = self.ask(Method::GET, "/events?limit=3", "").await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                    self.order += 1;
                }
                n => self.post(1 + n % 3).await,
            }
        }
    }

    async fn post(&mut self, n_events: u64) {
        let (number, first) = (self.number, self.order);
        self.order += n_events;
        let session = format!("h{number:02}");
        let data: Vec<String> =
            (first..self.order).map(|n| format!(r#""{session}-{n}""#)).collect();
        let intents: Vec<Intent> = (data.iter().zip(first..))
            .map(|(data, order)| {
                let hash = fingerprint(data);
                Intent { order, session: session.clone(), id: None, hash }
            })
            .collect();
        let lines: Vec<String> = (data.iter().zip(first..))
            .map(|(data, n)| {
                let category = n % 3;
                format!(r#"{{"session_id":"{session}","category":"c{category}","name":"n","data":{data}}}"#)
            })
            .collect();
        self.journal.intend(&intents);
        let answer = self.ask(Method::POST, "/events", &lines.join("\n")).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let receipt = answer.json();
        let ids = receipt["ids"].as_array().expect("NDJSON is answered with a list");
        let first_seq = receipt["first_seq"].as_u64().expect("a first seq");
        let outcomes = ids.iter().zip(first_seq..).map(|(id, seq)| {
            let id = id.as_str().expect("an id").to_owned();
            Outcome::Accepted { id, seq: Some(seq) }
        });
        self.journal.conclude((first..self.order).zip(outcomes));
        self.counts.n_events.fetch_add(n_events, Ordering::Relaxed);
    }

    /// A request that must be answered, at once, with no second try.
    async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/x-ndjson")];
        let began = Instant::now();
        let sent: Result<Answer, NoAnswer> =
            self.http.try_send(method, path, &headers, body.to_owned()).await;
        let took_us = began.elapsed().as_micros() as u64;
        self.counts.slowest_us.fetch_max(took_us, Ordering::Relaxed);
        self.counts.n_requests.fetch_add(1, Ordering::Relaxed);
        sent.unwrap_or_else(|failure| panic!("a request failed after {took_us} us: {failure:?}"))
    }
}

async fn restart(app: &TestApp, by_command: bool) {
    let n_ready = app.lines().len();
    if by_command {
        let data_dir = app.launch.dir().to_str().unwrap();
        let said = run_eyas(&["restart", "--data-dir", data_dir]).await;
        assert_eq!(said.code, 0, "{said:?}\n{}", app.stderr());
        assert!(said.stdout.contains(&app.url), "{said:?}");
    } else {
        app.signal(Signal::USR2);
    }
    eventually("the successor is ready", async || (app.lines().len() > n_ready).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn restarts_under_load_fail_no_request() {
    let app = Launch::new().on_fixed_port().kept_after_failure().start().await;
    let journals = app.path("journals");
    std::fs::create_dir(&journals).unwrap();
    let (_up, is_up) = watch::channel(true);
    let (finish, is_finished) = watch::channel(false);
    let subscribers = spawn_subscribers(&app, &is_up, &is_finished, None);
    let counts = Arc::new(Counts::default());
    let mut clients = JoinSet::new();
    for number in 0..N_CLIENTS {
        let journal = Journal::create(&journals.join(format!("h{number:02}")));
        let (http, counts) = (Http::new(app.addr), Arc::clone(&counts));
        clients.spawn(Client { number, http, journal, counts, order: 0 }.run());
    }
    for n in 0..N_RESTARTS {
        // Each life of the server has its share of the work.
        let n_enough = counts.n_requests.load(Ordering::Relaxed) + 200;
        eventually("work goes on", async || {
            (counts.n_requests.load(Ordering::Relaxed) >= n_enough).then_some(())
        })
        .await;
        restart(&app, n == 0).await;
    }
    counts.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.expect("no request fails");
    }
    app.wait_applied().await;
    finish.send_replace(true);
    let transcripts = tokio::time::timeout(3 * DEADLINE, subscribers.join_all()).await;
    let transcripts = transcripts.expect("both subscribers come to the end");

    let attempts: Vec<_> =
        (0..N_CLIENTS).flat_map(|number| read(&journals.join(format!("h{number:02}")))).collect();
    let events = everything_kept(&app).await;
    let n_events = counts.n_events.load(Ordering::Relaxed);
    println!(
        "{N_RESTARTS} restarts, {} requests, 0 failed, slowest {} ms, {n_events} events",
        counts.n_requests.load(Ordering::Relaxed),
        counts.slowest_us.load(Ordering::Relaxed) / 1000,
    );
    assert_eq!(events.len() as u64, n_events);
    let dead = app.beside().dead_letters();
    let wrong = check(&History { attempts, events, dead, transcripts, has_outages: false });
    assert!(
        wrong.is_empty(),
        "{} promises broken: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    let lines = app.lines();
    assert_eq!(lines.len(), 1 + N_RESTARTS);
    assert!(lines.iter().all(|line| *line == lines[0]), "the same address every time: {lines:?}");
    app.terminate().await;
}

/// Puts a shell script where the program was.
fn replace(program: &Path, script: &str) {
    let new = program.with_extension("new");
    let mut file = std::fs::File::create(&new).unwrap();
    writeln!(file, "#!/bin/sh\n{script}").unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
    drop(file);
    std::fs::rename(&new, program).unwrap();
}

#[tokio::test]
async fn a_program_that_does_not_start_takes_nothing_over() {
    let app = Launch::new().of_a_copy().start().await;
    app.post_events(GOOD).await.accepted();
    replace(&app.path("eyas"), "echo 'the library is missing' >&2; exit 9");
    let data_dir = app.launch.dir().to_str().unwrap().to_owned();
    for _ in 0..2 {
        let said = run_eyas(&["restart", "--data-dir", &data_dir]).await;
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.stderr.contains("the library is missing"), "{said:?}");
    }
    app.post_events(GOOD).await.accepted();
    assert_eq!(app.lines().len(), 1, "it has never ended");
    app.terminate().await;
}

#[tokio::test]
async fn a_wrong_configuration_takes_nothing_over() {
    let launch = Launch::new();
    std::fs::write(launch.dir().join("eyas.toml"), "[drain]\ndelay = \"0\"\n").unwrap();
    let app = launch.start().await;
    std::fs::write(app.path("eyas.toml"), "[drain]\ndelay = \"soon\"\n").unwrap();
    let said = run_eyas(&["restart", "--data-dir", app.launch.dir().to_str().unwrap()]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("drain.delay"), "{said:?}");
    app.post_events(GOOD).await.accepted();
}

#[tokio::test]
async fn a_take_over_that_fails_at_the_last_moment_goes_on_in_the_old_program() {
    let app = Launch::new().of_a_copy().start().await;
    app.post_events(GOOD).await.accepted();
    // It passes the check, and is gone when it should start.
    replace(&app.path("eyas"), "rm -- \"$0\"");
    app.signal(Signal::USR2);
    eventually("ready again", async || (app.lines().len() == 2).then_some(())).await;
    assert!(app.stderr().contains("could not take over"), "{}", app.stderr());
    let answer = app.post_events(GOOD).await.accepted();
    assert_eq!(app.lines()[0], app.lines()[1]);
    assert!(answer["seq"].as_u64() > Some(1), "{answer}");
    app.terminate().await;
}

#[tokio::test]
async fn a_new_connection_waits_through_the_hand_over() {
    let app = Launch::new().on_fixed_port().start().await;
    app.signal(Signal::USR2);
    // From the first moment to the last, every connection is taken and every request answered.
    let mut n_answered = 0;
    while app.lines().len() < 2 {
        let answer = app.http.another().try_send(Method::GET, "/readyz", &[], "").await;
        let answer = answer.unwrap_or_else(|failure| panic!("request {n_answered}: {failure:?}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        n_answered += 1;
    }
    assert!(n_answered > 1);
    app.terminate().await;
}

#[tokio::test]
async fn a_delay_shows_that_it_is_not_ready_before_it_refuses() {
    let app = Launch::new().env("EYAS_DRAIN_DELAY", "60s").start().await;
    app.signal_stop();
    eventually("not ready", async || (app.get("/readyz").await.status == 503).then_some(())).await;
    let answer = app.http.another().post("/events", "application/json", GOOD).await;
    assert_eq!((answer.status, answer.header("connection")), (202, "close"), "{answer:?}");
}

#[tokio::test]
async fn restart_says_that_no_server_runs() {
    let launch = Launch::new();
    let data_dir = launch.dir().to_str().unwrap().to_owned();
    let said = run_eyas(&["restart", "--data-dir", &data_dir]).await;
    assert_eq!(said.code, 4, "{said:?}");
    let launch = launch.start().await.terminate().await;
    let said = run_eyas(&["restart", "--data-dir", launch.dir().to_str().unwrap()]).await;
    assert_eq!(said.code, 4, "a note of an earlier life means nothing: {said:?}");
}

#[tokio::test]
async fn a_socket_of_the_service_manager_is_served() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Whoever connects before the server is there, waits.
    let early = Http::new(address);
    let early = tokio::spawn(async move { early.get("/readyz").await });
    let app = Launch::new().with_socket(listener).start().await;
    assert_eq!(app.addr, address);
    let answer = tokio::time::timeout(DEADLINE, early).await.expect("it is answered").unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    restart(&app, true).await;
    app.post_events(GOOD).await.accepted();
    app.terminate().await;
}

#[tokio::test]
async fn the_service_manager_is_told() {
    let launch = Launch::new();
    let path = launch.dir().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let said = || {
        let mut bytes = [0; 200];
        let n_bytes = socket.recv(&mut bytes).expect("a word in time");
        String::from_utf8(bytes[..n_bytes].to_vec()).unwrap()
    };
    let app = launch.env("NOTIFY_SOCKET", path.to_str().unwrap()).start().await;
    assert_eq!(said(), "READY=1\nSTATUS=serving");
    restart(&app, false).await;
    assert!(said().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(said(), "READY=1\nSTATUS=serving");
    app.terminate().await;
    assert_eq!(said(), "STOPPING=1");
}

//! The crash test: sixteen producers, two subscribers, `kill -9` at any moment, and nothing that was promised is missing.
//!
//! The server asks for tokens, judges by schemas, and its database refuses some events by a trigger. In the end the
//! trigger goes, and what it refused is replayed, under two more kills.
//!
//! On PostgreSQL that has a server of its own, which is killed as well, in mid transaction, and comes back a moment later.
//!
//! `EYAS_TORTURE_KILLS` (20) and `EYAS_TORTURE_SEED` say how long and which choices; timing is the machine's, so a
//! seed repeats the workload, not the run. After a failure the folder with log, database and journals is kept.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use testbed::Postgres;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::batch_senders::{BatchSender, Board, batch_history, figures, make_table, spawn_eye};
use crate::beside::Beside;
use crate::checker::batches::check as check_batches;
use crate::checker::history::{History, Kept, Shown, Transcript};
use crate::checker::rules::check;
use crate::follow::{Follower, Heard, Way};
use crate::http::{Http, Row};
use crate::journal::{fingerprint, read};
use crate::killer::Killer;
use crate::producers::{ODD, POISON, Producer, Shared};
use crate::seeded::Rng;

const N_PRODUCERS: u64 = 16;
const N_BATCH_SENDERS: u64 = 2;

pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// One that follows from the beginning to the end, over all crashes.
struct Subscriber {
    way: Way,
    query: &'static str,
    addr: std::net::SocketAddr,
    token: Option<String>,
    up: watch::Receiver<bool>,
    /// Turns true when nothing new comes any more.
    finish: watch::Receiver<bool>,
    transcript: Transcript,
    cursor: Option<String>,
}

impl Subscriber {
    async fn run(mut self) -> Transcript {
        loop {
            let is_last = *self.finish.borrow_and_update();
            self.up.wait_for(|is_up| *is_up).await.expect("the test goes on");
            if self.follow(is_last).await {
                return self.transcript;
            }
        }
    }

    /// One connection. True when it saw the end of everything.
    async fn follow(&mut self, is_last: bool) -> bool {
        // A browser hands its cursor back in a header, others in the query.
        let (since, last_event_id) = match (&self.cursor, self.way) {
            (None, _) => ("beginning", None),
            (Some(cursor), Way::WebSocket | Way::Lines) => (cursor.as_str(), None),
            (Some(cursor), Way::Sse) => ("now", Some(cursor.as_str())),
        };
        let query = format!("since={since}{}", self.query);
        let token = self.token.as_deref();
        let opened = Follower::open_as(self.addr, self.way, &query, last_event_id, token);
        let Ok(Ok(mut follower)) = tokio::time::timeout(DEADLINE, opened).await else {
            // Killed a moment ago, and nobody has said so yet.
            tokio::time::sleep(Duration::from_millis(5)).await;
            return false;
        };
        loop {
            let heard = tokio::select! {
                heard = follower.hear() => heard,
                _ = self.finish.changed(), if !is_last => return false,
            };
            let Heard::Message(message) = heard else { return false };
            match message.kind.as_str() {
                "event" => {
                    let row = message.row();
                    let shown = Shown { seq: row.seq, hash: fingerprint(row.data()) };
                    self.transcript.shown.push(shown);
                    self.cursor = Some(row.cursor);
                }
                "gap" => self.transcript.gaps.push(message.text),
                "caught_up" if is_last => return true,
                _ => {}
            }
        }
    }
}

/// Asks for tokens from now on, judges by schemas, and lets the database refuse some. The token of an administrator.
async fn make_strict(app: &mut TestApp) -> String {
    let (_, token) = app.make_token("torture", &["admin"]).await;
    app.http = app.http.clone().bearing(&token);
    let odd = json!({ "properties": { "fate": { "not": { "const": ODD } } } });
    let never = json!({ "required": ["what nobody sends"] });
    for schema in [
        json!({ "mode": "keep", "schema": odd }),
        json!({ "mode": "reject", "category": "c", "name": "forbidden", "schema": never }),
    ] {
        let headers = [("content-type", "application/json")];
        let put = app.http.send(Method::PUT, "/schemas", &headers, schema.to_string()).await;
        assert_eq!(put.status, 200, "{put:?}");
    }
    app.beside().refuse(&format!("new.name = '{POISON}'"), "no poison here");
    token
}

/// Exactly what breaks its schema is invalid, and exactly what the trigger refuses is not a row.
async fn check_verdicts(app: &TestApp) {
    let mut n_odd = 0;
    for path in ["/events", "/streams/raw"] {
        for line in app.export_of(path).await {
            let row = Row::parse(&line);
            let data: Value = serde_json::from_str(row.data()).unwrap();
            let is_odd = row.stream == "events" && data["fate"] == ODD;
            assert_eq!(row.valid, !is_odd, "{line}");
            assert_ne!(row.name.as_deref(), Some(POISON), "refused by the database: {line}");
            n_odd += u64::from(is_odd);
        }
    }
    let count = |condition: &str| -> u64 {
        let sql = format!("SELECT count(*) FROM dead_letters WHERE reason = 'refused'{condition}");
        app.beside().column(&sql)[0].parse().unwrap()
    };
    let (n_dead, n_poison) = (count(""), count(&format!(" AND name = '{POISON}'")));
    assert_eq!(n_dead, n_poison, "only poison is refused");
    assert!(n_odd > 0 && n_dead > 0, "{n_odd} odd ones and {n_dead} refused ones: long enough");
}

/// The database takes them now: a job replays them all, however often it dies.
async fn replay_all(mut app: TestApp, killer: &mut Killer) -> TestApp {
    app.beside().heal();
    let wish = json!({ "filter": { "reason": "refused" }, "rate": 10_000 }).to_string();
    let begun = app.http.post("/dead-letters/replay", "application/json", wish).await.accepted();
    let path = format!("/jobs/{}", begun["job"]["id"].as_str().unwrap());
    let total = begun["job"]["total"].as_u64().unwrap();
    for share in [3, 2, 1] {
        eventually("the job comes further", async || {
            let job = app.get(&path).await.json();
            let is_there = job["done"].as_u64().unwrap() >= total / share;
            (is_there && (share > 1 || !job["ended_at"].is_null())).then_some(())
        })
        .await;
        if share > 1 {
            app = app.kill().start().await;
            app.http = app.http.bearing(&killer.token);
            (killer.n_kills, killer.n_starts) = (killer.n_kills + 1, killer.n_starts + 1);
        }
    }
    let job = app.get(&path).await.json();
    let number = |name: &str| job[name].as_u64().unwrap();
    assert_eq!((&job["state"], number("done")), (&json!("done"), total), "{job}");
    // The trigger spoke first where an id was another event's as well.
    let left = app.get("/dead-letters").await.json();
    let groups = left["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["reason"] == "id_conflict"), "{left}");
    assert_eq!(number("ok") + number("failed"), total, "{job}");
    assert!(number("failed") < total / 10, "{job}");
    app
}

pub(crate) async fn everything_kept(app: &TestApp) -> Vec<Kept> {
    let mut kept = Vec::new();
    for path in ["/events", "/streams/raw"] {
        let lines = app.export_of(path).await;
        let seqs: Vec<u64> = lines.iter().map(|line| Row::parse(line).seq).collect();
        assert!(seqs.is_sorted(), "the export of {path} is in order");
        kept.extend(lines.iter().map(|line| Kept::of(&Row::parse(line))));
    }
    kept.sort_by_key(|event| event.seq);
    kept
}

/// Everything that can be known when it is over.
async fn history(app: &TestApp, journals: &Path, transcripts: Vec<Transcript>) -> History {
    let journals = (0..N_PRODUCERS).map(|number| journals.join(format!("p{number:02}")));
    let attempts = journals.flat_map(|path| read(&path)).collect();
    let events = everything_kept(app).await;
    let (dead, has_outages) = (app.beside().dead_letters(), Beside::is_postgres());
    History { attempts, events, dead, transcripts, has_outages }
}

fn report(history: &History, killer: &Killer, took: Duration) {
    let Shared { n_accepted, n_duplicates, n_refused, n_unknown, .. } = &*killer.shared;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();
    let mut shown: Vec<String> =
        history.transcripts.iter().map(|t| format!("{} {}", t.name, t.shown.len())).collect();
    shown.sort_unstable();
    for (what, figure) in [
        ("events accepted", count(n_accepted)),
        ("events stored", history.events.len().to_string()),
        ("dead letters", history.dead.len().to_string()),
        ("duplicates answered", count(n_duplicates)),
        ("requests refused", count(n_refused)),
        ("requests unanswered", count(n_unknown)),
        ("events shown", shown.join(", ")),
        ("kills", killer.n_kills.to_string()),
        ("  of the database", killer.n_database_kills.to_string()),
        ("restarts", killer.n_starts.to_string()),
        ("slowest restart", format!("{:.2} s", killer.slowest_start.as_secs_f64())),
        ("all", format!("{:.1} s", took.as_secs_f64())),
    ] {
        println!("{what:<20} {figure:>28}");
    }
}

fn spawn_producers(http: &Http, seed: u64, journals: &Path, shared: &Arc<Shared>) -> JoinSet<()> {
    let mut producers = JoinSet::new();
    for number in 0..N_PRODUCERS {
        let (http, shared) = (http.clone(), Arc::clone(shared));
        producers.spawn(Producer::new(number, seed, http, journals, shared).run());
    }
    producers
}

fn batch_sender(
    number: u64,
    seed: u64,
    app: &TestApp,
    token: &str,
    shared: &Arc<Shared>,
    board: &Arc<Board>,
) -> BatchSender {
    BatchSender {
        name: format!("b{number}"),
        http: app.http.another().bearing(token),
        addr: app.addr,
        token: token.to_owned(),
        rng: Rng::new(seed ^ (number + 101)),
        shared: Arc::clone(shared),
        board: Arc::clone(board),
    }
}

/// One over WebSocket that wants everything, one over SSE that wants a third of the stream `events`.
pub(crate) fn spawn_subscribers(
    app: &TestApp,
    up: &watch::Receiver<bool>,
    finish: &watch::Receiver<bool>,
    token: Option<&str>,
) -> JoinSet<Transcript> {
    let mut subscribers = JoinSet::new();
    let filtered = ("&stream=events&category=c1", Some("c1".to_owned()));
    for (way, (query, category)) in [(Way::WebSocket, ("", None)), (Way::Sse, filtered)] {
        let transcript = Transcript { name: format!("{way:?}"), category, ..Transcript::default() };
        let (up, finish) = (up.clone(), finish.clone());
        let (addr, token) = (app.addr, token.map(str::to_owned));
        let subscriber =
            Subscriber { way, query, addr, token, up, finish, transcript, cursor: None };
        subscribers.spawn(subscriber.run());
    }
    subscribers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_events_survive_kill() {
    let n_kills = setting("EYAS_TORTURE_KILLS", 20);
    let seed = setting("EYAS_TORTURE_SEED", 20_261_101);
    println!("EYAS_TORTURE_KILLS={n_kills} EYAS_TORTURE_SEED={seed}");
    let begun = Instant::now();
    // One of its own, to be killed as well.
    let cluster = Beside::is_postgres().then(Postgres::start);
    let launch = cluster.as_ref().map_or_else(Launch::new, |cluster| Launch::on(cluster.server()));
    let launch = launch.on_fixed_port().kept_after_failure();
    let journals = launch.dir().join("journals");
    std::fs::create_dir(&journals).unwrap();
    make_table(launch.dir());
    let mut app = launch.start().await;
    let token = make_strict(&mut app).await;
    let (_, writer) = app.make_token("producers", &["write"]).await;
    let (_, reader) = app.make_token("subscribers", &["read"]).await;
    let (up, is_up) = watch::channel(true);
    let (finish, is_finished) = watch::channel(false);
    let shared = Arc::new(Shared::strict(is_up.clone()));
    let http = app.http.another().bearing(&writer);
    let mut producers = spawn_producers(&http, seed, &journals, &shared);
    let board = Arc::new(Board::default());
    for number in 0..N_BATCH_SENDERS {
        producers.spawn(batch_sender(number, seed, &app, &writer, &shared, &board).run());
    }
    let eye = spawn_eye(app.beside(), Arc::clone(&shared), Arc::clone(&board));
    let subscribers = spawn_subscribers(&app, &is_up, &is_finished, Some(&reader));

    let mut killer = Killer::new(seed, up, Arc::clone(&shared), cluster);
    killer.token = token;
    while killer.n_kills < n_kills {
        app = killer.round(app).await;
        // A producer that was answered something it should not have been has panicked.
        while let Some(ended) = producers.try_join_next() {
            ended.expect("every answer is one of those allowed");
        }
    }
    shared.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = producers.join_next().await {
        ended.expect("every answer is one of those allowed");
    }
    eye.await.expect("the eye can see");
    app.wait_applied().await;
    finish.send_replace(true);
    let transcripts = tokio::time::timeout(3 * DEADLINE, subscribers.join_all()).await;
    let transcripts = transcripts.expect("both subscribers come to the end");
    check_verdicts(&app).await;
    app = replay_all(app, &mut killer).await;

    let batches = batch_history(&app, &board).await;
    let history = history(&app, &journals, transcripts).await;
    report(&history, &killer, begun.elapsed());
    for (what, figure) in figures(&batches, &board) {
        println!("{what:<20} {figure:>28}");
    }
    let broken = check_batches(&batches);
    assert_eq!(broken, [], "seed {seed}");
    assert!(batches.looks.len() as u64 > n_kills, "looked often enough to mean something");
    let wrong = check(&history);
    let shown = &wrong[..wrong.len().min(20)];
    assert!(wrong.is_empty(), "{} promises broken, seed {seed}: {shown:#?}", wrong.len());
    assert!(history.events.len() as u64 > 10 * n_kills, "long enough to mean something");
}

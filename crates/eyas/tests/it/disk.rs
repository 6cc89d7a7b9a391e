//! A full disk, and one that fails, for real: refused is not stored, accepted is, and with room again all goes on.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::app::{Launch, TestApp, eventually};
use crate::checker::history::{History, Kept};
use crate::checker::rules::check;
use crate::http::{Answer, Row};
use crate::journal::{Intent, Journal, Outcome, fingerprint, read};
use crate::small_disk::SmallDisk;

const MIB: u64 = 1024 * 1024;
/// More requests than any of these disks has room for.
const REQUESTS_MAX: usize = 5_000;

/// Sends requests of many events, one after the other, each in its journal.
struct Sender {
    path: PathBuf,
    journal: Journal,
    n_sent: u64,
    n_accepted: u64,
}

impl Sender {
    fn new(dir: &Path) -> Self {
        let path = dir.join("journal");
        Self { journal: Journal::create(&path), path, n_sent: 0, n_accepted: 0 }
    }

    /// One request of `n_events` with `n_bytes` each. `None`: no answer.
    async fn send(&mut self, app: &TestApp, n_events: u64, n_bytes: usize) -> Option<Answer> {
        let orders = self.n_sent..self.n_sent + n_events;
        self.n_sent += n_events;
        let data = |n| format!(r#""{n}{}""#, "x".repeat(n_bytes));
        let (mut intents, mut body) = (Vec::new(), String::new());
        for order in orders.clone() {
            let id = format!("e{order}");
            let data = data(order);
            let hash = fingerprint(&data);
            let _ = writeln!(body, r#"{{"id":"{id}","category":"c","name":"n","data":{data}}}"#);
            intents.push(Intent { order, session: "all".to_owned(), id: Some(id), hash });
        }
        self.journal.intend(&intents);
        let headers = [("content-type", "application/x-ndjson")];
        let answer = app.http.try_send(hyper::Method::POST, "/events", &headers, body).await.ok();
        let outcome = |order| match &answer {
            Some(answer) if answer.status == 202 => {
                Outcome::Accepted { id: format!("e{order}"), seq: None }
            }
            Some(answer) if answer.json()["outcome"] == "rejected" => Outcome::Rejected,
            _ => Outcome::Unknown,
        };
        if answer.as_ref().is_some_and(|answer| answer.status == 202) {
            self.n_accepted += n_events;
        }
        self.journal.conclude(orders.map(|order| (order, outcome(order))));
        answer
    }

    /// Everything that was promised is kept, and nothing else, by the house's checker.
    async fn check(&self, app: &TestApp) {
        app.wait_applied().await;
        let events = app.export("").await.iter().map(|line| Kept::of(&Row::parse(line))).collect();
        let history = History { attempts: read(&self.path), events, ..History::default() };
        let wrong = check(&history);
        assert!(wrong.is_empty(), "{} wrong: {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
        assert!(history.events.len() as u64 >= self.n_accepted);
    }
}

fn launch_on(disk: &SmallDisk) -> Launch {
    Launch::new().env("EYAS_DATA_DIR", disk.root().join("data").to_str().unwrap())
}

fn assert_disk_full(answer: &Answer) {
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["code"], &body["outcome"]),
        (503, &"disk_full".into(), &"rejected".into()),
        "{answer:?}"
    );
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
}

/// Reading in all its forms.
async fn assert_readable(app: &TestApp) {
    assert_eq!(app.get("/events?limit=1").await.page().events.len(), 1);
    assert_eq!(app.get("/status").await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 200);
    assert_eq!(app.live_ws("since=beginning").await.next_event().await.id, "e0");
    assert_eq!(app.live_sse("since=beginning").await.next_event().await.id, "e0");
}

async fn consumer(app: &TestApp) -> (String, String) {
    let consumer = app.get("/status").await.json()["consumer"].clone();
    let text = |key: &str| consumer[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

/// Until it is refused still when the database has all that was accepted: there is no room left to make.
async fn until_refused(app: &TestApp, sender: &mut Sender) {
    for _ in 0..REQUESTS_MAX {
        let answer = sender.send(app, 200, 1_000).await.expect("an answer");
        if answer.status == 202 {
            continue;
        }
        assert_disk_full(&answer);
        app.wait_applied().await;
        let again = sender.send(app, 200, 1_000).await.expect("an answer");
        if again.status == 503 {
            return assert_disk_full(&again);
        }
    }
    panic!("a disk of 96 MiB takes no end of events");
}

#[tokio::test]
async fn a_disk_filled_by_events_refuses_them_and_goes_on_when_there_is_room() {
    let disk = SmallDisk::new(96);
    disk.fill("filler", 24 * MIB);
    let launch = launch_on(&disk);
    let app = launch.start().await;
    let mut sender = Sender::new(launch.dir());
    until_refused(&app, &mut sender).await;
    assert!(sender.n_accepted > 5_000, "{}", sender.n_accepted);
    assert_readable(&app).await;
    sender.check(&app).await;

    // A start on the full disk is possible. It may find a little room: SQLite's log is folded into the database.
    let app = app.restart().await;
    assert_readable(&app).await;
    until_refused(&app, &mut sender).await;

    disk.free("filler");
    let before = sender.n_accepted;
    eventually("events are accepted again", async || {
        let answer = sender.send(&app, 1, 100).await.expect("an answer");
        (answer.status == 202).then_some(())
    })
    .await;
    for _ in 0..20 {
        let answer = sender.send(&app, 100, 1_000).await.expect("an answer");
        assert_eq!(answer.status, 202, "{answer:?}\n{}", app.stderr());
    }
    assert_eq!(sender.n_accepted, before + 2_001);
    sender.check(&app).await;
    sender.check(&app.terminate().await.start().await).await;
}

#[tokio::test]
async fn a_disk_filled_by_others_holds_up_the_database_and_loses_nothing() {
    let disk = SmallDisk::new(96);
    let launch = launch_on(&disk);
    let app = launch.start().await;
    let mut sender = Sender::new(launch.dir());
    assert_eq!(sender.send(&app, 1, 100).await.expect("an answer").status, 202);
    app.wait_applied().await;
    eventually("a ballast", async || {
        disk.root().join("data/log/events/ballast").exists().then_some(())
    })
    .await;
    // The database is held, so that a backlog stands in the log.
    let database = app.beside().lock();
    for _ in 0..20 {
        assert_eq!(sender.send(&app, 200, 1_000).await.expect("an answer").status, 202);
    }
    disk.fill("one", u64::MAX);
    eventually("the ballast is given up", async || {
        (!disk.root().join("data/log/events/ballast").exists()).then_some(())
    })
    .await;
    // And that room is taken as well: there is not a byte left.
    disk.fill("two", u64::MAX);
    assert_disk_full(&sender.send(&app, 1, 100).await.expect("an answer"));
    drop(database);
    let reason = eventually("the consumer waits for room", async || {
        let (state, reason) = consumer(&app).await;
        (state == "waiting" && reason.contains("full")).then_some(reason)
    })
    .await;
    assert!(reason.contains("disk"), "{reason}");
    assert_readable(&app).await;
    assert_disk_full(&sender.send(&app, 1, 100).await.expect("an answer"));

    disk.free("one");
    disk.free("two");
    app.wait_applied().await;
    eventually("events are accepted again", async || {
        let answer = sender.send(&app, 1, 100).await.expect("an answer");
        (answer.status == 202).then_some(())
    })
    .await;
    assert_eq!(consumer(&app).await.0, "running");
    assert_eq!(app.get("/status").await.json()["counts"]["dead"], 0);
    eventually("a ballast again", async || {
        disk.root().join("data/log/events/ballast").exists().then_some(())
    })
    .await;
    sender.check(&app).await;
}

/// The segment that the log writes to, and where its last commit ends, which is a seal.
fn sealed_end(disk: &SmallDisk) -> Option<(PathBuf, u64)> {
    let entries = std::fs::read_dir(disk.root().join("data/log/events")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "seg"));
    let path = paths.into_iter().max().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let last = bytes.iter().rposition(|&byte| byte != 0).unwrap() / 4096 * 4096;
    (bytes[last..].starts_with(b"EYFR\x02")).then_some((path, last as u64 + 4096))
}

#[tokio::test]
async fn a_disk_that_fails_ends_the_process_and_acknowledged_events_survive() {
    let disk = SmallDisk::breakable(96);
    let launch = launch_on(&disk);
    let app = launch.start().await;
    let mut sender = Sender::new(launch.dir());
    for _ in 0..20 {
        assert_eq!(sender.send(&app, 50, 1_000).await.expect("an answer").status, 202);
    }
    // The database may be behind: what it lacks must come from the log.
    let database = app.beside().lock();
    assert_eq!(sender.send(&app, 50, 1_000).await.expect("an answer").status, 202);
    let (segment, end) = eventually("a seal", async || sealed_end(&disk)).await;
    disk.break_behind(&segment, end);

    if let Some(answer) = sender.send(&app, 50, 1_000).await {
        assert_eq!(
            (answer.status, answer.json()["outcome"].as_str()),
            (503, Some("unknown")),
            "{answer:?}"
        );
    }
    let (code, stderr) = app.ended().await;
    assert_eq!(code, 74, "{stderr}");
    assert!(stderr.contains("a write or fsync of the log failed"), "{stderr}");

    drop(database);
    disk.heal();
    let app = launch.start().await;
    sender.check(&app).await;
    assert_eq!(sender.send(&app, 50, 1_000).await.expect("an answer").status, 202);
    sender.check(&app).await;
}

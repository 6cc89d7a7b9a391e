//! Batches under the crash test: every format, good ones and bad ones, sent again with the same key until there is an
//! answer; and an eye on the table that looks again and again how many rows of each there are.
//!
//! A row carries the name of its batch, which is also the batch's label and key. Nothing in the table is unique, so that a
//! batch that went in twice would show.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Method;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::{sleep, timeout};

use crate::app::{DEADLINE, TestApp, eventually};
use crate::beside::Beside;
use crate::checker::batches::{BatchHistory, Listed, Look, Sent, Wanted};
use crate::http::{Answer, Http, NoAnswer};
use crate::producers::Shared;
use crate::seeded::Rng;
use crate::tcp::Raw;

const TABLE: &str = "readings";
const ROWS_MAX: u64 = 4_000;
/// The eye looks at the last so many batches of each sender: what was there stays there.
const WATCHED: usize = 4;

/// What senders and the eye share.
#[derive(Default)]
pub(crate) struct Board {
    /// All batches so far.
    sent: Mutex<Vec<Sent>>,
    looks: Mutex<Vec<Look>>,
    /// Bodies that were sent without coming to an answer.
    pub(crate) n_unknown: AtomicU64,
}

/// Before the first start: a table that takes batches, and that refuses a row whose number is below zero.
pub(crate) fn make_table(folder: &Path) {
    let migrations = folder.join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    let table = format!(
        "CREATE TABLE {TABLE} (batch text NOT NULL, n integer NOT NULL CHECK (n >= 0), value text);\n\
         CREATE INDEX {TABLE}_batch ON {TABLE} (batch);\n"
    );
    std::fs::write(migrations.join("0001_readings.sql"), table).unwrap();
    let settings = format!("[tables.{TABLE}]\nmigrations = \"migrations/\"\n");
    std::fs::write(folder.join("eyas.toml"), settings).unwrap();
}

/// What a batch is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Good,
    /// A value that is not what its column takes.
    Wrong,
    /// A value that only the database refuses.
    Refused,
    /// Cancelled as soon as it is accepted, where that is still possible.
    Cancelled,
    /// The connection breaks in the middle; then it is sent whole.
    CutOff,
}

/// Sends one batch after the other.
pub(crate) struct BatchSender {
    pub(crate) name: String,
    pub(crate) http: Http,
    pub(crate) addr: std::net::SocketAddr,
    pub(crate) token: String,
    pub(crate) rng: Rng,
    pub(crate) shared: Arc<Shared>,
    pub(crate) board: Arc<Board>,
}

impl BatchSender {
    /// Until everybody is told to stop.
    pub(crate) async fn run(mut self) {
        for turn in 0.. {
            if self.shared.stop.load(Ordering::Relaxed) {
                return;
            }
            let name = format!("{}-{turn}", self.name);
            self.batch(&name).await;
        }
    }

    async fn batch(&mut self, name: &str) {
        let kind = match self.rng.below(10) {
            0 => Kind::Wrong,
            1 => Kind::Refused,
            2 => Kind::Cancelled,
            3 => Kind::CutOff,
            _ => Kind::Good,
        };
        let n_rows = 1 + self.rng.below(ROWS_MAX);
        let wanted = match kind {
            Kind::Wrong | Kind::Refused => Wanted::Rejected,
            _ => Wanted::Committed,
        };
        let at = {
            let mut sent = self.board.sent.lock().unwrap();
            sent.push(Sent { name: name.to_owned(), n_rows, wanted, ids: Vec::new() });
            sent.len() - 1
        };
        if kind == Kind::CutOff {
            self.cut_off(name, n_rows).await;
        }
        // The same content in another format is the same batch.
        let again = 1 + u64::from(self.rng.one_in(3));
        for _ in 0..again {
            let Some(id) = self.deliver(name, n_rows, kind).await else { return };
            self.board.sent.lock().unwrap()[at].ids.push(id);
        }
        if kind == Kind::Good && self.rng.one_in(5) {
            self.conflict(name).await;
        }
        if kind == Kind::Cancelled {
            self.cancel(at).await;
        }
    }

    /// Sends it until there is an answer: the id that it has. `None`: refused before it had one.
    async fn deliver(&mut self, name: &str, n_rows: u64, kind: Kind) -> Option<String> {
        loop {
            let answer = self.post(name, &rows(name, n_rows, kind)).await;
            let Some(answer) = answer else { continue };
            let json = answer.json();
            match answer.status {
                200..=202 => {
                    assert_ne!(kind, Kind::Wrong, "taken, but wrong: {answer:?}");
                    return Some(json["id"].as_str().expect("an id").to_owned());
                }
                422 => {
                    assert!(matches!(kind, Kind::Wrong | Kind::Refused), "refused: {answer:?}");
                    return json["batch"]["id"].as_str().map(str::to_owned);
                }
                // The connection of an earlier attempt is not known to be broken yet.
                409 if json["code"] == "batch_in_progress" => {
                    sleep(Duration::from_millis(20)).await;
                }
                status => panic!("{status} for {name}: {answer:?}"),
            }
        }
    }

    /// One attempt. `None`: it has no answer, or one that says to come again.
    async fn post(&mut self, name: &str, rows: &[(u64, String)]) -> Option<Answer> {
        // A value that is none has no canonical spelling: such rows are the same only in the same format.
        let format =
            if rows.iter().any(|(_, value)| value == "wrong") { 0 } else { self.rng.below(3) };
        let (content_type, body) = match format {
            0 => ("application/x-ndjson", json_rows(name, rows).join("\n")),
            1 => ("application/json", format!("[{}]", json_rows(name, rows).join(","))),
            _ => ("text/csv", csv(name, rows)),
        };
        let mut headers = vec![("content-type", content_type), ("idempotency-key", name)];
        if self.rng.one_in(3) {
            headers.push(("prefer", "wait=2"));
        }
        let path = format!("/tables/{TABLE}/batches?label={name}");
        let sent = self.http.try_send(Method::POST, &path, &headers, body);
        let answer = match timeout(3 * DEADLINE, sent).await {
            Ok(Ok(answer)) if answer.status < 500 => return Some(answer),
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(NoAnswer::NotSent)) => None,
            Ok(Err(NoAnswer::Lost(_))) | Err(_) => {
                self.board.n_unknown.fetch_add(1, Ordering::Relaxed);
                None
            }
        };
        if let Some(answer) = answer {
            assert_eq!(answer.status, 503, "{answer:?}");
            sleep(Duration::from_millis(50)).await;
        }
        let mut up = self.shared.up.clone();
        up.wait_for(|is_up| *is_up).await.expect("the test goes on");
        None
    }

    /// The same key with other rows is refused.
    async fn conflict(&mut self, name: &str) {
        let other = vec![(1, "other".to_owned())];
        loop {
            let Some(answer) = self.post(name, &other).await else { continue };
            match answer.json()["code"].as_str() {
                Some("idempotency_conflict") => return,
                Some("batch_in_progress") => sleep(Duration::from_millis(20)).await,
                // Where the database could not be asked who has the key, the lane's consumer refuses it.
                _ if answer.status == 202 && Beside::is_postgres() => {
                    return self.is_rejected(answer.json()["id"].as_str().unwrap()).await;
                }
                _ => panic!("two contents under one key: {answer:?}"),
            }
        }
    }

    async fn is_rejected(&self, id: &str) {
        loop {
            let path = format!("/batches/{id}");
            let sent = self.http.try_send(Method::GET, &path, &[], "");
            if let Ok(Ok(answer)) = timeout(DEADLINE, sent).await
                && answer.status == 200
            {
                match answer.json()["state"].as_str() {
                    Some("queued" | "applying") => {}
                    state => return assert_eq!(state, Some("rejected"), "{answer:?}"),
                }
            }
            let mut up = self.shared.up.clone();
            up.wait_for(|is_up| *is_up).await.expect("the test goes on");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn cancel(&self, at: usize) {
        let id = self.board.sent.lock().unwrap()[at].ids[0].clone();
        let path = format!("/batches/{id}");
        // An attempt that was not answered may have been the one.
        let mut is_unsure = false;
        loop {
            let sent = self.http.try_send(Method::DELETE, &path, &[], "");
            let answer = timeout(DEADLINE, sent).await;
            if let Ok(Ok(answer)) = &answer {
                let batch = &answer.json()["batch"];
                let (state, came_before) = (batch["state"].clone(), batch["same_as"].is_string());
                match answer.status {
                    200 => break,
                    // As the batch that has no answer.
                    409 if came_before => return,
                    409 if state == "cancelled" && is_unsure => break,
                    // Too late.
                    409 if state != "cancelled" => return,
                    503 => sleep(Duration::from_millis(50)).await,
                    _ => panic!("{answer:?}"),
                }
            }
            is_unsure |= !matches!(answer, Ok(Err(NoAnswer::NotSent)));
            let mut up = self.shared.up.clone();
            up.wait_for(|is_up| *is_up).await.expect("the test goes on");
        }
        self.board.sent.lock().unwrap()[at].wanted = Wanted::Cancelled;
    }

    /// Half of a body, and the end of the connection.
    async fn cut_off(&self, name: &str, n_rows: u64) {
        let body = json_rows(name, &rows(name, n_rows, Kind::Good)).join("\n");
        let head = format!(
            "POST /tables/{TABLE}/batches?label={name} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/x-ndjson\r\nIdempotency-Key: {name}\r\nContent-Length: {}\r\n\r\n",
            self.addr,
            self.token,
            body.len()
        );
        let Some(mut raw) = Raw::try_connect(self.addr).await else { return };
        raw.send(head).await;
        raw.send(&body.as_bytes()[..body.len() / 2]).await;
    }
}

/// Number and value of each row.
fn rows(name: &str, n_rows: u64, kind: Kind) -> Vec<(u64, String)> {
    let mut rows: Vec<(u64, String)> = (0..n_rows).map(|n| (n, format!("{name}/{n}"))).collect();
    let bad = n_rows as usize / 2;
    match kind {
        Kind::Wrong => "wrong".clone_into(&mut rows[bad].1),
        Kind::Refused => "refused".clone_into(&mut rows[bad].1),
        _ => {}
    }
    rows
}

/// What stands in the column `n`.
fn number((n, value): &(u64, String)) -> String {
    match value.as_str() {
        "wrong" => "1.5".to_owned(),
        "refused" => "-1".to_owned(),
        _ => n.to_string(),
    }
}

fn json_rows(name: &str, rows: &[(u64, String)]) -> Vec<String> {
    let row = |row: &(u64, String)| {
        format!(r#"{{"batch":"{name}","n":{},"value":"{}"}}"#, number(row), row.1)
    };
    rows.iter().map(row).collect()
}

fn csv(name: &str, rows: &[(u64, String)]) -> String {
    let lines = rows.iter().map(|row| format!("{name},{},{}\n", number(row), row.1));
    std::iter::once("batch,n,value\n".to_owned()).chain(lines).collect()
}

/// Looks at the table until it is told to stop.
pub(crate) fn spawn_eye(beside: Beside, shared: Arc<Shared>, board: Arc<Board>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut rows = beside.rows(TABLE);
        while !shared.stop.load(Ordering::Relaxed) {
            let asked: Vec<String> = {
                let sent = board.sent.lock().unwrap();
                sent.iter().rev().take(2 * WATCHED).map(|batch| batch.name.clone()).collect()
            };
            // While the database is down there is nothing to see.
            if let Some(n_rows) = block_in_place(|| rows.count("batch", &asked)) {
                board.looks.lock().unwrap().push(Look { asked, n_rows });
            }
            sleep(Duration::from_millis(5)).await;
        }
    })
}

/// Waits for the end of all batches; everything that can be known then.
pub(crate) async fn batch_history(app: &TestApp, board: &Board) -> BatchHistory {
    let listed = eventually("the end of all batches", async || {
        let listed = listed(app).await;
        let is_over =
            |one: &Listed| ["committed", "rejected", "cancelled"].contains(&one.state.as_str());
        listed.iter().all(is_over).then_some(listed)
    })
    .await;
    let sent = board.sent.lock().unwrap().clone();
    let looks = std::mem::take(&mut *board.looks.lock().unwrap());
    let names: Vec<String> = sent.iter().map(|batch| batch.name.clone()).collect();
    let mut rows = app.beside().rows(TABLE);
    let table = rows.count("batch", &names).expect("the database is up");
    let n_rows: u64 = table.values().sum();
    let mut table: std::collections::BTreeMap<String, u64> = table.into_iter().collect();
    let n_more = rows.count_all() - n_rows;
    if n_more > 0 {
        table.insert("nobody's".to_owned(), n_more);
    }
    BatchHistory { sent, looks, listed, table }
}

async fn listed(app: &TestApp) -> Vec<Listed> {
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/batches?limit=100{after}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let text =
            |one: &serde_json::Value, name: &str| one[name].as_str().unwrap_or("").to_owned();
        listed.extend(page["batches"].as_array().unwrap().iter().map(|one| Listed {
            id: text(one, "id"),
            name: text(one, "label"),
            state: text(one, "state"),
            same_as: one["same_as"].as_str().map(str::to_owned),
        }));
        let Some(next) = page["next"].as_str() else { return listed };
        after = format!("&after={next}");
    }
}

/// Figures for people.
pub(crate) fn figures(history: &BatchHistory, board: &Board) -> Vec<(&'static str, String)> {
    let n = |wanted: Wanted| history.sent.iter().filter(|batch| batch.wanted == wanted).count();
    let states: HashMap<&str, usize> =
        history.listed.iter().fold(HashMap::new(), |mut states, one| {
            *states.entry(one.state.as_str()).or_default() += 1;
            states
        });
    let ended = |state: &str| states.get(state).copied().unwrap_or(0);
    vec![
        ("batches committed", format!("{} of {}", ended("committed"), n(Wanted::Committed))),
        ("batches rejected", format!("{} of {}", ended("rejected"), n(Wanted::Rejected))),
        ("batches cancelled", format!("{}, {} by wish", ended("cancelled"), n(Wanted::Cancelled))),
        ("batch rows", history.table.values().sum::<u64>().to_string()),
        ("bodies unanswered", board.n_unknown.load(Ordering::Relaxed).to_string()),
        ("looks at the table", history.looks.len().to_string()),
    ]
}

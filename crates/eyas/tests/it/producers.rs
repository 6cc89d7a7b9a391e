//! Producers for crash tests: every way to send, with deliberate repetitions, conflicts and bad requests.
//!
//! A producer owns one session and one raw stream's order. It sends one request after the other; one that
//! has no answer is sent again where its ids make that safe, before anything else is sent.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyper::Method;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::app::DEADLINE;
use crate::http::{Answer, Http, NoAnswer};
use crate::journal::{Intent, Journal, Outcome, fingerprint};
use crate::seeded::Rng;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
/// The name of events that the database of the crash test refuses.
pub(crate) const POISON: &str = "poison";
/// The `fate` of data that breaks its schema.
pub(crate) const ODD: &str = "odd";
/// How many of its own events a producer remembers, to send them again.
const REMEMBERED_MAX: usize = 200;

/// What all producers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The server asks for tokens and has the schemas of the crash test.
    is_strict: bool,
    /// The server is up, as far as anybody knows.
    pub(crate) up: watch::Receiver<bool>,
    /// Ends all producers after the request in hand.
    pub(crate) stop: AtomicBool,
    /// Events acknowledged, repetitions not counted.
    pub(crate) n_accepted: AtomicU64,
    /// Requests answered as repetitions.
    pub(crate) n_duplicates: AtomicU64,
    /// Requests refused, as they should be.
    pub(crate) n_refused: AtomicU64,
    /// Requests that have no answer.
    pub(crate) n_unknown: AtomicU64,
}

impl Shared {
    /// Nothing has happened yet.
    pub(crate) fn new(up: watch::Receiver<bool>) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            is_strict: false,
            up,
            stop: AtomicBool::new(false),
            n_accepted: zero(),
            n_duplicates: zero(),
            n_refused: zero(),
            n_unknown: zero(),
        }
    }

    /// The same, on a server that does not take everything from everybody.
    pub(crate) fn strict(up: watch::Receiver<bool>) -> Self {
        Self { is_strict: true, ..Self::new(up) }
    }
}

/// One event to send.
#[derive(Clone, Debug)]
struct Item {
    session: String,
    id: Option<String>,
    category: String,
    name: &'static str,
    data: String,
}

impl Item {
    fn envelope(&self) -> String {
        let id = self.id.as_ref().map_or(String::new(), |id| format!(r#""id":"{id}","#));
        let Self { session, category, name, data, .. } = self;
        format!(
            r#"{{{id}"session_id":"{session}","category":"{category}","name":"{name}","data":{data}}}"#
        )
    }
}

/// What a request should be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Accepted,
    /// 202 as a repetition.
    Repetition,
    /// 409; or 202, where the server could not tell in time and leaves it to the consumer.
    Conflict,
    /// 400 or 422; 401 or 429 to a stranger.
    Refused,
}

#[derive(Clone, Debug)]
struct Batch {
    path: String,
    content_type: &'static str,
    body: String,
    items: Vec<Item>,
    wanted: Wanted,
    /// Sent without a token.
    is_stranger: bool,
}

enum Reply {
    Accepted(Vec<Outcome>),
    Refused,
    /// Not stored, for certain: send it again.
    Later,
    Unknown,
}

/// See the module's page.
pub(crate) struct Producer {
    name: String,
    http: Http,
    /// The same without a token.
    stranger: Http,
    journal: Journal,
    rng: Rng,
    shared: Arc<Shared>,
    order: u64,
    n_contents: u64,
    remembered: Vec<Item>,
}

impl Producer {
    /// Its journal is a new file in `journals`.
    pub(crate) fn new(
        number: u64,
        seed: u64,
        http: Http,
        journals: &Path,
        shared: Arc<Shared>,
    ) -> Self {
        let name = format!("p{number:02}");
        let journal = Journal::create(&journals.join(&name));
        let rng = Rng::new(seed ^ (number + 1).wrapping_mul(0x1234_5678_9abc_def1));
        let stranger = http.another();
        Self {
            name,
            http,
            stranger,
            journal,
            rng,
            shared,
            order: 0,
            n_contents: 0,
            remembered: Vec::new(),
        }
    }

    /// Sends until it is told to stop.
    pub(crate) async fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let batch = self.batch();
            self.deliver(&batch).await;
        }
    }

    /// Sends a request until it has an answer, or cannot be sent again.
    async fn deliver(&mut self, batch: &Batch) {
        loop {
            let orders = self.intend(&batch.items);
            match self.send(batch).await {
                Reply::Accepted(outcomes) => {
                    assert_ne!(batch.wanted, Wanted::Refused, "taken, but wrong: {batch:?}");
                    self.journal.conclude(orders.zip(outcomes));
                    if batch.wanted == Wanted::Accepted {
                        let n_events = batch.items.len() as u64;
                        self.shared.n_accepted.fetch_add(n_events, Ordering::Relaxed);
                        self.remember(&batch.items);
                    }
                    return;
                }
                Reply::Refused => {
                    let is_wrong = matches!(batch.wanted, Wanted::Refused | Wanted::Conflict);
                    assert!(is_wrong, "refused, but right: {batch:?}");
                    self.journal.conclude(orders.map(|order| (order, Outcome::Rejected)));
                    self.shared.n_refused.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Reply::Later => {
                    self.journal.conclude(orders.map(|order| (order, Outcome::Rejected)));
                }
                Reply::Unknown => {
                    self.journal.conclude(orders.map(|order| (order, Outcome::Unknown)));
                    self.shared.n_unknown.fetch_add(1, Ordering::Relaxed);
                    // Without ids of its own, sending again would be another event.
                    if batch.items.iter().any(|item| item.id.is_none()) {
                        return;
                    }
                }
            }
            let mut up = self.shared.up.clone();
            up.wait_for(|is_up| *is_up).await.expect("the test goes on");
        }
    }

    fn intend(&mut self, items: &[Item]) -> std::ops::Range<u64> {
        let first = self.order;
        let intents: Vec<Intent> = (items.iter().zip(first..))
            .map(|(item, order)| Intent {
                order,
                session: item.session.clone(),
                id: item.id.clone(),
                hash: fingerprint(&item.data),
            })
            .collect();
        self.order += items.len() as u64;
        self.journal.intend(&intents);
        first..self.order
    }

    async fn send(&self, batch: &Batch) -> Reply {
        let headers = [("content-type", batch.content_type)];
        let http = if batch.is_stranger { &self.stranger } else { &self.http };
        let sent = http.try_send(Method::POST, &batch.path, &headers, batch.body.clone());
        match timeout(DEADLINE, sent).await {
            Ok(Ok(answer)) => self.read(batch, &answer),
            Ok(Err(NoAnswer::NotSent)) => Reply::Later,
            Ok(Err(NoAnswer::Lost(_))) | Err(_) => Reply::Unknown,
        }
    }

    fn read(&self, batch: &Batch, answer: &Answer) -> Reply {
        match answer.status {
            202 => Reply::Accepted(self.accepted(batch, &answer.json())),
            400 | 409 | 422 => Reply::Refused,
            401 | 429 if batch.is_stranger => Reply::Refused,
            503 if answer.json()["outcome"] == "rejected" => Reply::Later,
            500..=599 => Reply::Unknown,
            status => panic!("{status} for {batch:?}: {answer:?}"),
        }
    }

    fn accepted(&self, batch: &Batch, answer: &Value) -> Vec<Outcome> {
        let id = |id: &Value| id.as_str().expect("an id").to_owned();
        let Some(ids) = answer["ids"].as_array() else {
            let is_duplicate = answer["duplicate"] == true;
            self.shared.n_duplicates.fetch_add(u64::from(is_duplicate), Ordering::Relaxed);
            return vec![Outcome::Accepted { id: id(&answer["id"]), seq: answer["seq"].as_u64() }];
        };
        assert_eq!(ids.len(), batch.items.len(), "{answer}");
        let n_duplicates = answer["duplicates"].as_u64().unwrap_or(0);
        self.shared.n_duplicates.fetch_add(n_duplicates, Ordering::Relaxed);
        // Of a request with repetitions the answer does not say which place is whose.
        let first = answer["first_seq"].as_u64().filter(|_| n_duplicates == 0);
        let place =
            |(at, value)| Outcome::Accepted { id: id(value), seq: first.map(|seq| seq + at) };
        (0..).zip(ids).map(place).collect()
    }

    fn remember(&mut self, items: &[Item]) {
        self.remembered.extend(items.iter().filter(|item| item.id.is_some()).cloned());
        let n_over = self.remembered.len().saturating_sub(REMEMBERED_MAX);
        self.remembered.drain(..n_over);
    }

    /// The next request, of a kind that chance chooses.
    fn batch(&mut self) -> Batch {
        match self.rng.below(20) {
            0..=5 => {
                let has_id = self.rng.one_in(2);
                let item = self.item(has_id);
                envelopes(JSON, vec![item], Wanted::Accepted)
            }
            6..=8 => {
                let items = self.items(true);
                envelopes(JSON, items, Wanted::Accepted)
            }
            9..=11 => {
                let has_ids = self.rng.one_in(2);
                let items = self.items(has_ids);
                envelopes(LINES, items, Wanted::Accepted)
            }
            12..=14 => self.raw(),
            15 | 16 => self.repetition(),
            17 => self.conflict(),
            18 if self.shared.is_strict => self.stranger(),
            _ => self.spoiled(),
        }
    }

    fn item(&mut self, has_id: bool) -> Item {
        self.n_contents += 1;
        let key = format!("{}-{}", self.name, self.n_contents);
        let pad = "x".repeat(self.rng.below(300) as usize);
        let (name, fate) = match self.rng.below(40) {
            0 if self.shared.is_strict => (POISON, "poison"),
            1..=4 if self.shared.is_strict => ("n", ODD),
            _ => ("n", "plain"),
        };
        Item {
            session: self.name.clone(),
            // Ids of many shapes: short, long, with signs that paths escape.
            id: has_id.then(|| format!("{key}/\u{e9} {}", &pad[..pad.len().min(40)])),
            category: format!("c{}", self.rng.below(3)),
            name,
            data: format!(r#"{{"key":"{key}", "fate":"{fate}", "pad":"{pad}"}}"#),
        }
    }

    fn items(&mut self, has_ids: bool) -> Vec<Item> {
        let n_items = 2 + self.rng.below(20);
        (0..n_items).map(|_| self.item(has_ids)).collect()
    }

    fn raw(&mut self) -> Batch {
        let mut items = self.items(false);
        for item in &mut items {
            item.session.push_str("/raw");
        }
        let data: Vec<&str> = items.iter().map(|item| item.data.as_str()).collect();
        let (content_type, body) = if self.rng.one_in(2) {
            (JSON, format!("[{}]", data.join(",")))
        } else {
            (LINES, data.join("\n"))
        };
        let path = "/streams/raw".to_owned();
        Batch { path, content_type, body, items, wanted: Wanted::Accepted, is_stranger: false }
    }

    /// An event of a while ago, perhaps of before a crash, as it was.
    fn repetition(&mut self) -> Batch {
        match self.remembered.len() as u64 {
            0 => self.raw(),
            n => {
                let item = self.remembered[self.rng.below(n) as usize].clone();
                envelopes(JSON, vec![item], Wanted::Repetition)
            }
        }
    }

    /// Another content under an id that has been used.
    fn conflict(&mut self) -> Batch {
        match self.remembered.len() as u64 {
            0 => self.raw(),
            n => {
                let id = self.remembered[self.rng.below(n) as usize].id.clone();
                let item = Item { id, ..self.item(false) };
                envelopes(JSON, vec![item], Wanted::Conflict)
            }
        }
    }

    /// Good events and, last of all, one that spoils the request.
    fn spoiled(&mut self) -> Batch {
        let items = self.items(true);
        let bad = ["{", "7", "{\"category\":\"c\"}", "{\"category\":\"c\",\"name\":\"n\",\"x\":1}"];
        let mut bad = bad[self.rng.below(bad.len() as u64) as usize];
        if self.shared.is_strict && self.rng.one_in(3) {
            bad = r#"{"category":"c","name":"forbidden","data":{}}"#;
        }
        let mut batch = envelopes(LINES, items, Wanted::Refused);
        batch.body.push('\n');
        batch.body.push_str(bad);
        batch
    }

    /// Good events of somebody who does not say who they are.
    fn stranger(&mut self) -> Batch {
        let items = self.items(true);
        Batch { is_stranger: true, ..envelopes(JSON, items, Wanted::Refused) }
    }
}

fn envelopes(content_type: &'static str, items: Vec<Item>, wanted: Wanted) -> Batch {
    let texts: Vec<String> = items.iter().map(Item::envelope).collect();
    let body = match (content_type, texts.as_slice()) {
        (LINES, _) => texts.join("\n"),
        (_, [one]) => one.clone(),
        _ => format!("[{}]", texts.join(", ")),
    };
    let path = "/events".to_owned();
    Batch { path, content_type, body, items, wanted, is_stranger: false }
}

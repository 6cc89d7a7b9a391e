//! A log, a database, a consumer that moves when told to, and the tail.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{ContentHash, Cursor, Draft, Event, Filter, LogId, Pattern, Seq, Timestamp};
use queue::{MemoryQueue, Queue};
use store::{
    Apply, Claim, EventStore, Forget, Horizons, RetentionStore, SqliteOptions, SqliteStore, Stored,
};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::LiveError;
use crate::hub::LiveOptions;
use crate::live::Live;
use crate::message::Message;
use crate::subscription::Subscription;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn options() -> LiveOptions {
    LiveOptions {
        ring_bytes_max: 16 << 20,
        batch_bytes_max: 256 << 10,
        history_page: 500,
        settle_wait: PATIENCE,
        read_wait: Duration::from_millis(300),
        shares_bytes_max: 64 << 20,
        n_reads_max: 4,
        warm_records: 0,
        progress_wait: PATIENCE,
        idle_progress_wait: PATIENCE,
    }
}

/// Room for a handful of events everywhere, so that every border is met often.
pub(crate) fn cramped() -> LiveOptions {
    LiveOptions {
        ring_bytes_max: 8 << 10,
        batch_bytes_max: 1500,
        history_page: 3,
        n_reads_max: 2,
        warm_records: 5,
        ..options()
    }
}

pub(crate) struct World {
    pub(crate) queue: MemoryQueue,
    pub(crate) store: Arc<SqliteStore>,
    options: LiveOptions,
    pub(crate) applied: watch::Sender<Seq>,
    pub(crate) horizons: watch::Sender<Horizons>,
    pub(crate) live: Live,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tail: JoinHandle<Result<(), LiveError>>,
    _dir: TempDir,
}

impl World {
    pub(crate) async fn start(options: LiveOptions) -> Self {
        let queue = MemoryQueue::new(log());
        let dir = tempfile::tempdir().unwrap();
        let files = SqliteOptions {
            dir: dir.path().to_owned(),
            events_file: "eyas.db".to_owned(),
            n_readers: 2,
            wal_bytes_max: u64::MAX,
        };
        let store = SqliteStore::open(files).unwrap();
        let (now, until) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
        store.claim(Claim { holder: "test".to_owned(), log: log(), now, until }).await.unwrap();
        let applied = watch::Sender::new(Seq::ZERO);
        let shared: Arc<dyn Queue> = Arc::new(queue.clone());
        let horizons = watch::Sender::new(Horizons::default());
        let told = (applied.subscribe(), horizons.subscribe());
        let (live, tail) = Live::new(shared, store.clone(), told.0, told.1, options.clone());
        let shutdown = CancellationToken::new();
        let tail = tokio::spawn(tail.run(shutdown.clone()));
        Self { queue, store, options, applied, horizons, live, shutdown, tail, _dir: dir }
    }

    /// What a restart of the process does to the push path: nothing is left of it but the log and the database, and the
    /// consumer says anew how far the database is. Subscriptions of before end.
    pub(crate) async fn restart(&mut self) {
        self.shutdown.cancel();
        self.applied = watch::Sender::new(self.store.lease().await.unwrap().applied);
        let queue: Arc<dyn Queue> = Arc::new(self.queue.clone());
        let applied = self.applied.subscribe();
        self.horizons = watch::Sender::new(self.store.horizons().await.unwrap());
        let (store, horizons) = (self.store.clone(), self.horizons.subscribe());
        let (live, tail) = Live::new(queue, store, applied, horizons, self.options.clone());
        self.live = live;
        self.shutdown = CancellationToken::new();
        self.tail = tokio::spawn(tail.run(self.shutdown.clone()));
    }

    /// Appends records in one go; the position of the last one.
    pub(crate) async fn append(&self, records: Vec<Bytes>) -> Seq {
        self.queue.append(records).await.unwrap().last
    }

    /// Appends `n` plain events of a stream, each on its own.
    pub(crate) async fn append_each(&self, n: usize, stream: &str) -> Vec<Seq> {
        let mut seqs = Vec::new();
        for _ in 0..n {
            let id = format!("id-{}", self.queue.bounds().next);
            seqs.push(self.append(vec![event(&id, stream, false)]).await);
        }
        seqs
    }

    /// Does what the consumer does, up to a position, and says so.
    pub(crate) async fn apply_through(&self, through: Seq) {
        self.apply_silently(through).await;
        self.applied.send_replace(through);
    }

    /// The moment between the consumer's commit and its word about it.
    pub(crate) async fn apply_silently(&self, through: Seq) {
        let expected = self.store.lease().await.unwrap().applied;
        if expected >= through {
            return;
        }
        let mut reader = self.queue.reader(expected.next());
        let mut events = Vec::new();
        loop {
            let records = reader.next(1).await.unwrap();
            let seq = records[0].seq;
            if seq <= through {
                events
                    .push(Stored { seq, event: Event::decode(records[0].bytes.clone()).unwrap() });
            }
            if seq >= through {
                break;
            }
        }
        let apply = Apply { holder: "test".to_owned(), expected, events, applied: through };
        self.store.apply(apply).await.unwrap();
    }

    /// Does what retention does: says that a stream ends at `through`, then deletes up to there.
    pub(crate) async fn forget(&self, stream: &str, through: Seq) {
        self.horizons.send_modify(|horizons| horizons.raise(stream, through));
        let before = Timestamp::from_micros(i64::MAX);
        let forget = Forget { stream: stream.to_owned(), before, rows_max: 10_000 };
        self.store.forget(forget, through).await.unwrap();
    }
}

pub(crate) fn log() -> LogId {
    LogId::new(7).unwrap()
}

pub(crate) fn at(seq: u64) -> Seq {
    Seq::new(seq).unwrap()
}

pub(crate) fn cursor(seq: Seq) -> Cursor {
    Cursor { log: log(), seq }
}

/// Some 200 bytes. The same arguments give the same content.
pub(crate) fn event(id: &str, stream: &str, undecided: bool) -> Bytes {
    event_with(id, stream, undecided, id)
}

/// The same id with another word is another content: the consumer makes a dead letter of it.
pub(crate) fn event_with(id: &str, stream: &str, undecided: bool, word: &str) -> Bytes {
    let mut data = format!("{{\"id\":\"{word}\",\n\"filling\":\"");
    write!(data, "{}\"}}", "x".repeat(100)).unwrap();
    Event::encode(&Draft {
        id,
        id_from_client: true,
        undecided,
        stream,
        application: None,
        session_id: None,
        category: None,
        name: None,
        data: &data,
        timestamp: None,
        received_at: Timestamp::from_micros(0),
        valid: true,
        errors: "[]",
        schema_version: None,
        hash: ContentHash::of(&[Some(data.as_bytes())]),
    })
}

pub(crate) fn only(stream: &str) -> Filter {
    Filter { stream: vec![Pattern::parse(stream)], ..Filter::default() }
}

/// What the next call brings, which has to come.
pub(crate) async fn next(subscription: &mut Subscription) -> Vec<Message> {
    let messages = tokio::time::timeout(PATIENCE, subscription.next()).await;
    let messages = messages.expect("messages have to come").unwrap();
    assert!(!messages.is_empty(), "at least one message");
    messages
}

/// Positions of the events up to and with `last`; gaps are not expected.
pub(crate) async fn events_through(subscription: &mut Subscription, last: Seq) -> Vec<Seq> {
    let mut seqs = Vec::new();
    while seqs.last().is_none_or(|seq| *seq < last) {
        for message in next(subscription).await {
            match message {
                Message::Event { seq, .. } => seqs.push(seq),
                Message::CaughtUp { .. } | Message::Progress { .. } => {}
                _ => panic!("unexpected {message:?}"),
            }
        }
    }
    assert!(seqs.is_sorted_by(|a, b| a < b), "not rising: {seqs:?}");
    seqs
}

/// Everything up to and with `CaughtUp`, as short words.
pub(crate) async fn words_until_caught_up(subscription: &mut Subscription) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        for message in next(subscription).await {
            match message {
                Message::Event { seq, .. } => words.push(seq.to_string()),
                Message::Gap { from, to, why } => {
                    words.push(format!("gap {} {from} {to}", why.as_str()));
                }
                Message::Progress { cursor } => words.push(format!("progress {cursor}")),
                Message::Status { cursor, is_valid } => {
                    words.push(format!("status {cursor} {is_valid}"));
                }
                Message::StatusGap => words.push("status gap".to_owned()),
                Message::CaughtUp { head } => {
                    words.push(format!("caught up {head}"));
                    return words;
                }
            }
        }
    }
}

/// Whether `next` has nothing to say, however often the others run.
pub(crate) async fn is_silent(subscription: &mut Subscription) -> bool {
    tokio::select! {
        biased;
        _ = subscription.next() => false,
        () = others_run(50) => true,
    }
}

/// Lets all other tasks run `n_turns` times.
pub(crate) async fn others_run(n_turns: usize) {
    for _ in 0..n_turns {
        tokio::task::yield_now().await;
    }
}

//! One seeded life story of the real rooms: sends, a database that falls behind, power cuts and kills, starts.
//!
//! There is one producer, which writes down what it was about to send and what it was told ([`Notes`]), and one subscriber, which
//! resumes by its cursor. Each step waits for its end, so a seed repeats the story but for the turns that threads take.
//!
//! Order matters in a crash: the consumer ends before the power goes, because the database is on a real disk and must not
//! know more than the log had when it was cut. That is a consumer that was a little slow.

use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use live::{Live, LiveOptions, Message, Since, Subscription};
use model::{Cursor, Filter};
use pipeline::{
    Accepted, Consumer, ConsumerOptions, ConsumerState, Intake, IntakeError, IntakeOptions, Meters,
    Tenancy,
};
use queue::{EmbeddedQueue, Queue};
use seglog::{Call, Options, SimDisk};
use store::{EventStore, Extent, Horizons, Order, PageQuery, SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::DEADLINE;
use crate::beside::Beside;
use crate::checker::history::{History, Kept, Shown, Transcript};
use crate::http::Row;
use crate::journal::{Outcome, fingerprint};
use crate::seeded::Rng;
use crate::seeded_defects::defects::{Defect, FaultyQueue, FaultyStore};
use crate::seeded_defects::notes::{Item, Notes, append};

const DATABASE: &str = "eyas.db";
/// Turns of all tasks in which a defect may show itself.
const TURNS: usize = 200;

const LIVE: LiveOptions = LiveOptions {
    ring_bytes_max: 1 << 20,
    batch_bytes_max: 64 << 10,
    history_page: 50,
    settle_wait: DEADLINE,
    read_wait: DEADLINE,
    shares_bytes_max: 16 << 20,
    n_reads_max: 4,
    warm_records: 5,
    progress_wait: Duration::from_millis(5),
    idle_progress_wait: Duration::from_millis(5),
};

/// What is known at the end.
pub(crate) struct Ended {
    pub(crate) history: History,
    /// A start was refused, and why. Then the database is all there is.
    pub(crate) refusal: Option<String>,
    pub(crate) n_acknowledged: usize,
    pub(crate) n_unknown: usize,
}

/// What the subscriber has, over all lives.
#[derive(Default)]
struct Heard {
    transcript: Transcript,
    cursor: Option<Cursor>,
}

/// See the module's page.
pub(crate) struct World {
    rng: Rng,
    defect: Option<Defect>,
    dir: TempDir,
    disk: SimDisk,
    gate: watch::Sender<bool>,
    heard: Arc<Mutex<Heard>>,
    notes: Notes,
}

/// One start, until the crash or the end.
struct Life {
    queue: FaultyQueue,
    store: Arc<SqliteStore>,
    meters: Arc<Meters>,
    intake: Intake,
    services: Vec<JoinHandle<()>>,
}

/// Waits until it is so, but not for ever. Whether it is.
async fn soon(within: Duration, look: impl Fn() -> bool) -> bool {
    let end = Instant::now() + within;
    while !look() && Instant::now() < end {
        sleep(Duration::from_millis(1)).await;
    }
    look()
}

async fn listen(mut subscription: Subscription, heard: Arc<Mutex<Heard>>) {
    while let Ok(messages) = subscription.next().await {
        let mut heard = heard.lock().unwrap();
        for message in messages {
            match message {
                Message::Event { seq, text } => {
                    let row = Row::parse(std::str::from_utf8(&text).unwrap());
                    let shown = Shown { seq: seq.get(), hash: fingerprint(row.data()) };
                    heard.transcript.shown.push(shown);
                }
                Message::Gap { .. } => heard.transcript.gaps.push(format!("{message:?}")),
                Message::Progress { .. }
                | Message::CaughtUp { .. }
                | Message::Status { .. }
                | Message::StatusGap => {}
            }
        }
        heard.cursor = Some(subscription.cursor());
    }
}

impl World {
    pub(crate) fn new(seed: u64, defect: Option<Defect>) -> Self {
        Self {
            rng: Rng::new(seed),
            defect,
            dir: tempfile::tempdir().unwrap(),
            disk: SimDisk::new(seed),
            gate: watch::Sender::new(true),
            heard: Arc::default(),
            notes: Notes::default(),
        }
    }

    /// Two to four lives, and what came of them.
    pub(crate) async fn run(mut self) -> Ended {
        let n_lives = 2 + self.rng.below(3);
        for n in 1..=n_lives {
            let life = match self.start().await {
                Ok(life) => life,
                Err(refusal) => return self.ended(Some(refusal)).await,
            };
            self.send_again(&life).await;
            for _ in 0..5 + self.rng.below(20) {
                self.step(&life).await;
            }
            if n < n_lives {
                self.crash(life).await;
            } else {
                self.finish(life).await;
            }
        }
        self.ended(None).await
    }

    fn open_store(&self) -> Arc<SqliteStore> {
        let dir = self.dir.path().to_owned();
        let events_file = DATABASE.to_owned();
        let options = SqliteOptions { dir, events_file, n_readers: 2, wal_bytes_max: u64::MAX };
        SqliteStore::open(options).unwrap()
    }

    async fn start(&mut self) -> Result<Life, String> {
        self.gate.send_replace(true);
        if self.defect == Some(Defect::SkippedFsync) {
            self.disk.lie_about(Call::SyncData);
        }
        let store = self.open_store();
        let settings = Options {
            applied: Some(store.lease().await.unwrap().applied.get()),
            segment_bytes_min: 64 << 10,
            segment_bytes_max: 256 << 10,
            reserve_bytes_max: 0,
            ..Options::new("/sim/log")
        };
        let opened = EmbeddedQueue::open_on(Arc::new(self.disk.clone()), &settings);
        let queue = match opened {
            Ok(queue) => FaultyQueue::new(queue, self.defect),
            Err(error) => {
                store.close().await.unwrap();
                return Err(error.to_string());
            }
        };
        let faulty: Arc<dyn EventStore> = Arc::new(FaultyStore {
            inner: Arc::clone(&store),
            defect: self.defect,
            gate: self.gate.subscribe(),
            database: self.dir.path().join(DATABASE),
        });
        let meters = Arc::new(Meters::new());
        let options = IntakeOptions { lookup_wait_max: DEADLINE, recent_bytes_max: 64 << 20 };
        let intake = Intake::new(
            Arc::new(queue.clone()),
            Arc::clone(&faulty),
            Arc::clone(&meters),
            TaskTracker::new(),
            &options,
        );
        let consumer = match Consumer::start(&intake, consumer_options()).await {
            Ok(consumer) => consumer,
            Err(error) => {
                queue.close().await.unwrap();
                store.close().await.unwrap();
                return Err(error.to_string());
            }
        };
        let applied = meters.applied_changes();
        let (_, horizons) = watch::channel(Horizons::default());
        let (live, tail) = Live::new(Arc::new(queue.for_push()), faulty, applied, horizons, LIVE);
        let since = self.heard.lock().unwrap().cursor.map_or(Since::Beginning, Since::After);
        let subscription = live.subscribe(since, Filter::default());
        let never = CancellationToken::new();
        let services = vec![
            tokio::spawn(drop_end(consumer.run(never.clone(), CancellationToken::new()))),
            tokio::spawn(drop_end(tail.run(never))),
            tokio::spawn(listen(subscription, Arc::clone(&self.heard))),
        ];
        Ok(Life { queue, store, meters, intake, services })
    }

    async fn step(&mut self, life: &Life) {
        match self.rng.below(10) {
            0..=5 => {
                let items = self.notes.items(&mut self.rng);
                self.send(life, items).await;
            }
            6 => drop(self.gate.send_replace(false)),
            7 => drop(self.gate.send_replace(true)),
            8 => self.catch_up(life).await,
            _ => {
                let Some(item) = self.notes.repetition(&mut self.rng) else { return };
                self.send(life, vec![item]).await;
            }
        }
    }

    async fn send(&mut self, life: &Life, items: Vec<Item>) {
        let first = self.notes.intend(&items);
        let answer = append(life.intake.clone(), items.clone()).await;
        self.notes.conclude(first, items, answer);
    }

    /// What has no answer is sent again before anything else, where its id makes that safe.
    async fn send_again(&mut self, life: &Life) {
        for item in self.notes.take_unanswered() {
            self.send(life, vec![item]).await;
        }
    }

    fn has_heard(&self, life: &Life) -> bool {
        let last = life.queue.bounds().last;
        self.heard.lock().unwrap().cursor.is_some_and(|cursor| cursor.seq >= last)
    }

    /// The database and the subscriber have everything, if they ever will.
    async fn catch_up(&self, life: &Life) {
        self.gate.send_replace(true);
        let is_stopped = || matches!(life.meters.consumer(), ConsumerState::Stopped { .. });
        let is_applied = || life.meters.applied() >= life.queue.bounds().last;
        // A world with a defect may never come so far.
        let within = if self.defect.is_none() { DEADLINE } else { Duration::from_secs(2) };
        soon(within, || is_applied() || is_stopped()).await;
        if !is_stopped() {
            soon(within, || self.has_heard(life)).await;
        }
    }

    /// The end of a life, in the middle of an append or between two.
    async fn crash(&mut self, life: Life) {
        let mut in_flight = None;
        if self.rng.one_in(2) {
            if self.rng.one_in(2) {
                self.catch_up(&life).await;
            }
            in_flight = Some(self.begin_to_send(&life).await);
        }
        for service in life.services {
            service.abort();
            // It was aborted, or had ended.
            let _ = service.await;
        }
        life.store.close().await.unwrap();
        let next = match self.rng.below(4) {
            0 => self.disk.kill(),
            _ => self.disk.power_cut(self.rng.any()),
        };
        if let Some((first, items, sent)) = in_flight {
            if sent.is_finished() {
                self.notes.conclude(first, items, sent.await.unwrap());
            } else {
                sent.abort();
                self.notes.unanswered = items;
            }
        }
        // What still runs goes on with the old disk, and can change nothing.
        mem::replace(&mut self.disk, next).hold_syncs(false);
    }

    /// An append whose fdatasync does not come back.
    async fn begin_to_send(
        &mut self,
        life: &Life,
    ) -> (usize, Vec<Item>, JoinHandle<Result<Accepted, IntakeError>>) {
        self.disk.hold_syncs(true);
        let items = self.notes.items(&mut self.rng);
        let first = self.notes.intend(&items);
        let sent = tokio::spawn(append(life.intake.clone(), items.clone()));
        soon(DEADLINE, || self.disk.is_held() || sent.is_finished()).await;
        for _ in 0..TURNS {
            yield_now().await;
        }
        (first, items, sent)
    }

    async fn finish(&mut self, life: Life) {
        self.send_again(&life).await;
        self.catch_up(&life).await;
        for service in life.services {
            service.abort();
            let _ = service.await;
        }
        // It may be poisoned only where a defect made it so.
        let _ = life.queue.close().await;
        life.store.close().await.unwrap();
    }

    async fn ended(self, refusal: Option<String>) -> Ended {
        let store = self.open_store();
        let (mut events, mut after) = (Vec::new(), None);
        loop {
            let (filter, order) = (Filter::default(), Order::Asc);
            let page = store
                .page(PageQuery { filter, after, order, limit: 500 }, Extent::PAGE)
                .await
                .unwrap();
            events.extend(page.events.iter().map(|stored| Kept {
                seq: stored.seq.get(),
                stream: stored.event.stream().to_owned(),
                id: stored.event.id().to_owned(),
                category: stored.event.category().map(str::to_owned),
                hash: fingerprint(stored.event.data()),
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        store.close().await.unwrap();
        let dead = Beside::Sqlite(self.dir.path().to_owned()).dead_letters();
        let transcript = mem::take(&mut self.heard.lock().unwrap().transcript);
        let attempts = self.notes.attempts;
        let count = |is_it: fn(&Outcome) -> bool| {
            attempts.iter().filter(|attempt| is_it(&attempt.outcome)).count()
        };
        let n_unknown = count(|outcome| *outcome == Outcome::Unknown);
        let n_acknowledged = count(|outcome| matches!(outcome, Outcome::Accepted { .. }));
        let history =
            History { attempts, events, dead, transcripts: vec![transcript], has_outages: false };
        Ended { history, refusal, n_acknowledged, n_unknown }
    }
}

/// Runs it to its end, whatever that is.
async fn drop_end<T>(running: impl Future<Output = T>) {
    drop(running.await);
}

/// A consumer that looks and tries again soon, in small transactions.
fn consumer_options() -> ConsumerOptions {
    ConsumerOptions {
        tenancy: Tenancy {
            holder: "world".to_owned(),
            is_shared: false,
            lease: Duration::from_secs(30),
            look_every: Duration::from_millis(50),
            retry_max: Duration::from_millis(200),
            refused_retry: Duration::from_millis(50),
        },
        rows_max: 50,
        bytes_max: 256 << 10,
        yield_max: Duration::ZERO,
        keep: None,
    }
}

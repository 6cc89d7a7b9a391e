//! Connections of which somebody let go in the middle: they are made all the same, and nobody waits behind what is left on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use model::{Filter, Seq};
use testbed::{Database, Postgres};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::audit::AuditStore as _;
use crate::batches::BatchStore as _;
use crate::control::ControlStore as _;
use crate::database::DatabaseProbe as _;
use crate::dead_letters::{DeadLetterStore as _, Replay, Replayed};
use crate::error::StoreError;
use crate::events::{Compared, EventStore as _, Extent, IdKey, Order, PageQuery};
use crate::explore::{Effort, ExploreStore as _};
use crate::jobs::{JobState, JobStore as _, JobTurn};
use crate::postgres::gate::Gate;
use crate::postgres::store::{PostgresOptions, PostgresStore};
use crate::sessions::SessionStore as _;
use crate::tables::TableStore as _;
use crate::tests::conformance::audit::entry;
use crate::trust::{TrustAct, TrustStore as _};

/// As long as the write path waits for a look-up.
const LOOKUP_WAIT: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

async fn open(url: String) -> Arc<PostgresStore> {
    PostgresStore::open(PostgresOptions { url, password: None, n_connections: 1 }).await.unwrap()
}

fn keys() -> Vec<IdKey> {
    let (stream, id) = ("events".to_owned(), "mine".to_owned());
    vec![IdKey { application: None, stream, id }]
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Backends that wait for a lock.
fn waiting(database: &Database) -> Vec<String> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    database.sql(sql).lines().map(|line| line.trim().to_owned()).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Through,
    /// Nobody is let in, and who was in is thrown out.
    Cut,
    /// Connections are taken and wait.
    Held,
}

/// A wire to a server, which a test can cut.
struct Wire {
    way: watch::Sender<Way>,
    n_held: Arc<AtomicUsize>,
    url: String,
    _running: AbortOnDropHandle<()>,
}

impl Wire {
    async fn to(url: &str) -> Self {
        let (start, rest) = url.rsplit_once(':').unwrap();
        let (port, path) = rest.split_once('/').unwrap();
        let host = &start[start.rfind(['@', '/']).unwrap() + 1..];
        let target = format!("{host}:{port}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let url = format!("{}{here}/{path}", start.strip_suffix(host).unwrap());
        let (way, seen) = watch::channel(Way::Through);
        let n_held = Arc::<AtomicUsize>::default();
        let held = Arc::clone(&n_held);
        let running = tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                let (mut seen, held, target) = (seen.clone(), Arc::clone(&held), target.clone());
                tokio::spawn(async move {
                    held.fetch_add(usize::from(*seen.borrow() == Way::Held), Ordering::Relaxed);
                    let mut ours = ours;
                    if *seen.wait_for(|way| *way != Way::Held).await.unwrap() == Way::Cut {
                        return;
                    }
                    let mut theirs = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs) => {}
                        _ = seen.wait_for(|way| *way == Way::Cut) => {}
                    }
                });
            }
        });
        Self { way, n_held, url, _running: AbortOnDropHandle::new(running) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_that_nobody_waits_for_brings_the_connection_back() {
    let database = Postgres::shared().create_database();
    let wire = Wire::to(&database.url()).await;
    let store = open(wire.url.clone()).await;
    assert_eq!(store.find(keys()).await.unwrap(), [None]);
    wire.way.send_replace(Way::Cut);
    eventually("it is noticed", async || {
        let _ = store.find(keys()).await;
        !store.database().is_up
    })
    .await;
    wire.way.send_replace(Way::Held);
    eventually("somebody connects", async || {
        let _ = timeout(LOOKUP_WAIT, store.find(keys())).await;
        wire.n_held.load(Ordering::Relaxed) > 0
    })
    .await;
    // Nobody asks any more: who was let in goes on by himself.
    wire.way.send_replace(Way::Through);
    eventually("it is up again", async || store.database().is_up).await;
    assert_eq!(store.find(keys()).await.unwrap(), [None]);
}

#[test]
fn a_gate_that_somebody_left_without_an_outcome_opens_again() {
    let gate = Gate::new();
    gate.failed("away".to_owned());
    let end = Instant::now() + PATIENCE;
    let attempt = loop {
        if let Ok(attempt) = gate.enter() {
            break attempt;
        }
        assert!(Instant::now() < end, "nobody is let in");
        std::thread::yield_now();
    };
    assert_eq!(gate.enter().err().as_deref(), Some("away"), "one at a time");
    drop(attempt);
    let attempt = gate.enter().expect("the one before gave up");
    // So often that the pause is long.
    (0..10).for_each(|_| gate.failed("still away".to_owned()));
    drop(attempt);
    assert_eq!(gate.enter().err().as_deref(), Some("still away"), "an outcome stands");
    gate.succeeded();
    assert!(gate.enter().is_ok() && gate.state().is_up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_ups_do_not_pile_up_behind_a_lock() {
    let database = Postgres::shared().create_database();
    let store = open(database.url()).await;
    let mut other = database.session();
    other.run("BEGIN; LOCK TABLE eyas.events IN ACCESS EXCLUSIVE MODE;");
    // As many as there are connections wait; everybody else has no answer, at once.
    eventually("there is no answer", async || {
        let res = timeout(LOOKUP_WAIT, store.find(keys())).await;
        matches!(res, Ok(Err(StoreError::Unavailable(_))))
    })
    .await;
    assert!(waiting(&database).len() <= 2, "{:?}", waiting(&database));
    other.run("COMMIT;");
    eventually("there are answers again", async || store.find(keys()).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_ups_that_nobody_waits_for_hold_up_nobody_but_look_ups() {
    let database = Postgres::shared().create_database();
    let store = open(database.url()).await;
    let (answer, answered) = watch::channel(());
    for _ in 0..2 {
        let mut answered = answered.clone();
        let work = async move { answered.changed().await.map_err(|_| unreachable!()) };
        assert!(store.asking.answer(work).now_or_never().is_none(), "it is asked, and left alone");
    }
    eventually("look-ups are refused", async || store.find(keys()).await.is_err()).await;
    let nothing = Compared { fate: None, found: None };
    let events = keys().into_iter().map(|key| (Seq::ZERO, key)).collect();
    assert_eq!(store.compare(events).await.unwrap(), [nothing], "the consumer can start");
    assert_eq!(store.fates(vec![Seq::ZERO]).await.unwrap(), [None], "who waits for a fate is told");
    answer.send_replace(());
    eventually("there are answers again", async || store.find(keys()).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_reader_is_gone_is_cancelled_and_its_connection_closed() {
    let database = Postgres::shared().create_database();
    let store = open(database.url()).await;
    let mut other = database.session();
    other.run("BEGIN; LOCK TABLE eyas.events IN ACCESS EXCLUSIVE MODE;");
    let reading = Arc::clone(&store);
    let reading = tokio::spawn(async move {
        let query =
            PageQuery { filter: Filter::default(), after: None, order: Order::Asc, limit: 10 };
        reading.page(query, Extent::PAGE).await.map(drop)
    });
    eventually("it waits", async || !waiting(&database).is_empty()).await;
    let pid = waiting(&database).remove(0);
    reading.abort();
    eventually("its backend is gone", async || {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
        database.sql(&sql).trim() == "0"
    })
    .await;
    // The only connection is free for others while the table is still locked.
    store.instance().await.unwrap();
}

/// One thread: what is left to settle when a call returns cannot have been settled yet.
#[tokio::test]
async fn whoever_is_done_gives_the_connection_back_and_nobody_looks_after_it() {
    let database = Postgres::shared().create_database();
    let store = open(database.url()).await;
    let done = |what: &str| assert_eq!(store.pool.n_settling(), 0, "{what}");
    let effort = Effort { rows_max: 10, time_max: PATIENCE };
    store.facets(Filter::default(), effort).await.unwrap();
    done("facets");
    assert!(store.describe_tables(vec!["no_such".to_owned()]).await.is_err());
    done("tables that are not there");
    store.audit(entry(1)).await.unwrap();
    done("a line of audit");
    assert_eq!(store.audited(None, 10).await.unwrap().len(), 1);
    done("the lines");
    assert_eq!(store.trust().await.unwrap().version, 0);
    done("trust");
    let (id, at) = ("no-such".to_owned(), entry(2).at);
    let refused = store.change_trust(TrustAct::Revoke { id, at }, entry(2)).await;
    assert_eq!(refused.unwrap_err().to_string(), "there is no such thing");
    done("an act that is refused");
    store.sign_out_all(entry(3)).await.unwrap();
    done("a sign-out");
    let turn = JobTurn { from: &[JobState::Running], to: JobState::Paused, at, detail: None };
    assert_eq!(store.turn_job("no-such", turn).await.unwrap(), None);
    done("the turn of a job");
    let replay =
        Replay { seqs: vec![Seq::ZERO.next()], at, job: String::new(), actor: String::new() };
    assert!(matches!(store.replay(replay).await.unwrap()[..], [Replayed::Skipped]));
    done("a replay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_hold_up_no_consumer() {
    let database = Postgres::shared().create_database();
    let store = open(database.url()).await;
    let _only_reader = store.pool.get().await.unwrap();
    assert_eq!(store.lease().await.unwrap().holder, None);
    assert_eq!(store.compare(Vec::new()).await.unwrap(), []);
    assert_eq!(store.lane().await.unwrap().holder, None);
}

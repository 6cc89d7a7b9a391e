//! Repetitions are found wherever the first sending is: in flight, in the log, in the database.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use model::{Filter, LogId, Seq, StreamName};
use queue::{MemoryQueue, Queue};
use store::{EventStore, Extent, Fate, Order, PageQuery, SqliteOptions, SqliteStore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::consumer::{Consumer, ConsumerOptions};
use crate::intake::{Intake, IntakeOptions};
use crate::lease::Tenancy;
use crate::meters::Meters;
use crate::outcome::{Accepted, IntakeError, Item, OnConflict};
use crate::rules::NewEvent;

/// A whole write path in a folder of its own.
pub(crate) struct Path {
    pub(crate) queue: MemoryQueue,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) intake: Intake,
    pub(crate) dir: tempfile::TempDir,
}

/// With a database that nobody shares, and short pauses.
pub(crate) fn tenancy() -> Tenancy {
    Tenancy {
        holder: "test".to_owned(),
        is_shared: false,
        lease: Duration::from_secs(30),
        look_every: Duration::from_millis(50),
        retry_max: Duration::from_millis(200),
        refused_retry: Duration::from_millis(50),
    }
}

pub(crate) fn consumer_options() -> ConsumerOptions {
    ConsumerOptions {
        tenancy: tenancy(),
        rows_max: 100,
        bytes_max: 1 << 20,
        yield_max: Duration::from_millis(50),
        keep: None,
    }
}

/// Of a database that others reach, too.
pub(crate) fn shared_options() -> ConsumerOptions {
    let mut options = consumer_options();
    options.tenancy.is_shared = true;
    options
}

impl Path {
    pub(crate) fn new(recent_bytes_max: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            dir: dir.path().to_owned(),
            events_file: "eyas.db".to_owned(),
            n_readers: 2,
            wal_bytes_max: u64::MAX,
        };
        let store = SqliteStore::open(options).unwrap();
        let queue = MemoryQueue::new(LogId::new(1).unwrap());
        Self::over(queue, store, dir, recent_bytes_max)
    }

    pub(crate) fn over(
        queue: MemoryQueue,
        store: Arc<SqliteStore>,
        dir: tempfile::TempDir,
        recent_bytes_max: u64,
    ) -> Self {
        let meters = Arc::new(Meters::new());
        let intake = Intake::new(
            Arc::new(queue.clone()),
            Arc::clone(&store) as Arc<dyn EventStore>,
            Arc::clone(&meters),
            TaskTracker::new(),
            &IntakeOptions { lookup_wait_max: Duration::from_secs(5), recent_bytes_max },
        );
        Self { queue, store, meters, intake, dir }
    }

    pub(crate) async fn send(
        &self,
        ids: &[Option<&str>],
        data: &str,
        on_conflict: OnConflict,
    ) -> Result<Accepted, IntakeError> {
        let mut batch = self.intake.batch(&StreamName::new("s").unwrap(), None);
        for id in ids {
            let event =
                NewEvent { id: id.map(Into::into), data: Some(data), ..NewEvent::default() };
            batch.push(&event).unwrap();
        }
        self.intake.append(batch, on_conflict).await
    }

    /// Runs the consumer until it has applied everything.
    pub(crate) async fn apply_all(&self) {
        let consumer = Consumer::start(&self.intake, consumer_options()).await.unwrap();
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        consumer.run(shutdown, CancellationToken::new()).await.unwrap();
        assert_eq!(self.meters.applied(), self.queue.bounds().last);
    }

    pub(crate) async fn stored(&self) -> Vec<(u64, String)> {
        let query =
            PageQuery { filter: Filter::default(), after: None, order: Order::Asc, limit: 1000 };
        let page = self.store.page(query, Extent::PAGE).await.unwrap();
        page.events.iter().map(|stored| (stored.seq.get(), stored.event.id().to_owned())).collect()
    }
}

fn item(accepted: &Accepted) -> &Item {
    &accepted.items[0]
}

fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

#[tokio::test]
async fn a_repetition_is_answered_with_the_first_seq() {
    let path = Path::new(1 << 20);
    let first = path.send(&[Some("x")], "1", OnConflict::RefuseAll).await.unwrap();
    assert_eq!(item(&first), &Item::Appended { id: "x".into(), seq: seq(1) });
    for _ in 0..2 {
        // Once while it is on its way, once from the database.
        let again = path.send(&[Some("x")], "1", OnConflict::RefuseAll).await.unwrap();
        assert_eq!(item(&again), &Item::Duplicate { id: "x".into(), seq: seq(1) });
        let other = path.send(&[Some("x")], "2", OnConflict::RefuseAll).await.unwrap_err();
        assert!(matches!(other, IntakeError::Conflict { index: 0, .. }), "{other:?}");
        path.apply_all().await;
    }
    assert_eq!(path.stored().await, [(1, "x".to_owned())]);
}

#[tokio::test]
async fn a_conflict_refuses_all_or_only_itself() {
    let path = Path::new(1 << 20);
    path.send(&[Some("x")], "1", OnConflict::RefuseAll).await.unwrap();
    let ids = [Some("a"), Some("x"), None];
    let error = path.send(&ids, "2", OnConflict::RefuseAll).await.unwrap_err();
    assert!(
        matches!(error, IntakeError::Conflict { index: 1, seq: Some(first), .. } if first == seq(1))
    );
    assert_eq!(path.queue.bounds().last, seq(1), "nothing of a refused request is appended");
    let accepted = path.send(&ids, "2", OnConflict::Skip).await.unwrap();
    assert_eq!(accepted.items[0], Item::Appended { id: "a".into(), seq: seq(2) });
    assert_eq!(accepted.items[1], Item::Conflict { id: "x".into(), seq: Some(seq(1)) });
    assert!(matches!(accepted.items[2], Item::Appended { seq: third, .. } if third == seq(3)));
}

#[tokio::test]
async fn one_request_may_hold_an_id_twice() {
    let path = Path::new(1 << 20);
    let accepted = path.send(&[Some("x"), Some("x")], "1", OnConflict::RefuseAll).await.unwrap();
    assert_eq!(accepted.items[0], Item::Appended { id: "x".into(), seq: seq(1) });
    assert_eq!(accepted.items[1], Item::Duplicate { id: "x".into(), seq: seq(1) });
    assert_eq!(path.queue.bounds().last, seq(1));
}

#[tokio::test]
async fn a_true_repetition_behind_a_false_one_is_a_repetition() {
    for is_applied in [false, true] {
        let path = Path::new(1 << 20);
        path.send(&[Some("x")], "1", OnConflict::RefuseAll).await.unwrap();
        if is_applied {
            path.apply_all().await;
        }
        let mut batch = path.intake.batch(&StreamName::new("s").unwrap(), None);
        for data in ["2", "1", "2"] {
            let event = NewEvent { id: Some("x".into()), data: Some(data), ..NewEvent::default() };
            batch.push(&event).unwrap();
        }
        let accepted = path.intake.append(batch, OnConflict::Skip).await.unwrap();
        let conflict = Item::Conflict { id: "x".into(), seq: Some(seq(1)) };
        let repetition = Item::Duplicate { id: "x".into(), seq: seq(1) };
        assert_eq!(accepted.items, [conflict.clone(), repetition, conflict]);
    }
}

#[tokio::test]
async fn of_many_at_once_one_is_appended() {
    let path = Path::new(1 << 20);
    let sendings = (0..50).map(|_| path.send(&[Some("x")], "1", OnConflict::RefuseAll));
    let answers = join_all(sendings).await;
    let is_new = |answer: &&Result<Accepted, IntakeError>| {
        matches!(item(answer.as_ref().unwrap()), Item::Appended { .. })
    };
    assert_eq!(answers.iter().filter(is_new).count(), 1);
    assert_eq!(path.queue.bounds().last, seq(1));
}

#[tokio::test]
async fn of_many_with_content_that_the_id_does_not_name_none_is_accepted() {
    let path = Path::new(1 << 20);
    path.send(&[Some("x")], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    let sendings = (0..50).map(|_| path.send(&[Some("x")], "2", OnConflict::RefuseAll));
    for answer in join_all(sendings).await {
        assert!(matches!(answer, Err(IntakeError::Conflict { .. })), "{answer:?}");
    }
    assert_eq!(path.queue.bounds().last, seq(1));
}

#[tokio::test]
async fn a_refused_request_leaves_nothing_of_another_behind() {
    let path = Path::new(1 << 20);
    path.send(&[Some("z")], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    // The first is refused because of z; the second shares x with it and has to come through whole.
    let (refused, whole) = tokio::join!(
        path.send(&[Some("x"), Some("z")], "2", OnConflict::RefuseAll),
        path.send(&[Some("x"), Some("y")], "2", OnConflict::RefuseAll),
    );
    assert!(matches!(refused, Err(IntakeError::Conflict { index: 1, .. })), "{refused:?}");
    let seqs: Vec<_> = whole.unwrap().items;
    assert_eq!(seqs[0], Item::Appended { id: "x".into(), seq: seq(2) });
    assert_eq!(seqs[1], Item::Appended { id: "y".into(), seq: seq(3) });
}

#[tokio::test]
async fn requests_that_share_ids_do_not_wait_for_each_other_for_ever() {
    let path = Path::new(1 << 20);
    let sendings = (0..40).map(|n| {
        let ids = if n % 2 == 0 { ["a", "b", "c"] } else { ["c", "b", "a"] };
        let path = &path;
        async move { path.send(&ids.map(Some), "1", OnConflict::RefuseAll).await }
    });
    for answer in join_all(sendings).await {
        assert_eq!(answer.unwrap().items.len(), 3);
    }
    assert_eq!(path.queue.bounds().last, seq(3));
}

#[tokio::test]
async fn with_a_full_table_the_consumer_decides() {
    let path = Path::new(0);
    for data in ["1", "1", "2"] {
        path.send(&[Some("x")], data, OnConflict::RefuseAll).await.unwrap();
    }
    assert_eq!(path.queue.bounds().last, seq(3), "nobody could tell at the edge");
    path.apply_all().await;
    assert_eq!(path.stored().await, [(1, "x".to_owned())]);
    let counts = path.meters.counts();
    assert_eq!((counts.stored, counts.duplicate, counts.dead), (1, 1, 1));
}

#[tokio::test]
async fn who_waits_is_told_what_the_database_made_of_it() {
    // No room for ids: every sending is appended, and the consumer decides.
    let path = Path::new(0);
    let first = path.send(&[Some("a")], "1", OnConflict::RefuseAll).await.unwrap();
    let same = path.send(&[Some("a")], "1", OnConflict::RefuseAll).await.unwrap();
    let other = path.send(&[Some("a")], "2", OnConflict::RefuseAll).await.unwrap();
    // Dropped, because the one before is a dead letter with the same content.
    let again = path.send(&[Some("a")], "2", OnConflict::RefuseAll).await.unwrap();
    let waiting = path.intake.applied_through(again.last());
    tokio::pin!(waiting);
    let now = tokio::time::timeout(Duration::ZERO, &mut waiting).await;
    assert!(now.is_err(), "nothing is applied yet");
    path.apply_all().await;
    waiting.await;
    let told =
        [(first, Fate::Stored), (same, Fate::Stored), (other, Fate::Dead), (again, Fate::Dead)];
    for (accepted, fate) in told {
        let fates =
            path.intake.fates(&accepted, &StreamName::new("s").unwrap(), None).await.unwrap();
        assert_eq!(fates, [Some(fate)]);
    }
}

#[tokio::test]
async fn after_a_restart_the_ids_in_the_log_are_known() {
    let path = Path::new(1 << 20);
    path.send(&[Some("x"), None], "1", OnConflict::RefuseAll).await.unwrap();
    let Path { queue, store, dir, .. } = path;
    let path = Path::over(queue, store, dir, 1 << 20);
    Consumer::start(&path.intake, consumer_options()).await.unwrap();
    let again = path.send(&[Some("x")], "1", OnConflict::RefuseAll).await.unwrap();
    assert_eq!(item(&again), &Item::Duplicate { id: "x".into(), seq: seq(1) });
}

#[tokio::test]
async fn an_event_between_log_and_database_is_found() {
    let path = Path::new(1 << 20);
    path.send(&[Some("x"), Some("y")], "1", OnConflict::RefuseAll).await.unwrap();
    let found = path.intake.queued("y", None, None).await.unwrap();
    assert_eq!(found.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [seq(2)]);
    assert!(path.intake.queued("z", None, None).await.unwrap().is_empty());
    assert!(path.intake.queued("y", None, Some("other")).await.unwrap().is_empty());
    assert_eq!(path.intake.queued("y", Some(""), None).await.unwrap().len(), 1, "without one");
    assert!(path.intake.queued("y", Some("shop"), None).await.unwrap().is_empty());
    path.apply_all().await;
    assert!(path.intake.queued("y", None, None).await.unwrap().is_empty());
}

//! The database follows the log exactly, or the consumer stops and says why.

use std::sync::Arc;
use std::time::Duration;

use model::{LogId, Seq};
use queue::{MemoryQueue, Queue};
use store::{Claim, EventStore, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::consumer::{Consumer, ConsumerOptions};
use crate::halt::StartError;
use crate::keep::Keep;
use crate::meters::ConsumerState;
use crate::outcome::OnConflict;
use crate::tests::intake::{Path, consumer_options, shared_options};
use crate::tests::meddled::{Meddled, Moment};

fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

#[tokio::test]
async fn every_record_is_applied_in_order_and_the_log_is_trimmed_behind_it() {
    let path = Path::new(1 << 20);
    for _ in 0..25 {
        path.send(&[None; 17], "1", OnConflict::RefuseAll).await.unwrap();
    }
    path.apply_all().await;
    let seqs: Vec<u64> = path.stored().await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(seqs, (1..=425).collect::<Vec<_>>());
    assert_eq!(path.queue.bounds().first, seq(426));
    assert_eq!(path.meters.lag(path.queue.bounds().last, clock::now()).records, 0);
}

#[tokio::test]
async fn a_running_consumer_applies_what_comes() {
    let path = Path::new(1 << 20);
    let consumer = Consumer::start(&path.intake, consumer_options()).await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(consumer.run(shutdown.clone(), CancellationToken::new()));
    let mut applied = path.meters.applied_changes();
    for n in 1..=20 {
        path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
        applied.wait_for(|applied| *applied >= seq(n)).await.unwrap();
    }
    assert_eq!(path.meters.consumer(), ConsumerState::Running);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_jump_of_the_log_is_no_gap() {
    let path = Path::new(1 << 20);
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    path.queue.jump(1 << 20);
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    path.apply_all().await;
    assert_eq!(path.stored().await.len(), 2);
}

#[tokio::test]
async fn another_log_is_refused() {
    let path = Path::new(1 << 20);
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    let Path { store, dir, .. } = path;
    let path = Path::over(MemoryQueue::new(LogId::new(2).unwrap()), store, dir, 1 << 20);
    let error = Consumer::start(&path.intake, consumer_options()).await.err().unwrap();
    assert!(error.to_string().contains("fed by log 00000001, not by log 00000002"), "{error}");
}

#[tokio::test]
async fn a_log_that_ends_before_the_database_is_refused() {
    let path = Path::new(1 << 20);
    path.send(&[None; 3], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    let Path { store, dir, .. } = path;
    let path = Path::over(MemoryQueue::new(LogId::new(1).unwrap()), store, dir, 1 << 20);
    let error = Consumer::start(&path.intake, consumer_options()).await.err().unwrap();
    assert!(
        matches!(&error, StartError::Mismatch(text) if text.contains("has applied 3")),
        "{error}"
    );
}

#[tokio::test]
async fn a_log_that_begins_behind_the_database_is_refused() {
    let path = Path::new(1 << 20);
    path.send(&[None; 3], "1", OnConflict::RefuseAll).await.unwrap();
    path.queue.trim(seq(3)).await.unwrap();
    let error = Consumer::start(&path.intake, consumer_options()).await.err().unwrap();
    assert!(
        matches!(&error, StartError::Mismatch(text) if text.contains("begins at 3")),
        "{error}"
    );
}

#[tokio::test]
async fn a_stale_consumer_is_fenced_and_catches_up() {
    let path = Path::new(1 << 20);
    let consumer = Consumer::start(&path.intake, consumer_options()).await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(consumer.run(shutdown.clone(), CancellationToken::new()));
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    let mut applied = path.meters.applied_changes();
    applied.wait_for(|applied| *applied == seq(1)).await.unwrap();
    // Somebody else takes the lease for a moment, as if this consumer had been away.
    let now = clock::now();
    let far = model::Timestamp::from_micros(now.micros() + 3_600_000_000);
    let log = path.queue.log();
    let claim = Claim { holder: "other".to_owned(), log, now: far, until: now };
    path.store.claim(claim).await.unwrap();
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    applied.wait_for(|applied| *applied == seq(2)).await.unwrap();
    assert_eq!(path.stored().await.len(), 2);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_renewed_lease_does_not_take_over_what_the_database_says_meanwhile() {
    let path = Path::new(1 << 20);
    path.send(&[None; 3], "1", OnConflict::RefuseAll).await.unwrap();
    // Every event renews: half of no time at all is always gone.
    let mut options = consumer_options();
    options.tenancy.lease = Duration::ZERO;
    let consumer = Consumer::start(&path.intake, options).await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(consumer.run(shutdown.clone(), CancellationToken::new()));
    let mut applied = path.meters.applied_changes();
    applied.wait_for(|applied| *applied == seq(3)).await.unwrap();
    // The database goes back in time, behind the consumer's back.
    let database = rusqlite::Connection::open(path.dir.path().join("eyas.db")).unwrap();
    database
        .execute_batch("DELETE FROM events WHERE seq > 1; UPDATE lease SET applied = 1")
        .unwrap();
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    let is_stopped = || matches!(path.meters.consumer(), ConsumerState::Stopped { .. });
    for _ in 0..1000 {
        if is_stopped() {
            break;
        }
        let _ = tokio::time::timeout(Duration::from_millis(10), applied.changed()).await;
    }
    assert!(is_stopped(), "the log no longer has 2 and 3, so somebody has to look");
    assert_eq!(path.stored().await.len(), 1, "nothing was applied over the hole");
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_transaction_that_stops_short_is_gone_on_with() {
    let path = Path::new(1 << 20);
    let database = rusqlite::Connection::open(path.dir.path().join("eyas.db")).unwrap();
    // Each of these ends the whole transaction, and the store commits what stands before it.
    let sql = "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.seq % 7 = 0 \
               BEGIN SELECT raise(ROLLBACK, 'not this one'); END";
    database.execute_batch(sql).unwrap();
    path.send(&[None; 600], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    let seqs: Vec<u64> = path.stored().await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(seqs, (1..=600).filter(|seq| seq % 7 != 0).collect::<Vec<_>>());
    let counts = path.meters.counts();
    assert_eq!((counts.accepted, counts.stored, counts.dead), (600, 515, 85));
    assert_eq!(path.queue.bounds().first, seq(601), "the log is trimmed behind dead letters, too");
}

#[tokio::test]
async fn the_alarm_of_a_database_that_refuses_everything_ends_by_itself() {
    let path = Path::new(1 << 20);
    let database = rusqlite::Connection::open(path.dir.path().join("eyas.db")).unwrap();
    let sql = "CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no'); END";
    database.execute_batch(sql).unwrap();
    let consumer = Consumer::start(&path.intake, consumer_options()).await.unwrap();
    path.send(&[None; 100], "1", OnConflict::RefuseAll).await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(consumer.run(shutdown.clone(), CancellationToken::new()));
    let mut applied = path.meters.applied_changes();
    let is_stopped = || matches!(path.meters.consumer(), ConsumerState::Stopped { .. });
    for _ in 0..1000 {
        if is_stopped() {
            break;
        }
        let _ = tokio::time::timeout(Duration::from_millis(10), applied.changed()).await;
    }
    assert!(is_stopped(), "{:?}", path.meters.consumer());
    assert_eq!((path.meters.applied(), path.meters.counts().dead), (Seq::ZERO, 0));
    database.execute_batch("DROP TRIGGER refuse").unwrap();
    applied.wait_for(|applied| *applied == seq(100)).await.unwrap();
    assert_eq!(path.stored().await.len(), 100);
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(path.meters.consumer(), ConsumerState::Running);
}

#[tokio::test]
async fn a_log_that_parted_from_the_one_that_fed_the_database_is_refused() {
    let path = Path::new(1 << 20);
    path.send(&[None; 3], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    // Another copy of the log went on from 3 and fed the database; this one took its own 4 and 5.
    let database = rusqlite::Connection::open(path.dir.path().join("eyas.db")).unwrap();
    path.send(&[None; 2], "1", OnConflict::RefuseAll).await.unwrap();
    path.apply_all().await;
    database.execute_batch("UPDATE lease SET applied = 3").unwrap();
    let Path { store, dir, .. } = path;
    let path = Path::over(MemoryQueue::new(LogId::new(1).unwrap()), store, dir, 1 << 20);
    path.queue.jump(3);
    path.send(&[None; 3], "1", OnConflict::RefuseAll).await.unwrap();
    database.execute_batch("UPDATE lease SET applied = 5").unwrap();
    let error = Consumer::start(&path.intake, consumer_options()).await.err().unwrap();
    assert!(
        matches!(&error, StartError::Forked(text) if text.contains("has applied 5")),
        "{error}"
    );
}

#[tokio::test]
async fn a_consumer_starts_where_every_look_up_is_refused() {
    let mut path = Path::new(1 << 20);
    path.send(&[None; 3], "1", OnConflict::RefuseAll).await.unwrap();
    let keep = Some(Keep { time: Duration::from_hours(24), bytes: 1 << 30 });
    let options = ConsumerOptions { keep, ..consumer_options() };
    let consumer = Consumer::start(&path.intake, options.clone()).await.unwrap();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    consumer.run(shutdown, CancellationToken::new()).await.unwrap();
    assert_eq!(path.queue.bounds().first, seq(1), "there is something to compare");
    // As where the write path keeps all turns busy with questions that it no longer waits for.
    let meddle = |moment: Moment<'_>| match moment {
        Moment::LookUp => Err(StoreError::Unavailable("no turn".to_owned())),
        Moment::Apply(_) => Ok(()),
    };
    path.intake.store = Arc::new(Meddled { store: Arc::clone(&path.store), meddle });
    Consumer::start(&path.intake, options).await.unwrap();
}

#[tokio::test]
async fn a_consumer_whose_database_another_feeds_ends_at_once() {
    let path = Path::new(1 << 20);
    let consumer = Consumer::start(&path.intake, shared_options()).await.unwrap();
    let running = tokio::spawn(consumer.run(CancellationToken::new(), CancellationToken::new()));
    let mut applied = path.meters.applied_changes();
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    applied.wait_for(|applied| *applied == seq(1)).await.unwrap();
    let us =
        |hours: i64| model::Timestamp::from_micros(clock::now().micros() + hours * 3_600_000_000);
    // It was away for so long that another could take its place, and still has it.
    let (log, until) = (path.queue.log(), us(2));
    let claim = Claim { holder: "other".to_owned(), log, now: us(1), until };
    path.store.claim(claim).await.unwrap();
    path.send(&[None], "1", OnConflict::RefuseAll).await.unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("held by other until"), "{error}");
    assert_eq!(path.stored().await.len(), 1);
}

#[tokio::test]
async fn the_lease_of_a_shared_database_is_renewed_while_nothing_comes() {
    let path = Path::new(1 << 20);
    let mut options = shared_options();
    options.tenancy.lease = Duration::from_millis(200);
    let consumer = Consumer::start(&path.intake, options).await.unwrap();
    let first = path.store.lease().await.unwrap().until;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(consumer.run(shutdown.clone(), CancellationToken::new()));
    let renewed = async {
        while path.store.lease().await.unwrap().until <= first {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("it is renewed");
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_lease_is_given_back_at_the_end() {
    let path = Path::new(1 << 20);
    let consumer = Consumer::start(&path.intake, shared_options()).await.unwrap();
    assert!(path.store.lease().await.unwrap().until.unwrap() > clock::now());
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    consumer.run(shutdown, CancellationToken::new()).await.unwrap();
    assert!(path.store.lease().await.unwrap().until.unwrap() <= clock::now());
}

/// A consumer of a shared database that refuses everything, for good as far as it can tell; and how its run ends.
async fn blocked(path: &Path) -> (CancellationToken, JoinHandle<Result<(), StartError>>) {
    let database = rusqlite::Connection::open(path.dir.path().join("eyas.db")).unwrap();
    let sql = "CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no'); END";
    database.execute_batch(sql).unwrap();
    let mut options = shared_options();
    options.tenancy.refused_retry = Duration::from_hours(1);
    options.tenancy.lease = Duration::from_millis(400);
    let consumer = Consumer::start(&path.intake, options).await.unwrap();
    path.send(&[None; 100], "1", OnConflict::RefuseAll).await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(consumer.run(shutdown.clone(), CancellationToken::new()));
    until("the consumer has stopped", async || {
        matches!(path.meters.consumer(), ConsumerState::Stopped { .. })
    })
    .await;
    (shutdown, running)
}

/// Looks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_consumer_that_has_stopped_keeps_its_lease_and_gives_it_back_at_the_end() {
    let path = Path::new(1 << 20);
    let (shutdown, running) = blocked(&path).await;
    for _ in 0..2 {
        let before = path.store.lease().await.unwrap().until;
        until("the lease is renewed", async || path.store.lease().await.unwrap().until > before)
            .await;
    }
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert!(path.store.lease().await.unwrap().until.unwrap() <= clock::now());
}

#[tokio::test]
async fn a_consumer_that_has_stopped_notices_that_another_feeds_its_database() {
    let path = Path::new(1 << 20);
    let (_shutdown, running) = blocked(&path).await;
    let us =
        |hours: i64| model::Timestamp::from_micros(clock::now().micros() + hours * 3_600_000_000);
    let (log, until) = (path.queue.log(), us(2));
    let claim = Claim { holder: "other".to_owned(), log, now: us(1), until };
    path.store.claim(claim).await.unwrap();
    let ended = timeout(Duration::from_secs(20), running).await.expect("it accepts nothing more");
    let error = ended.unwrap().unwrap_err();
    assert!(error.to_string().contains("held by other until"), "{error}");
}

#[tokio::test]
async fn a_consumer_that_is_not_waited_for_gives_its_lease_back() {
    let path = Path::new(1 << 20);
    let consumer = Consumer::start(&path.intake, shared_options()).await.unwrap();
    let (shutdown, stop) = (CancellationToken::new(), CancellationToken::new());
    // As a transaction of somebody else that does not end.
    let database = rusqlite::Connection::open(path.dir.path().join("eyas.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    path.send(&[None; 10], "1", OnConflict::RefuseAll).await.unwrap();
    let running = tokio::spawn(consumer.run(shutdown.clone(), stop.clone()));
    until("it has begun", async || path.meters.unanswered_since().is_some()).await;
    path.send(&[None; 10], "2", OnConflict::RefuseAll).await.unwrap();
    shutdown.cancel();
    stop.cancel();
    database.execute_batch("COMMIT").unwrap();
    running.await.unwrap().unwrap();
    assert!(path.stored().await.len() <= 10, "the rest waits for the next start");
    assert!(path.store.lease().await.unwrap().until.unwrap() <= clock::now());
}

//! Events older than their stream's age are deleted, no others, and never while the consumer needs the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Seq, StreamName, Timestamp};
use queue::Queue;
use store::RetentionStore as _;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::meters::ConsumerState;
use crate::outcome::OnConflict;
use crate::retention::{Retention, RetentionRules};
use crate::rules::NewEvent;
use crate::tests::intake::Path;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn rules(default: Option<Duration>, streams: &[(&str, Option<Duration>)]) -> RetentionRules {
    let streams = streams.iter().map(|(stream, age)| ((*stream).to_owned(), *age));
    RetentionRules { default, streams: streams.collect() }
}

fn later(by: Duration) -> Timestamp {
    Timestamp::from_micros(clock::now().micros() + by.as_micros() as i64)
}

async fn open(path: &Path, rules: RetentionRules) -> Arc<Retention> {
    let horizons = path.store.horizons().await.unwrap();
    Retention::open(Arc::clone(&path.store) as _, Arc::clone(&path.meters), rules, horizons)
}

/// `n` events of each stream, applied; the consumer is said to run.
async fn filled(n: usize, streams: &[&str]) -> Path {
    let path = Path::new(1 << 20);
    for stream in streams {
        let mut batch = path.intake.batch(&StreamName::new(stream).unwrap(), None);
        for _ in 0..n {
            batch.push(&NewEvent { data: Some("1"), ..NewEvent::default() }).unwrap();
        }
        path.intake.append(batch, OnConflict::RefuseAll).await.unwrap();
    }
    path.apply_all().await;
    path.meters.set_consumer(ConsumerState::Running);
    path
}

async fn kept(path: &Path) -> Vec<u64> {
    path.stored().await.into_iter().map(|(seq, _)| seq).collect()
}

#[tokio::test]
async fn each_stream_has_its_own_age() {
    let path = filled(2, &["a", "b", "c", "d"]).await;
    let ages = [("a", Some(HOUR)), ("b", Some(DAY)), ("c", None)];
    let retention = open(&path, rules(Some(2 * HOUR), &ages)).await;
    let horizons = retention.horizons();
    retention.pass(later(HOUR / 2)).await.unwrap();
    assert_eq!((kept(&path).await.len(), retention.n_deleted()), (8, 0));
    retention.pass(later(HOUR + HOUR / 2)).await.unwrap();
    assert_eq!(kept(&path).await, [3, 4, 5, 6, 7, 8], "a is older than an hour");
    retention.pass(later(3 * HOUR)).await.unwrap();
    assert_eq!(kept(&path).await, [3, 4, 5, 6], "d is not named");
    retention.pass(later(30 * DAY)).await.unwrap();
    assert_eq!(kept(&path).await, [5, 6], "c is kept for ever");
    assert_eq!(retention.n_deleted(), 6);
    let of = |stream: &str| horizons.borrow().of_stream(stream).get();
    assert_eq!([of("a"), of("b"), of("c"), of("d")], [2, 4, 0, 8]);
    // What earlier passes did is known after a restart.
    let again = open(&path, RetentionRules::default()).await;
    assert_eq!(*again.horizons().borrow(), *horizons.borrow());
}

#[tokio::test]
async fn many_rows_go_slice_by_slice_and_the_log_behind_them_is_trimmed() {
    let path = filled(6_000, &["a", "b"]).await;
    let retention = open(&path, rules(Some(HOUR), &[("b", None)])).await;
    let mut horizons = retention.horizons();
    let watch = async {
        let mut seen = Vec::new();
        while seen.last() != Some(&6_000) {
            horizons.changed().await.unwrap();
            seen.push(horizons.borrow_and_update().of_stream("a").get());
        }
        seen
    };
    let (res, seen) = tokio::join!(retention.pass(later(DAY)), watch);
    res.unwrap();
    assert_eq!(seen, [5_000, 6_000]);
    assert_eq!((kept(&path).await[0], retention.n_deleted()), (6_001, 6_000));
    assert_eq!(path.queue.bounds().first, Seq::new(12_001).unwrap());
}

#[tokio::test]
async fn nothing_is_deleted_while_the_consumer_needs_the_database() {
    let path = filled(3, &["a"]).await;
    let waiting = ConsumerState::Waiting { reason: "test".to_owned() };
    path.meters.set_consumer(waiting);
    let retention = open(&path, rules(Some(HOUR), &[])).await;
    let pass = tokio::spawn({
        let retention = Arc::clone(&retention);
        async move { retention.pass(later(DAY)).await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((kept(&path).await.len(), pass.is_finished()), (3, false));
    // It runs again, but what it has to do is old.
    path.meters.set_consumer(ConsumerState::Running);
    path.meters.set_waiting_since(Some(Timestamp::from_micros(1)));
    let in_time =
        tokio::time::timeout(Duration::from_millis(250), retention.horizons().changed()).await;
    assert!(in_time.is_err() && !pass.is_finished());
    path.meters.set_waiting_since(None);
    pass.await.unwrap().unwrap();
    assert!(kept(&path).await.is_empty());
}

#[tokio::test]
async fn without_ages_it_waits_for_the_end() {
    let path = filled(1, &["a"]).await;
    let none = RetentionRules { default: None, streams: BTreeMap::from([("a".to_owned(), None)]) };
    assert!(!none.is_on());
    let retention = open(&path, none).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&retention).run(shutdown.clone()));
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(kept(&path).await, [1]);
}

#[tokio::test]
async fn it_runs_until_it_is_told_to_stop() {
    let path = filled(10, &["a"]).await;
    let retention = open(&path, rules(Some(Duration::from_millis(1)), &[])).await;
    let mut horizons = retention.horizons();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&retention).run(shutdown.clone()));
    let all = Seq::new(10).unwrap();
    horizons.wait_for(|horizons| horizons.of_stream("a") == all).await.unwrap();
    shutdown.cancel();
    running.await.unwrap();
}

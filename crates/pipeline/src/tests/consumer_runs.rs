//! How much a transaction of the consumer takes, and what it makes of a database that cannot take it.

use std::sync::{Arc, Mutex};

use queue::Queue as _;
use store::{Apply, StoreError};
use tokio_util::sync::CancellationToken;

use crate::consumer::{Consumer, ConsumerOptions};
use crate::outcome::OnConflict;
use crate::tests::intake::{Path, consumer_options};
use crate::tests::lane_bench::WAIT;
use crate::tests::meddled::{Meddled, Moment};

/// The lengths of the transactions in which so many events get to a database, and whether it took each of them.
async fn runs(
    n_events: usize,
    takes: impl Fn(&Apply) -> bool + Send + Sync + 'static,
) -> Vec<(usize, bool)> {
    let mut path = Path::new(1 << 20);
    path.send(&vec![None; n_events], "1", OnConflict::RefuseAll).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let meddle = move |moment: Moment<'_>| {
        let Moment::Apply(apply) = moment else { return Ok(()) };
        let is_taken = takes(apply);
        heard.lock().unwrap().push((apply.events.len(), is_taken));
        let words = "canceling statement due to statement timeout (SQLSTATE 57014)";
        if is_taken { Ok(()) } else { Err(StoreError::Unavailable(words.to_owned())) }
    };
    path.intake.store = Arc::new(Meddled { store: Arc::clone(&path.store), meddle });
    let options = ConsumerOptions { rows_max: n_events, ..consumer_options() };
    let consumer = Consumer::start(&path.intake, options).await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(consumer.run(shutdown.clone(), CancellationToken::new()));
    let mut applied = path.meters.applied_changes();
    let last = path.queue.bounds().last;
    let all = applied.wait_for(|applied| *applied == last);
    tokio::time::timeout(WAIT, all).await.expect("it gets on").unwrap();
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(path.stored().await.len(), n_events);
    let runs = seen.lock().unwrap().clone();
    runs
}

#[tokio::test]
async fn a_database_that_is_too_slow_for_a_backlog_at_once_gets_it_in_shorter_transactions() {
    let runs = runs(300, |apply| apply.events.len() <= 40).await;
    assert_eq!(runs[..5], [(300, false), (150, false), (75, false), (37, true), (74, false)]);
}

#[tokio::test]
async fn a_database_that_takes_one_row_at_a_time_gets_them_so() {
    let runs = runs(6, |apply| apply.events.len() == 1).await;
    assert_eq!(runs[..4], [(6, false), (3, false), (1, true), (2, false)]);
}

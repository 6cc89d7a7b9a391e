//! The SQLite driver against the suite, and its promises about plans, bounds and errors.

use std::sync::Arc;
use std::time::Duration;

use model::{Draft, Seq};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::error::StoreError;
use crate::events::{Apply, EventStore as _};
use crate::sqlite::failure::failure;
use crate::sqlite::store::{SqliteOptions, SqliteStore};
use crate::tests::conformance::sample::{HOLDER, apply, assert_same, claim, draft, seq, stored};
use crate::tests::conformance::suite::every_promise;
use crate::tests::conformance::{
    audit, control, dead_letters, explore, ids, jobs, lease, pages, reading, reopen, retention,
    schemas, sessions, sign_ins, trust, verdicts,
};

every_promise!(ready);
every_promise!(settled ready);

pub(crate) fn open(dir: &TempDir) -> Result<Arc<SqliteStore>, StoreError> {
    let (dir, events_file) = (dir.path().to_owned(), "eyas.db".to_owned());
    SqliteStore::open(SqliteOptions { dir, events_file, n_readers: 2, wal_bytes_max: u64::MAX })
}

pub(crate) fn fresh() -> (Arc<SqliteStore>, TempDir) {
    let dir = TempDir::new().unwrap();
    (open(&dir).unwrap(), dir)
}

pub(crate) fn ready() -> std::future::Ready<(Arc<SqliteStore>, TempDir)> {
    std::future::ready(fresh())
}

/// A connection beside the store's own, as a user with the command line tool has it.
pub(crate) fn beside(dir: &TempDir) -> Connection {
    Connection::open(dir.path().join("eyas.db")).unwrap()
}

#[tokio::test]
async fn a_reopened_store_keeps_everything() {
    let (store, dir) = fresh();
    let lease = reopen::fill(&*store).await;
    let settled = control::fill(&*store).await;
    store.close().await.unwrap();
    let store = open(&dir).unwrap();
    reopen::check(&*store, lease).await;
    assert_eq!(control::read(&*store).await, settled);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_not_closed_keeps_everything() {
    let (store, dir) = fresh();
    let lease = reopen::fill(&*store).await;
    // A copy of the files as they lie there is what a killed process leaves behind.
    let copy = TempDir::new().unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let again = open(&copy).unwrap();
    reopen::check(&*again, lease).await;
    again.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_no_records_fault() {
    let (store, _dir) = fresh();
    claim(&*store).await;
    let limit = |pages: u32| {
        store
            .writer
            .run(move |conn| conn.pragma_update(None, "max_page_count", pages).map_err(failure))
    };
    limit(1).await.unwrap();
    let data = format!("\"{}\"", "x".repeat(1_000_000));
    let big = stored(1, &Draft { data: &data, ..draft("a") });
    let res = apply(&*store, vec![big.clone()]).await;
    assert!(matches!(res, Err(StoreError::Unavailable(_))), "{res:?}");
    assert!(!store.holds(seq(1)).await.unwrap());
    limit(1_000_000).await.unwrap();
    apply(&*store, vec![big.clone()]).await.unwrap();
    assert_same(&store.get("a", None, None).await.unwrap(), &[big]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn another_writer_is_no_records_fault() {
    let (store, dir) = fresh();
    claim(&*store).await;
    let be_quick =
        |conn: &mut Connection| conn.busy_timeout(Duration::from_millis(1)).map_err(failure);
    store.writer.run(be_quick).await.unwrap();
    let other = beside(&dir);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let res = apply(&*store, vec![stored(1, &draft("a"))]).await;
    assert!(matches!(res, Err(StoreError::Unavailable(_))), "{res:?}");
    // Readers do not mind.
    assert!(!store.holds(seq(1)).await.unwrap());
    other.execute_batch("ROLLBACK").unwrap();
    apply(&*store, vec![stored(1, &draft("a"))]).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let (store, dir) = fresh();
    claim(&*store).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.lease().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.holds(seq(1)).await, Err(StoreError::Unavailable(_))));
    // The write-ahead log has been copied back and is gone: one file to copy is a whole backup.
    assert!(!dir.path().join("eyas.db-wal").exists());
}

#[tokio::test]
async fn what_was_handed_in_before_close_is_done() {
    let (store, dir) = fresh();
    claim(&*store).await;
    let make = |position| stored(position, &draft(&format!("id-{position:06}")));
    let apply = Apply {
        holder: HOLDER.to_owned(),
        expected: Seq::ZERO,
        events: (1..=2_000).map(make).collect(),
        applied: seq(2_000),
    };
    // The first is polled first, so its job stands in the channel when the second closes it.
    let (applied, closed) = tokio::join!(biased; store.apply(apply), store.close());
    closed.unwrap();
    assert_eq!(applied.unwrap().n_stored, 2_000);
    let store = open(&dir).unwrap();
    assert_eq!(store.lease().await.unwrap().applied, seq(2_000));
    store.close().await.unwrap();
}

#[tokio::test]
async fn every_commit_is_synced() {
    let (store, _dir) = fresh();
    let settings = store.writer.run(|conn| {
        let ask = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let names = ["synchronous", "foreign_keys", "page_size"];
        names.into_iter().map(ask).collect::<Result<Vec<_>, _>>().map_err(failure)
    });
    assert_eq!(settings.await.unwrap(), [2, 1, 8192]);
    store.close().await.unwrap();
}

//! SQLite's memory has a bound for the whole process, so a statement that reads can leave a writer without any. That passes: no
//! record, no batch and no file is to blame for it.
//!
//! Each test lowers that bound for a process of its own.

use std::env;
use std::process::Command;
use std::sync::Arc;

use model::Draft;
use rusqlite::{Connection, ErrorCode};

use crate::batches::{Batch, BatchStore as _, BatchVerdict, TableMode};
use crate::error::StoreError;
use crate::events::{Apply, EventStore as _, Stored};
use crate::sqlite::failure::failure;
use crate::sqlite::sql_connections::limit_heap;
use crate::tests::conformance::batch_sample::{apply_of, batch, prepare, rows, step};
use crate::tests::conformance::refusal;
use crate::tests::conformance::sample::{HOLDER, claim, draft, seq, stored};
use crate::tests::sqlite::{beside, fresh};

const KIB: usize = 1 << 10;
/// What SQLite may have.
const HEAP_BYTES: usize = 48 << 20;
/// What is given back, step by step, until there is enough.
const STEPS: [usize; 14] = [
    KIB,
    KIB,
    2 * KIB,
    4 * KIB,
    8 * KIB,
    16 * KIB,
    32 * KIB,
    64 * KIB,
    128 * KIB,
    256 * KIB,
    512 * KIB,
    KIB * KIB,
    4 * KIB * KIB,
    16 * KIB * KIB,
];

/// Whether this is the process in which the test of this name is alone. In any other, the test has been run in that one.
fn is_alone(name: &str) -> bool {
    const MARK: &str = "EYAS_TEST_ALONE";
    if env::var_os(MARK).is_some() {
        return true;
    }
    let name = format!("tests::sqlite_memory::{name}");
    let mut alone = Command::new(env::current_exe().unwrap());
    let output = alone.args(["--exact", &name]).env(MARK, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Somebody who reads, and holds so much memory for it.
struct Reader {
    conn: Connection,
}

impl Reader {
    fn new() -> Self {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE held (bytes BLOB)").unwrap();
        Self { conn }
    }

    /// Whether there was so much.
    fn hold(&self, n_bytes: usize) -> bool {
        match self.conn.execute("INSERT INTO held VALUES (zeroblob(?))", [n_bytes as i64]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.sqlite_error_code(), Some(ErrorCode::OutOfMemory), "{error}");
                false
            }
        }
    }
}

/// Readers who have all the memory there is. They end one after the other, and each gives back more than the one before.
fn readers() -> Vec<Reader> {
    let mut readers = Vec::new();
    for n_bytes in STEPS {
        let reader = Reader::new();
        assert!(reader.hold(n_bytes));
        readers.push(reader);
    }
    let rest = Reader::new();
    limit_heap(&rest.conn, HEAP_BYTES).unwrap();
    for n_bytes in [KIB * KIB, 64 * KIB, 4 * KIB, KIB, 1] {
        while rest.hold(n_bytes) {}
    }
    readers.push(rest);
    readers
}

/// Tries with ever fewer readers until it is taken. An error that comes meanwhile passes.
async fn try_until_taken<T>(attempt: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let mut readers = readers();
    let mut n_failed = 0;
    loop {
        match attempt().await {
            Ok(_) if n_failed == 0 => panic!("there was too much memory"),
            Ok(taken) => return taken,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        n_failed += 1;
        assert!(!readers.is_empty(), "with memory enough it is taken");
        readers.remove(0);
    }
}

/// Refused in no way, with savepoints, and by the end of the whole transaction.
const REFUSALS: [&str; 3] = [
    "",
    "CREATE TRIGGER poison BEFORE INSERT ON events WHEN new.id = 'poison' BEGIN SELECT raise(ABORT, 'no'); END",
    "CREATE TRIGGER poison BEFORE INSERT ON events WHEN new.id = 'poison' BEGIN SELECT raise(ROLLBACK, 'no'); END",
];

#[tokio::test]
async fn a_record_that_memory_is_lacking_for_is_tried_again_and_never_dead() {
    if !is_alone("a_record_that_memory_is_lacking_for_is_tried_again_and_never_dead") {
        return;
    }
    for trigger in REFUSALS {
        let (store, dir) = fresh();
        beside(&dir).execute_batch(trigger).unwrap();
        claim(&*store).await;
        let data = format!("\"{}\"", "x".repeat(200 * KIB));
        let ids: Vec<String> = (1..=20).map(|n| format!("e{n}")).collect();
        let long = |(nth, id): (u64, &String)| stored(nth, &Draft { data: &data, ..draft(id) });
        let mut events: Vec<Stored> = (1..).zip(&ids).map(long).collect();
        events.push(stored(21, &draft("poison")));
        let applied = try_until_taken(async || {
            let (holder, events) = (HOLDER.to_owned(), events.clone());
            let apply = Apply { holder, expected: seq(0), events, applied: seq(21) };
            store.apply(apply).await
        });
        let applied = applied.await;
        let n_dead = u64::from(!trigger.is_empty());
        assert_eq!((applied.n_stored, applied.n_dead), (21 - n_dead, n_dead), "{trigger}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_that_memory_is_lacking_for_is_tried_again_and_never_rejected() {
    if !is_alone("a_batch_that_memory_is_lacking_for_is_tried_again_and_never_rejected") {
        return;
    }
    for mode in [TableMode::Append, TableMode::Replace] {
        let (store, _dir) = fresh();
        prepare(&*store).await;
        let step = step(&*store).await;
        let long = "x".repeat(300 * KIB);
        let all: Vec<String> = (0..20).map(|n| format!("p{n},{long}")).collect();
        let all = rows(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let verdict = try_until_taken(async || {
            let batch = Batch { mode, ..batch("b", "ports", 20) };
            let rows = Arc::clone(&all);
            store.apply_batch(apply_of(step.clone(), batch, "code,name", rows)).await
        });
        assert_eq!(verdict.await, BatchVerdict::Committed);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_job_could_not_roll_back_is_ended_before_the_next_one() {
    let (store, _dir) = fresh();
    claim(&*store).await;
    let begin = |conn: &mut Connection| conn.execute_batch("BEGIN IMMEDIATE").map_err(failure);
    store.writer.run(begin).await.unwrap();
    let applied = refusal::apply(&*store, vec![stored(1, &draft("a"))]).await.unwrap();
    assert_eq!(applied.n_stored, 1);
    store.close().await.unwrap();
}

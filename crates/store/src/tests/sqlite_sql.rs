//! `SqlReader` on SQLite: the promises of every driver, and its own fences.

use crate::events::EventStore as _;
use crate::sql::{SqlError, SqlReader as _};
use crate::statement::Dialect;
use crate::tests::conformance::sql::{self, ask, cells};
use crate::tests::sqlite::{beside, fresh};

const SQLITE: Dialect = Dialect::Sqlite;

macro_rules! promises {
    ($($promise:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (store, _dir) = fresh();
                sql::$promise(&*store, SQLITE).await;
                store.close().await.unwrap();
            }
        )*
    };
}

promises! {
    values_go_in_and_come_out_as_they_are,
    columns_are_told_even_without_rows,
    what_is_wrong_is_said_and_harms_nobody,
    what_takes_too_long_ends,
    rows_and_bytes_are_limited,
    an_answer_that_nobody_takes_is_given_up,
}

#[tokio::test]
async fn nothing_but_reading_is_let_through() {
    let (store, _dir) = fresh();
    for sql in [
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA wal_checkpoint",
        "PRAGMA writable_schema = ON",
        "SELECT load_extension('x')",
        "EXPLAIN ATTACH 'control.db' AS c",
        "SELECT * FROM control.tokens",
        "SELECT * FROM pragma_wal_checkpoint",
        "WITH x AS (SELECT 1) UPDATE eyas.lease SET holder = 'me'",
    ] {
        let found = cells(store.read_sql(ask(SQLITE, sql)).await).await;
        assert!(matches!(found, Err(SqlError::Refused(_))), "{sql}: {found:?}");
    }
    let allowed = "PRAGMA table_info(events)";
    assert!(cells(store.read_sql(ask(SQLITE, allowed)).await).await.is_ok());
}

#[tokio::test]
async fn values_are_told_with_all_their_digits() {
    let (store, dir) = fresh();
    let text = "CREATE TABLE t (i INTEGER, b BOOLEAN, j JSON, d DECIMAL_TEXT(30, 10), r REAL, x BLOB, t TEXT);
        INSERT INTO t VALUES (9007199254740993, 1, '{\"a\": 1.0}', '12345678901234567890.10', 1e300, x'00ff', 'ä');
        INSERT INTO t VALUES (-1, 0, 'no json', 'no number', 9e999, NULL, '');
        INSERT INTO t VALUES (2, 2, NULL, 1.5, 1861.0, NULL, NULL);";
    // Any database that stands where the events do may be read as `eyas`.
    beside(&dir).execute_batch(text).unwrap();
    let found = cells(store.read_sql(ask(SQLITE, "SELECT * FROM eyas.t")).await).await.unwrap();
    #[rustfmt::skip]
    let expected = [
        "=9007199254740993", "=true", "={\"a\": 1.0}", "=12345678901234567890.10", "=1e300", "'\\x00ff", "'ä",
        "=-1", "=false", "'no json", "'no number", "'Infinity", "-", "'",
        "=2", "=2", "-", "=1.5", "=1861.0", "-", "-",
    ];
    assert_eq!(found, expected);
}

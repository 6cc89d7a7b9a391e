//! `SqlReader` on SQLite: the promises of every driver, and its own fences.

use std::time::Duration;

use tokio::time::timeout;

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
    what_finds_no_connection_is_told_so,
    an_answer_that_nobody_takes_is_given_up,
    a_plan_is_told_and_nothing_runs,
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
async fn a_plan_names_the_index_and_what_lies_within_a_step() {
    let (store, _dir) = fresh();
    let sql = "SELECT id FROM eyas.events WHERE id = 'x' UNION ALL SELECT id FROM eyas.dead_letters ORDER BY id";
    let lines = store.plan_sql(ask(SQLITE, sql)).await.unwrap();
    assert!(lines[0].starts_with("MERGE") && lines[1].starts_with("  LEFT"), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.starts_with("    SEARCH eyas.events USING")),
        "{lines:#?}"
    );
    let allowed = store.plan_sql(ask(SQLITE, "PRAGMA table_info(events)")).await;
    assert_eq!(allowed, Ok(Vec::new()));
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

/// One call each over texts as long as they may be, of the kind that SQLite works at for minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_single_call_outlasts_the_time_limit() {
    let (store, _dir) = fresh();
    let zeros = "hex(zeroblob(1000000))";
    let half = "hex(zeroblob(500000))";
    for (sql, expected) in [
        (format!("SELECT instr({zeros}, {half} || '1')"), Ok("=0")),
        (format!("SELECT length(replace({zeros}, {half} || '1', 'x'))"), Ok("=2000000")),
        (format!("SELECT length(rtrim({zeros}, printf('%.*c', 150000, 'x') || '0'))"), Ok("=0")),
        (format!("SELECT length(replace({zeros}, '0', {half}))"), Err("string or blob too big")),
        ("SELECT hex(zeroblob(8000000))".to_owned(), Err("string or blob too big")),
        ("SELECT printf('%.*c', 100000000, 'x')".to_owned(), Err("string or blob too big")),
        (format!("SELECT {zeros} LIKE '%{}1%'", "0".repeat(99)), Err("pattern too complex")),
        (format!("SELECT {zeros} GLOB '*{}1*'", "0".repeat(99)), Err("pattern too complex")),
        (format!("SELECT concat(x{}) FROM (SELECT {zeros} x)", ", x".repeat(64)), Err("too many")),
        (format!("SELECT 1{}", ", length('x')".repeat(201)), Err("too many calls")),
        (format!("SELECT unhex({zeros}, {half})"), Err("not available here")),
        (format!("SELECT json_patch({zeros}, '1')"), Err("not available here")),
        ("SELECT json_pretty('[[1]]', printf('%.*c', 2000, 'x'))".to_owned(), Err("not available")),
    ] {
        let asked = async { cells(store.read_sql(ask(SQLITE, &sql)).await).await };
        let found = timeout(Duration::from_mins(1), asked).await.expect("it lasts");
        let is_expected = match (&found, expected) {
            (Ok(cells), Ok(cell)) => cells[..] == [cell],
            (Err(SqlError::Failed(words) | SqlError::Refused(words)), Err(part)) => {
                words.contains(part)
            }
            _ => false,
        };
        assert!(is_expected, "{}: {found:?}", &sql[..sql.len().min(80)]);
    }
}

#[tokio::test]
async fn a_row_as_wide_as_memory_is_refused() {
    let (store, _dir) = fresh();
    let wide: Vec<String> = (0..700).map(|n| format!("hex(zeroblob(1000000 - {n}))")).collect();
    let wide = format!("SELECT {}", wide.join(", "));
    let found = cells(store.read_sql(ask(SQLITE, &wide)).await).await;
    assert!(matches!(found, Err(SqlError::Failed(_) | SqlError::Refused(_))), "{found:?}");
    let found = cells(store.read_sql(ask(SQLITE, "SELECT 1 AS one")).await).await;
    assert_eq!(found, Ok(vec!["=1".to_owned()]));
}

#[tokio::test]
async fn what_may_be_stored_can_be_read() {
    let (store, dir) = fresh();
    let text = "CREATE TABLE t (j JSON, x BLOB);
        INSERT INTO t VALUES ('\"' || hex(zeroblob(524287)) || '\"', x'00'), (NULL, zeroblob(1 << 20));";
    beside(&dir).execute_batch(text).unwrap();
    let sql = "SELECT * FROM eyas.t";
    let found = cells(store.read_sql(ask(SQLITE, sql)).await).await.unwrap();
    assert_eq!((found[0].len(), found[3].len()), (1 + (1 << 20), 3 + (2 << 20)));
    let found = cells(store.read_sql(ask(SQLITE, "SELECT hex(x) AS x FROM eyas.t")).await).await;
    assert_eq!(found.unwrap()[1].len(), 1 + (2 << 20));
}

/// The functions that stand in the place of SQLite's own give the same answers.
#[tokio::test]
async fn replaced_functions_answer_as_sqlites_own() {
    let (store, _dir) = fresh();
    let own = rusqlite::Connection::open_in_memory().unwrap();
    let values = [
        "NULL",
        "''",
        "'a'",
        "'aäa'",
        "'xxaäbaxx'",
        "'ä'",
        "'b'",
        "'xa'",
        "' a '",
        "x'61'",
        "x'c3a461'",
        "x''",
        "1",
        "-12",
        "9007199254740993",
        "1.5",
        "0.1",
        "-0.0",
        "100.0",
        "1e15",
        "1e16",
        "123456789012345678.0",
        "1e17",
        "1e300",
        "-1e-7",
        "0.0001",
        "0.00001234",
        "1e999",
        "-1e999",
        "'1'",
        "'.'",
        "'0'",
    ];
    let mut calls = Vec::new();
    for a in values {
        for b in values {
            calls.extend(
                ["instr", "trim", "ltrim", "rtrim"].map(|name| format!("{name}({a}, {b})")),
            );
            calls.push(format!("replace({a}, {b}, 'ö1')"));
            calls.push(format!("replace('x1a', {b}, {a})"));
        }
    }
    for call in calls {
        let sql = format!("SELECT typeof({call}) || ' ' || coalesce({call}, '') AS told");
        let expected: String = own.query_row(&sql, [], |row| row.get(0)).unwrap();
        let found = cells(store.read_sql(ask(SQLITE, &sql)).await).await;
        assert_eq!(found, Ok(vec![format!("'{expected}")]), "{call}");
    }
}

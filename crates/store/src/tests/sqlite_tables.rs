//! Tables and batches on SQLite: the suite, and what is SQLite's own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, Value};
use tempfile::TempDir;

use crate::batches::{Batch, BatchStore as _, BatchVerdict, TableMode};
use crate::error::StoreError;
use crate::sqlite::declared::{kind, value};
use crate::sqlite::failure::failure;
use crate::tables::{ColumnKind, TableStore as _};
use crate::tests::conformance::batch_sample::{
    TABLES, apply_of, batch, load, loaded, migration, prepare, refused, rows, step,
};
use crate::tests::conformance::batch_suite::every_batch_promise;
use crate::tests::conformance::{batches, lane, tables};
use crate::tests::sqlite::{fresh, ready};

every_batch_promise!(ready);

fn beside(dir: &TempDir) -> Connection {
    Connection::open(dir.path().join("tables.db")).unwrap()
}

#[test]
fn a_declared_type_says_what_a_column_takes() {
    let (int, text) = (ColumnKind::Int { bits: 64 }, ColumnKind::Text { chars_max: None });
    let decimal = |limits| ColumnKind::Decimal { limits };
    for (declared, wanted) in [
        ("INTEGER", int),
        ("int", int),
        ("BIGINT", int),
        ("UNSIGNED BIG INT", int),
        ("SMALLINT", ColumnKind::Int { bits: 16 }),
        ("DOUBLE PRECISION", ColumnKind::Float { bits: 64 }),
        ("NUMERIC", decimal(None)),
        ("numeric ( 12 , 4 )", decimal(Some((12, 4)))),
        ("DECIMAL(9)", decimal(Some((9, 0)))),
        ("DECIMAL_TEXT(20,6)", decimal(Some((20, 6)))),
        ("BOOLEAN", ColumnKind::Bool),
        ("TEXT", text),
        ("VARCHAR(255)", ColumnKind::Text { chars_max: Some(255) }),
        ("CHARACTER VARYING(7)", ColumnKind::Text { chars_max: Some(7) }),
        ("DATE", ColumnKind::Date),
        ("TIME", ColumnKind::Time { has_zone: false }),
        ("DATETIME", ColumnKind::Timestamp { has_zone: false }),
        ("TIMESTAMP WITH TIME ZONE", ColumnKind::Timestamp { has_zone: true }),
        ("TIMESTAMPTZ", ColumnKind::Timestamp { has_zone: true }),
        ("UUID", ColumnKind::Uuid),
        ("JSON_TEXT", ColumnKind::Json),
        ("BLOB", ColumnKind::Bytes),
        ("ANY", ColumnKind::Other),
        ("POINT", ColumnKind::Other),
        ("", ColumnKind::Other),
    ] {
        assert_eq!(kind(declared), wanted, "{declared}");
    }
}

#[test]
fn a_text_becomes_the_value_of_its_column_or_stays_the_text_it_is() {
    let check = |declared: &str, text: &str, wanted: Value| {
        let found = match value(kind(declared), Some(text)) {
            ToSqlOutput::Owned(value) => value,
            ToSqlOutput::Borrowed(value) => value.try_into().unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, wanted, "{declared} {text}");
    };
    let stays = |declared: &str, text: &str| check(declared, text, Value::Text(text.to_owned()));
    check("INTEGER", "-9223372036854775808", Value::Integer(i64::MIN));
    stays("INTEGER", "9223372036854775808");
    check("REAL", "1e3", Value::Real(1000.0));
    // Bound as a number it would be null.
    stays("REAL", "NaN");
    check("BOOLEAN", "true", Value::Integer(1));
    check("BOOLEAN", "false", Value::Integer(0));
    check("BLOB", "\\x00fF", Value::Blob(vec![0, 255]));
    for odd in ["\\x0", "\\x0g", "00"] {
        stays("BLOB", odd);
    }
    stays("DECIMAL(30,2)", "12345678901234567890.10");
    stays("DATE", "2016-01-31");
    assert!(matches!(value(kind("INT"), None), ToSqlOutput::Owned(Value::Null)));
}

#[tokio::test]
async fn columns_are_told_as_the_file_has_them() {
    let (store, dir) = fresh();
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT NOT NULL, b TEXT DEFAULT NULL, c REAL AS (a * 2) STORED,
                   d TEXT GENERATED ALWAYS AS (b));
        CREATE TABLE w (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;
        CREATE TABLE two (x INTEGER, y INTEGER, PRIMARY KEY (x, y));
        CREATE VIEW seen AS SELECT 1 AS x;";
    store.migrate_tables(vec![migration("0001_t", sql)]).await.unwrap();
    let names = ["t", "w", "two"].map(str::to_owned).to_vec();
    let told: Vec<String> = (store.describe_tables(names).await.unwrap().iter())
        .flat_map(|table| &table.columns)
        .map(|column| {
            let flags = [column.is_nullable, column.has_default, column.is_generated];
            format!("{}{}", column.name, flags.map(|flag| if flag { "+" } else { "-" }).concat())
        })
        .collect();
    let wanted = ["id++-", "a---", "b++-", "c+-+", "d+-+", "k---", "v+--", "x+--", "y+--"];
    assert_eq!(told, wanted);
    let res = store.describe_tables(vec!["seen".to_owned()]).await;
    assert!(
        matches!(res, Err(StoreError::Unusable(ref words)) if words.contains("view")),
        "{res:?}"
    );
    // A decimal keeps its digits where the column is text.
    let sql = "CREATE TABLE d (exact DECIMAL_TEXT(30,10), rough DECIMAL(30,10))";
    beside(&dir).execute_batch(sql).unwrap();
    prepare_lane(&store).await;
    let digits = "12345678901234567890.1234567890";
    loaded(&*store, batch("b1", "d", 1), "exact,rough", &[&format!("{digits},{digits}")]).await;
    let read = |column: &str| -> Value {
        let sql = format!("SELECT {column} FROM d");
        beside(&dir).query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(read("exact"), Value::Text(digits.to_owned()));
    assert!(matches!(read("rough"), Value::Real(_)));
}

/// Becomes the lane's consumer without the suite's tables.
async fn prepare_lane(store: &crate::sqlite::store::SqliteStore) {
    use crate::events::Claim;
    use crate::tests::conformance::sample::{HOLDER, NOW_US, at, log};
    let (now, until) = (at(NOW_US), at(NOW_US + 10_000_000));
    let claim = Claim { holder: HOLDER.to_owned(), log: log(), now, until };
    store.claim_lane(claim).await.unwrap();
}

#[tokio::test]
async fn triggers_and_clauses_of_the_table_cannot_split_a_batch() {
    let (store, dir) = fresh();
    prepare(&*store).await;
    let sql = "CREATE TABLE lax (x INTEGER UNIQUE ON CONFLICT IGNORE);
        CREATE TABLE days (day TEXT);
        CREATE TRIGGER closed BEFORE INSERT ON days WHEN NEW.day = 'sunday' BEGIN SELECT RAISE(ABORT, 'closed on sundays'); END;
        CREATE TRIGGER gone BEFORE INSERT ON days WHEN NEW.day = 'never' BEGIN SELECT RAISE(ROLLBACK, 'never'); END;";
    store
        .migrate_tables(vec![migration("0001_tables", TABLES), migration("0002_odd", sql)])
        .await
        .unwrap();
    let (_, errors) = refused(&*store, batch("b1", "lax", 3), "x", &["1", "2", "1"]).await;
    assert_eq!(errors, ["3 4 /x unique"]);
    let days = ["monday", "sunday", "tuesday", "sunday", "never", "sunday"];
    let (rejected, errors) = refused(&*store, batch("b2", "days", 6), "day", &days).await;
    assert_eq!(errors, ["2 3  database", "4 5  database", "5 6  database"]);
    assert_eq!(rejected.detail.as_deref(), Some("closed on sundays"));
    let n_rows: i64 = beside(&dir)
        .query_row("SELECT (SELECT count(*) FROM lax) + (SELECT count(*) FROM days)", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(n_rows, 0);
}

#[tokio::test]
async fn rows_of_others_that_a_replacement_breaks_are_told() {
    let (store, dir) = fresh();
    prepare(&*store).await;
    loaded(&*store, batch("b1", "ports", 2), "code,name", &["A,a", "B,b"]).await;
    let price = "A,B,2016-01-01,7";
    loaded(&*store, batch("b2", "prices", 1), "orig,dest,day,price", &[price]).await;
    let replace = |id: &str| Batch { mode: TableMode::Replace, ..batch(id, "ports", 1) };
    let (_, errors) = refused(&*store, replace("b3"), "code,name", &["C,c"]).await;
    assert_eq!(errors, ["0 0  foreign_key", "0 0  foreign_key"], "both ends of the price");
    loaded(&*store, replace("b4"), "code,name", &["A,new", "B,new"]).await;
    let name: String =
        beside(&dir).query_row("SELECT name FROM ports LIMIT 1", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "new");
}

#[tokio::test]
async fn what_may_pass_is_no_batchs_fault() {
    let (store, dir) = fresh();
    prepare(&*store).await;
    let expected = step(&*store).await.expected;
    let limit = |pages: u32| {
        store
            .tables
            .run(move |conn| conn.pragma_update(None, "max_page_count", pages).map_err(failure))
    };
    limit(1).await.unwrap();
    let big = format!("A,{}", "x".repeat(1_000_000));
    let res = load(&*store, batch("b1", "ports", 1), "code,name", &[&big]).await;
    assert!(matches!(res, Err(StoreError::Unavailable(_))), "full: {res:?}");
    limit(1_000_000).await.unwrap();
    let quick = std::time::Duration::from_millis(1);
    store.tables.run(move |conn| conn.busy_timeout(quick).map_err(failure)).await.unwrap();
    let other = beside(&dir);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let res = load(&*store, batch("b1", "ports", 1), "code,name", &["A,a"]).await;
    assert!(matches!(res, Err(StoreError::Unavailable(_))), "busy: {res:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.lane().await.unwrap().applied, expected);
    loaded(&*store, batch("b1", "ports", 1), "code,name", &[&big]).await;
}

#[tokio::test]
async fn a_migration_cannot_touch_what_is_ours() {
    let (store, _dir) = fresh();
    for sql in [
        "UPDATE eyas_lease SET applied = 7",
        "DELETE FROM EYAS_batches",
        "CREATE TRIGGER t AFTER INSERT ON eyas_batches BEGIN SELECT 1; END",
        "DROP TABLE eyas_user_migrations",
        "CREATE TABLE eyas_mine (x)",
        "ATTACH 'eyas.db' AS other",
        "PRAGMA query_only = ON",
        "PRAGMA application_id = 7",
    ] {
        let res = store.migrate_tables(vec![migration("0001_bad", sql)]).await;
        assert!(matches!(res, Err(StoreError::Unusable(_))), "{sql}: {res:?}");
    }
    // Rebuilding a table, as SQLite's manual has it.
    let rebuild = "PRAGMA foreign_keys = OFF; CREATE TABLE ports_new (code TEXT PRIMARY KEY, name TEXT, country TEXT);
        INSERT INTO ports_new (code, name) SELECT code, name FROM ports; DROP TABLE ports;
        ALTER TABLE ports_new RENAME TO ports;";
    let data = "INSERT INTO ports VALUES ('A', 'a'); INSERT INTO prices VALUES ('A', 'A', '2016-01-01', 1, NULL);";
    let files = vec![
        migration("0001_tables", TABLES),
        migration("0002_data", data),
        migration("0003_rebuild", rebuild),
    ];
    assert_eq!(store.migrate_tables(files).await.unwrap().len(), 3);
    prepare_lane(&store).await;
    let (_, errors) =
        refused(&*store, batch("b1", "prices", 1), "orig,dest,day,price", &["A,X,2016-01-02,1"])
            .await;
    assert_eq!(errors, ["1 2 /dest foreign_key"], "foreign keys are on again");
}

#[tokio::test]
async fn what_a_batch_does_not_fit_rejects_it() {
    let (store, _dir) = ready().await;
    let store = &*store;
    prepare(store).await;
    // The table was changed after the batch came in.
    let (rejected, errors) =
        refused(store, batch("b1", "ports", 1), "code,colour", &["A,red"]).await;
    assert_eq!(errors, ["0 0  database"]);
    assert!(rejected.detail.unwrap().contains("colour"));
    let (rejected, errors) = refused(store, batch("b2", "gone", 1), "code,name", &["A,a"]).await;
    assert_eq!(errors, ["0 0  database"]);
    assert!(rejected.detail.unwrap().contains("gone"));
}

#[tokio::test]
async fn rows_that_a_trigger_skips_are_counted_and_told() {
    let (store, dir) = fresh();
    prepare(&*store).await;
    beside(&dir)
        .execute_batch(
            "CREATE TRIGGER skip BEFORE INSERT ON ports WHEN NEW.code = 'B' BEGIN SELECT RAISE(IGNORE); END",
        )
        .unwrap();
    for (id, mode) in [("b1", TableMode::Append), ("b2", TableMode::Replace)] {
        let feed = rows(&["A,a", "B,b", "C,c"]);
        let batch = Batch { mode, ..batch(id, "ports", 3) };
        let apply = apply_of(step(&*store).await, batch, "code,name", feed);
        let n_kept = Arc::clone(&apply.progress);
        assert_eq!(store.apply_batch(apply).await.unwrap(), BatchVerdict::Committed);
        assert_eq!(n_kept.load(Ordering::Relaxed), 2, "{id}");
        let detail = store.batch(id).await.unwrap().unwrap().detail.expect("it says so");
        assert!(detail.starts_with("the table has kept 2 of the 3 rows"), "{detail}");
    }
    let n_ports: i64 =
        beside(&dir).query_row("SELECT count(*) FROM ports", [], |row| row.get(0)).unwrap();
    assert_eq!(n_ports, 2);
}

//! What every driver promises of statements that somebody else wrote. Each promise is given the reader and its dialect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sql::{SqlAsk, SqlCell, SqlError, SqlLimits, SqlPlan, SqlReader, SqlRows, SqlValue};
use crate::statement::{Dialect, SqlKind, SqlParam, SqlType, Statement};

/// Enough for anything that ends.
pub(crate) const LIMITS: SqlLimits = SqlLimits {
    time_max: Duration::from_secs(20),
    hold_max: Duration::from_secs(20),
    rows_max: 1_000_000,
    bytes_max: 256 << 20,
};

/// Never ends by itself.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
/// Some millions of rows, one after the other.
const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000000) SELECT i FROM n";

/// A statement with parameters, each a name and a type.
pub(crate) fn statement(
    dialect: Dialect,
    sql: &str,
    params: &[(&str, SqlType, bool)],
) -> Arc<Statement> {
    let param = |&(name, of, is_list): &(&str, _, _)| SqlParam {
        name: name.to_owned(),
        kind: SqlKind { of, is_list },
    };
    Arc::new(Statement::parse(dialect, sql, params.iter().map(param).collect()).unwrap())
}

/// A run of a statement without parameters.
pub(crate) fn ask(dialect: Dialect, sql: &str) -> SqlAsk {
    let statement = statement(dialect, sql, &[]);
    SqlAsk { statement, values: Vec::new(), limits: LIMITS, plan: SqlPlan::Kept }
}

/// All cells of an answer, a line each: `=` before JSON, `'` before text, `-` for null.
pub(crate) async fn cells(rows: Result<SqlRows, SqlError>) -> Result<Vec<String>, SqlError> {
    let (mut rows, mut all) = (rows?, Vec::new());
    while let Some(piece) = rows.next().await? {
        all.extend(piece.cells().map(|cell| match cell {
            SqlCell::Null => "-".to_owned(),
            SqlCell::Json(text) => format!("={text}"),
            SqlCell::Text(text) => format!("'{text}"),
        }));
    }
    Ok(all)
}

/// Whether the next call works.
async fn works(reader: &dyn SqlReader, dialect: Dialect) {
    let found = cells(reader.read_sql(ask(dialect, "SELECT 1 AS one")).await).await;
    assert_eq!(found.as_deref(), Ok(&["=1".to_owned()][..]));
}

pub(crate) async fn values_go_in_and_come_out_as_they_are(
    reader: &dyn SqlReader,
    dialect: Dialect,
) {
    let sql = match dialect {
        Dialect::Sqlite => "SELECT :t AS t, :i AS i, :f AS f, :b AS b, :d AS d, :n AS n, :l AS l",
        Dialect::Postgres => {
            "SELECT :t AS t, :i AS i, :f AS f, :b AS b, :d AS d, :n AS n, array_to_json(:l)::text AS l"
        }
    };
    let params = [
        ("t", SqlType::Text, false),
        ("i", SqlType::Int, false),
        ("f", SqlType::Float, false),
        ("b", SqlType::Bool, false),
        ("d", SqlType::Date, false),
        ("n", SqlType::Int, false),
        ("l", SqlType::Text, true),
    ];
    let text = |text: &str| SqlValue::Text(text.to_owned());
    for evil in
        ["x", "'; DROP TABLE events; --", "a\"b\\c,{d}", "", "NULL", "ä\u{202e}😀", "$1 :t ?1"]
    {
        let values = vec![
            text(evil),
            SqlValue::Int(i64::MIN),
            SqlValue::Float(0.1),
            SqlValue::Bool(true),
            text("2024-02-29"),
            SqlValue::Null,
            SqlValue::List(vec![text(evil), text("b")]),
        ];
        let statement = statement(dialect, sql, &params);
        let ask = SqlAsk { statement, values, limits: LIMITS, plan: SqlPlan::Kept };
        let found = cells(reader.read_sql(ask).await).await.unwrap();
        let list = serde_json::to_string(&[evil, "b"]).unwrap();
        let is_true = if dialect == Dialect::Sqlite { "=1" } else { "=true" };
        let expected = [
            format!("'{evil}"),
            "=-9223372036854775808".to_owned(),
            "=0.1".to_owned(),
            is_true.to_owned(),
            "'2024-02-29".to_owned(),
            "-".to_owned(),
            format!("'{list}"),
        ];
        assert_eq!(found, expected);
    }
}

pub(crate) async fn columns_are_told_even_without_rows(reader: &dyn SqlReader, dialect: Dialect) {
    let sql = "SELECT 1 AS one, 'x' AS \"a b\" WHERE 1 = 2";
    for plan in [SqlPlan::Once, SqlPlan::Kept, SqlPlan::Generic] {
        let rows = reader.read_sql(SqlAsk { plan, ..ask(dialect, sql) }).await.unwrap();
        let names: Vec<_> = rows.columns.iter().map(|column| column.name.clone()).collect();
        assert_eq!(names, ["one", "a b"], "{plan:?}");
        assert_eq!(cells(Ok(rows)).await, Ok(Vec::new()));
    }
    let looked = reader.check_sql(statement(dialect, sql, &[])).await.unwrap();
    assert_eq!(looked.iter().map(|column| &*column.name).collect::<Vec<_>>(), ["one", "a b"]);
}

pub(crate) async fn what_is_wrong_is_said_and_harms_nobody(
    reader: &dyn SqlReader,
    dialect: Dialect,
) {
    for sql in [
        "SELECT nothing FROM nowhere",
        "SELECT 1 FROM",
        "WITH x AS (SELECT 1) DELETE FROM eyas.events",
        "WITH x AS (SELECT 1) INSERT INTO eyas.events SELECT 1",
        "EXPLAIN DELETE FROM nowhere",
    ] {
        let checked = reader.check_sql(statement(dialect, sql, &[])).await;
        assert!(checked.is_err() || dialect == Dialect::Postgres, "{sql}");
        let found = cells(reader.read_sql(ask(dialect, sql)).await).await;
        let is_said = matches!(&found, Err(SqlError::Refused(words) | SqlError::Failed(words)) if !words.is_empty());
        assert!(is_said, "{sql}: {found:?}");
        works(reader, dialect).await;
    }
}

pub(crate) async fn what_takes_too_long_ends(reader: &dyn SqlReader, dialect: Dialect) {
    let begun = Instant::now();
    let time_max = Duration::from_millis(200);
    let limits = SqlLimits { time_max, ..LIMITS };
    let found = cells(reader.read_sql(SqlAsk { limits, ..ask(dialect, ENDLESS) }).await).await;
    assert_eq!(found, Err(SqlError::Timeout(time_max)));
    assert!(begun.elapsed() < Duration::from_secs(15));
    works(reader, dialect).await;
}

pub(crate) async fn rows_and_bytes_are_limited(reader: &dyn SqlReader, dialect: Dialect) {
    for (rows_max, is_cut) in [(5_000_000, false), (3, true), (70_000, true)] {
        let ask = ask(dialect, LONG);
        let limits = SqlLimits { rows_max, ..LIMITS };
        let mut rows = reader.read_sql(SqlAsk { limits, ..ask }).await.unwrap();
        let (mut n_rows, mut was_cut) = (0, false);
        while let Some(piece) = rows.next().await.unwrap() {
            assert!(!was_cut && piece.size_bytes() < 128 << 10);
            n_rows += piece.cells().count() as u64;
            was_cut = piece.is_cut;
        }
        assert_eq!((n_rows, was_cut), (rows_max, is_cut));
    }
    // Nothing is not for nothing.
    let nulls = LONG.replace("SELECT i FROM n", "SELECT NULL AS a, '' AS b FROM n");
    for sql in [LONG, &nulls] {
        let limits = SqlLimits { bytes_max: 100_000, ..LIMITS };
        let found = cells(reader.read_sql(SqlAsk { limits, ..ask(dialect, sql) }).await).await;
        assert_eq!(found, Err(SqlError::TooBig(100_000)));
    }
    let mut rows = reader.read_sql(ask(dialect, &nulls)).await.unwrap();
    while let Some(piece) = rows.next().await.unwrap() {
        assert!(piece.cells().count() <= 16 << 10, "a piece is a piece, whatever is in it");
    }
    works(reader, dialect).await;
}

pub(crate) async fn an_answer_that_nobody_takes_is_given_up(
    reader: &dyn SqlReader,
    dialect: Dialect,
) {
    // Far more than there are connections: each must come back.
    for _ in 0..40 {
        let mut rows = reader.read_sql(ask(dialect, LONG)).await.unwrap();
        assert!(rows.next().await.unwrap().is_some());
        drop(rows);
    }
    works(reader, dialect).await;
    let limits = SqlLimits { hold_max: Duration::from_millis(50), ..LIMITS };
    let mut rows = reader.read_sql(SqlAsk { limits, ..ask(dialect, LONG) }).await.unwrap();
    assert!(rows.next().await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ended = loop {
        match rows.next().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(ended, Err(SqlError::Failed(_))), "what breaks off is no end: {ended:?}");
    works(reader, dialect).await;
}

pub(crate) async fn a_plan_is_told_and_nothing_runs(reader: &dyn SqlReader, dialect: Dialect) {
    let params =
        [("t", SqlType::Text, false), ("d", SqlType::Date, false), ("l", SqlType::Int, true)];
    let mut sql =
        "SELECT o.name, :t AS t, :d AS d FROM (SELECT 'x' AS name UNION ALL SELECT :t) AS o
        WHERE EXISTS (SELECT 1 FROM json_each(:l) AS each) ORDER BY o.name DESC"
            .to_owned();
    if dialect == Dialect::Postgres {
        sql = sql.replace("json_each(:l)", "unnest(:l)");
    }
    let evil = "'; DROP TABLE events; --".to_owned();
    let numbers = SqlValue::List(vec![SqlValue::Int(1)]);
    let values = vec![SqlValue::Text(evil), SqlValue::Text("2024-02-29".to_owned()), numbers];
    for plan in [SqlPlan::Once, SqlPlan::Kept, SqlPlan::Generic] {
        let (statement, values) = (statement(dialect, &sql, &params), values.clone());
        let lines =
            reader.plan_sql(SqlAsk { statement, values, limits: LIMITS, plan }).await.unwrap();
        assert!(lines.len() > 2 && lines.iter().all(|line| !line.trim().is_empty()), "{lines:#?}");
        assert!(lines.iter().any(|line| line.starts_with("  ")), "{lines:#?}");
        // One that would never end is planned at once.
        let endless = SqlAsk { plan, ..ask(dialect, ENDLESS) };
        assert!(!reader.plan_sql(endless).await.unwrap().is_empty());
        for sql in [
            "SELECT nothing FROM nowhere",
            "WITH x AS (SELECT 1) DELETE FROM eyas.events",
            "EXPLAIN SELECT 1",
        ] {
            let found = reader.plan_sql(SqlAsk { plan, ..ask(dialect, sql) }).await;
            assert!(matches!(found, Err(SqlError::Refused(_))), "{sql}: {found:?}");
        }
        works(reader, dialect).await;
    }
}

//! `SqlReader` on PostgreSQL: the promises of every driver, its own fences, and backends that die.

use std::time::Duration;

use testbed::{Database, Postgres};

use crate::postgres::sql::PostgresSql;
use crate::sql::{SqlAsk, SqlError, SqlLimits, SqlPlan, SqlReader as _};
use crate::statement::{Dialect, SqlType};
use crate::tests::conformance::sql::{self, LIMITS, ask, cells, statement};

const POSTGRES: Dialect = Dialect::Postgres;

fn fresh() -> (PostgresSql, Database) {
    let database = Postgres::shared().create_database();
    (PostgresSql::open(&database.url(), None).unwrap(), database)
}

macro_rules! promises {
    ($($promise:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (reader, _database) = fresh();
                sql::$promise(&reader, POSTGRES).await;
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
async fn values_are_told_with_all_their_digits() {
    let (reader, _database) = fresh();
    let sql = "SELECT * FROM (VALUES
        (9007199254740993::int8, 1::int2, true, '{\"a\": 1.0}'::json, '[1, 2]'::jsonb, 0.1::float4, 1e300::float8),
        (-1, -2, false, '1', 'null', 'NaN', '-Infinity')) AS v";
    #[rustfmt::skip]
    let expected = [
        "=9007199254740993", "=1", "=true", "={\"a\": 1.0}", "=[1, 2]", "=0.1", "=1e300",
        "=-1", "=-2", "=false", "=1", "=null", "'NaN", "'-Infinity",
    ];
    assert_eq!(cells(reader.read_sql(ask(POSTGRES, sql)).await).await.unwrap(), expected);
    for (given, expected) in [
        ("0", "=0"),
        ("0.00", "=0.00"),
        ("-0.00010", "=-0.00010"),
        ("12345678901234567890.123456789", "=12345678901234567890.123456789"),
        ("100000000", "=100000000"),
        ("0.000000001", "=0.000000001"),
        ("10000.5", "=10000.5"),
        ("NaN", "'NaN"),
        ("123456789012345678901234567890e10", "=1234567890123456789012345678900000000000"),
    ] {
        let sql = format!("SELECT '{given}'::numeric");
        let found = cells(reader.read_sql(ask(POSTGRES, &sql)).await).await.unwrap();
        assert_eq!(found, [expected], "{given}");
    }
    for (given, expected) in [
        ("'2024-02-29'::date", "'2024-02-29"),
        ("'0001-01-01'::date", "'0001-01-01"),
        ("'9999-12-31'::date", "'9999-12-31"),
        ("'1999-12-31'::date", "'1999-12-31"),
        ("'infinity'::date", "'infinity"),
        ("'2026-11-01 08:00:00.25+01'::timestamptz", "'2026-11-01T07:00:00.250000Z"),
        ("'1969-12-31 23:59:59'::timestamp", "'1969-12-31T23:59:59.000000"),
        ("'08:09:10'::time", "'08:09:10.000000"),
        ("'0B3F6A52-0000-4000-8000-00000000000A'::uuid", "'0b3f6a52-0000-4000-8000-00000000000a"),
        ("'\\x00ff'::bytea", "'\\x00ff"),
        ("ARRAY[[1,2],[3,NULL]]", "=[[1,2],[3,null]]"),
        ("ARRAY['a\"b', NULL]", "=[\"a\\\"b\",null]"),
        ("'{}'::int[]", "=[]"),
        ("'x'::varchar(3)", "'x"),
        ("ARRAY['2024-02-29'::date]", "=[\"2024-02-29\"]"),
        ("NULL::int", "-"),
    ] {
        let found = cells(reader.read_sql(ask(POSTGRES, &format!("SELECT {given}"))).await).await;
        assert_eq!(found.unwrap(), [expected], "{given}");
    }
    let found = reader.check_sql(statement(POSTGRES, "SELECT '1 day'::interval AS i", &[])).await;
    assert!(
        matches!(&found, Err(SqlError::Refused(words)) if words.contains("i::text")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_statement_is_looked_at_where_it_runs() {
    let (reader, database) = fresh();
    database.sql(&format!(
        "CREATE SCHEMA eyas; CREATE TABLE eyas.ours (n int);
         CREATE SCHEMA away; CREATE TABLE away.theirs (n int);
         ALTER DATABASE {} SET search_path = away",
        database.name()
    ));
    for (table, is_seen) in [("ours", true), ("theirs", false)] {
        let sql = format!("SELECT n FROM {table}");
        let looked = reader.check_sql(statement(POSTGRES, &sql, &[])).await;
        let found = cells(reader.read_sql(ask(POSTGRES, &sql)).await).await;
        assert_eq!((looked.is_ok(), found.is_ok()), (is_seen, is_seen), "{looked:?} {found:?}");
    }
}

#[tokio::test]
async fn lists_are_arrays_and_types_are_told() {
    let (reader, _database) = fresh();
    let text = "SELECT n FROM generate_series(1, 9) AS n WHERE n = ANY(:n) ORDER BY n";
    let statement = statement(POSTGRES, text, &[("n", SqlType::Int, true)]);
    let numbers = [3, 1, 99].map(crate::sql::SqlValue::Int).to_vec();
    let values = vec![crate::sql::SqlValue::List(numbers)];
    let ask = SqlAsk { statement, values, limits: LIMITS, plan: SqlPlan::Kept };
    assert_eq!(cells(reader.read_sql(ask).await).await.unwrap(), ["=1", "=3"]);
}

#[tokio::test]
async fn nothing_is_written_and_nothing_outlives_a_statement() {
    let (reader, database) = fresh();
    database.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    for sql in [
        "WITH x AS (DELETE FROM t RETURNING n) SELECT n FROM x",
        "WITH x AS (INSERT INTO t VALUES (2) RETURNING n) SELECT n FROM x",
        "SELECT nextval('pg_catalog.no_such')",
        "EXPLAIN ANALYZE DELETE FROM t",
        "SELECT n FROM t FOR UPDATE",
    ] {
        let found = cells(reader.read_sql(ask(POSTGRES, sql)).await).await;
        assert!(matches!(found, Err(SqlError::Refused(_))), "{sql}: {found:?}");
    }
    for (plan, wanted) in [(SqlPlan::Generic, "'force_generic_plan"), (SqlPlan::Kept, "'auto")] {
        let asked = SqlAsk { plan, ..ask(POSTGRES, "SELECT current_setting('plan_cache_mode')") };
        assert_eq!(cells(reader.read_sql(asked).await).await.unwrap(), [wanted]);
    }
    // What a statement sets is gone after it, also for the next one on the same connection.
    for plan in [SqlPlan::Kept, SqlPlan::Generic, SqlPlan::Once] {
        let sets = "SELECT set_config('search_path', 'pg_temp', false), set_config('statement_timeout', '0', false)";
        let set = SqlAsk { plan, ..ask(POSTGRES, sets) };
        cells(reader.read_sql(set).await).await.unwrap();
        for _ in 0..3 {
            let found = cells(reader.read_sql(ask(POSTGRES, "SELECT n FROM t")).await).await;
            assert_eq!(found.unwrap(), ["=1"]);
        }
    }
    // From version 16 on the server refuses it, before that it is rolled back.
    let _ = cells(reader.read_sql(ask(POSTGRES, "SELECT lo_create(0)")).await).await;
    assert_eq!(database.sql("SELECT count(*) FROM pg_largeobject_metadata").trim(), "0");
    assert_eq!(database.sql("SELECT count(*) FROM t").trim(), "1");
}

#[tokio::test]
async fn a_plan_is_the_one_that_the_run_has() {
    let (reader, database) = fresh();
    database.sql(
        "CREATE TABLE t (code text, n int); CREATE INDEX t_code ON t (code);
         INSERT INTO t SELECT CASE n WHEN 1 THEN 'rare' ELSE 'common' END, n FROM generate_series(1, 20000) n;
         ANALYZE t",
    );
    let plan = async |value: &str, plan| {
        let statement = statement(
            POSTGRES,
            "SELECT n FROM t WHERE code = :code",
            &[("code", SqlType::Text, false)],
        );
        let values = vec![crate::sql::SqlValue::Text(value.to_owned())];
        let told = reader.plan_sql(SqlAsk { statement, values, limits: LIMITS, plan }).await;
        told.unwrap().join("\n")
    };
    assert!(plan("rare", SqlPlan::Kept).await.contains("t_code"));
    let common = plan("common", SqlPlan::Kept).await;
    assert!(common.contains("Seq Scan") && common.contains("'common'"), "{common}");
    // One for any values, and it says so again: nothing of the first is left.
    let any = plan("rare", SqlPlan::Generic).await;
    assert!(any.contains("code = $1"), "{any}");
    assert_eq!(plan("common", SqlPlan::Generic).await, any);
    // A function that takes long while the planner weighs it is ended like any other.
    database.sql(
        "CREATE FUNCTION slow() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(20)'",
    );
    let limits = SqlLimits { time_max: Duration::from_millis(100), ..LIMITS };
    let slow = SqlAsk { limits, ..ask(POSTGRES, "SELECT n FROM t WHERE n = slow()") };
    assert_eq!(reader.plan_sql(slow).await, Err(SqlError::Timeout(limits.time_max)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_backends_are_replaced() {
    let (reader, database) = fresh();
    let kill = || {
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    };
    let one = || async { cells(reader.read_sql(ask(POSTGRES, "SELECT 1")).await).await };
    // Several idle connections, all of them killed.
    let many = (0..8).map(|_| reader.read_sql(ask(POSTGRES, "SELECT pg_sleep(0.05)::text")));
    for found in futures_util::future::join_all(many).await {
        cells(found).await.unwrap();
    }
    for _ in 0..3 {
        kill();
        assert_eq!(one().await.unwrap(), ["=1"]);
    }
    // One that is killed while it works runs again elsewhere.
    let slow = ask(POSTGRES, "SELECT 'done' FROM pg_sleep(0.5)");
    let slow = tokio::join!(async { cells(reader.read_sql(slow).await).await }, async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        kill();
    });
    assert_eq!(slow.0.unwrap(), ["'done"]);
}

#[tokio::test]
async fn a_changed_table_is_read_as_it_is_now() {
    let (reader, database) = fresh();
    database.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    let all = || async { cells(reader.read_sql(ask(POSTGRES, "SELECT * FROM t")).await).await };
    assert_eq!(all().await.unwrap(), ["=1"]);
    database.sql("ALTER TABLE t ADD COLUMN d date DEFAULT '2021-01-08'");
    assert_eq!(all().await.unwrap(), ["=1", "'2021-01-08"]);
    database.sql("DROP TABLE t");
    assert!(matches!(all().await, Err(SqlError::Refused(_))));
    database.sql("CREATE TABLE t (n text); INSERT INTO t VALUES ('x')");
    assert_eq!(all().await.unwrap(), ["'x"]);
}

#[tokio::test]
async fn a_statement_that_is_given_up_ends_on_the_server() {
    let (reader, database) = fresh();
    let limits = SqlLimits { time_max: Duration::from_millis(100), bytes_max: u64::MAX, ..LIMITS };
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1::int8 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let found = reader.read_sql(SqlAsk { limits, ..ask(POSTGRES, endless) }).await;
    assert_eq!(found.err(), Some(SqlError::Timeout(limits.time_max)));
    let end = std::time::Instant::now() + Duration::from_secs(20);
    let n_active = || {
        database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'WITH RECURSIVE%'",
        )
    };
    while n_active().trim() != "0" {
        assert!(std::time::Instant::now() < end, "it still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be() {
    let reader = PostgresSql::open("postgres://nobody@127.0.0.1:1/x", None).unwrap();
    let found = reader.read_sql(ask(POSTGRES, "SELECT 1")).await.err();
    assert!(
        matches!(&found, Some(SqlError::Unavailable(words)) if words.contains("127.0.0.1:1/x")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_server_that_takes_connections_and_says_nothing_is_not_busy() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = silent.local_addr().unwrap();
    let reader = PostgresSql::open(&format!("postgres://nobody@{here}/x"), None).unwrap();
    let limits = SqlLimits { time_max: Duration::from_millis(100), ..LIMITS };
    let found = reader.read_sql(SqlAsk { limits, ..ask(POSTGRES, "SELECT 1") }).await.err();
    assert!(
        matches!(&found, Some(SqlError::Unavailable(words)) if words.contains("does not answer")),
        "{found:?}"
    );
}

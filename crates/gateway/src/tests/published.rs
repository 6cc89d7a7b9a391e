//! What the gateway of the tests publishes.

use std::sync::Arc;
use std::time::Duration;

use store::{Dialect, SqlLimits, SqlParam, SqlPlan, Statement};

use crate::queries::describe::parse_kind;
use crate::queries::published::{Queries, QueryAccess, QueryOptions, QueryParam};
use crate::queries::values::read_param;

const LIMITS: SqlLimits = SqlLimits {
    time_max: Duration::from_secs(5),
    hold_max: Duration::from_secs(5),
    rows_max: 1_000,
    bytes_max: 1 << 20,
};
const SERIES: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n) \
    SELECT i, 'x' || i AS t FROM n";
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n";

/// A parameter: `name type`, `name type?` where it is optional, `name type=value` with a default.
pub(crate) fn param(text: &str) -> QueryParam {
    let (name, kind) = text.split_once(' ').unwrap();
    let (kind, default) =
        kind.split_once('=').map_or((kind, None), |(kind, value)| (kind, Some(value)));
    let bare = kind.strip_suffix('?').unwrap_or(kind);
    let kind_of = parse_kind(bare).unwrap();
    let read = |text: &str| {
        let texts = vec![text.to_owned()];
        (read_param(kind_of, &texts).unwrap(), texts)
    };
    QueryParam {
        name: name.to_owned(),
        kind: kind_of,
        default: default.map(read),
        is_optional: kind.ends_with('?'),
        description: "A test.".to_owned(),
    }
}

/// So many rows of `what`.
fn series(n: u32, what: &str) -> String {
    SERIES.replace(":n", &n.to_string()).replace("i, 'x' || i AS t", what)
}

fn query(name: &str, sql: &str, params: &[&str], access: QueryAccess) -> QueryOptions {
    let params: Vec<_> = params.iter().map(|text| param(text)).collect();
    let declared =
        params.iter().map(|param| SqlParam { name: param.name.clone(), kind: param.kind });
    let statement = Statement::parse(Dialect::Sqlite, sql, declared.collect()).unwrap();
    QueryOptions {
        name: name.to_owned(),
        path: format!("/my/{name}"),
        description: "Of a test.".to_owned(),
        params,
        access,
        cache: (name == "series").then(|| Duration::from_mins(1)),
        limits: match name {
            "endless" => SqlLimits { time_max: Duration::from_millis(50), ..LIMITS },
            "long" => SqlLimits { time_max: Duration::from_mins(5), ..LIMITS },
            "slow" => SqlLimits { hold_max: Duration::from_mins(5), ..LIMITS },
            _ => LIMITS,
        },
        plan: SqlPlan::Kept,
        statement: Arc::new(statement),
        sql: sql.to_owned(),
    }
}

/// Queries of each kind.
pub(crate) fn published() -> Queries {
    let public = QueryAccess::Public;
    let all = vec![
        query(
            "echo",
            "SELECT :t AS t, :d AS d, :i AS i",
            &["t text", "d date?", "i int=7"],
            public,
        ),
        query("codes", "SELECT value AS code FROM json_each(:codes)", &["codes text[]"], public),
        query("some", "SELECT value AS code FROM json_each(:codes)", &["codes text[]=x"], public),
        query("series", SERIES, &["n int"], public),
        query("endless", ENDLESS, &[], public),
        query("fails", "SELECT json(:t) AS j", &["t text"], public),
        query(
            "numbers",
            "SELECT 9007199254740993 AS big, '=1+1' AS f, -1 AS neg, NULL AS empty",
            &[],
            public,
        ),
        query("nulls", &series(999, &vec!["NULL"; 200].join(", ")), &[], public),
        query("names", &series(999, &format!("1 AS \"{}\"", "n".repeat(2_000))), &[], public),
        query(
            "escapes",
            &series(5, "replace(hex(zeroblob(50000)), '00', char(1) || 'xxx')"),
            &[],
            public,
        ),
        query("a", "SELECT id FROM eyas.events WHERE id = :id", &["id text"], public),
        query("read", "SELECT 1 AS one", &[], QueryAccess::Read),
        query("long", ENDLESS, &[], public),
        query("slow", &SERIES.replace(":n", "1000000000"), &[], public),
        query("admin", "SELECT 1 AS one", &[], QueryAccess::Admin),
        query("broken", "SELECT 1 FROM nowhere", &[], public),
    ];
    Queries::new(Dialect::Sqlite, all, Some(SqlLimits { rows_max: 3, ..LIMITS }))
}

//! `[queries.X]` and `[sql]` of the configuration: SQL files that are published as endpoints, and what administrators may ask.
//!
//! ```toml
//! [queries.rates]
//! path = "/rates"
//! sqlite = "queries/rates.sqlite.sql"     # one of the two, or both: that of the database is used
//! postgres = "queries/rates.postgres.sql"
//! params = { date_from = "date", codes = "text[]", limit = { type = "int", default = 10 } }
//! public = true                           # else scope = "read" (the default) or "admin"
//! cache = "60s"                           # else clients ask again each time, with the ETag
//! timeout = "5s"
//! rows_max = 10000
//! plan = "generic"                        # PostgreSQL plans it once for any values; else "auto"
//! description = "…"
//! ```
//!
//! Everything is read, and each statement taken apart, before anything is used; `eyas query check` asks the database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway::{Queries, QueryAccess, QueryOptions, QueryParam, check_path, parse_kind, read_param};
use store::{
    Dialect, STATEMENT_BYTES_MAX, STATEMENT_PARAMS_MAX, SqlLimits, SqlParam, SqlPlan, Statement,
};

use crate::spelling::nearest;
use crate::tables_config::read_text;
use crate::units;

const KEYS: [&str; 11] = [
    "path",
    "sqlite",
    "postgres",
    "params",
    "public",
    "scope",
    "cache",
    "timeout",
    "rows_max",
    "plan",
    "description",
];
const PARAM_KEYS: [&str; 4] = ["type", "default", "optional", "description"];
/// Queries of one configuration.
const QUERIES_MAX: usize = 1_000;
const NAME_BYTES_MAX: usize = 63;
/// Where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);
const ROWS: u64 = 10_000;
/// Of `POST /sql`.
const SQL_ROWS: u64 = 1_000;
/// Each run holds a connection to the database.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);
const ROWS_MAX: u64 = 1_000_000;
/// Of one answer in JSON or CSV, which is whole in memory.
const BYTES_MAX: u64 = 8 << 20;
/// How long a client may hold up its lines, all in all.
const HOLD_MAX: Duration = Duration::from_mins(1);
/// A year.
const CACHE_MAX: Duration = Duration::from_hours(24 * 365);

/// One query, with a statement for each database that it has one for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConfiguredQuery {
    /// Its name.
    pub(crate) name: String,
    path: String,
    description: String,
    params: Vec<QueryParam>,
    access: QueryAccess,
    cache: Option<Duration>,
    timeout: Duration,
    rows_max: u64,
    plan: SqlPlan,
    files: BTreeMap<&'static str, QueryFile>,
}

/// One SQL file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QueryFile {
    /// As the configuration names it.
    pub(crate) file: String,
    sql: String,
    /// What it says.
    pub(crate) statement: Arc<Statement>,
}

impl ConfiguredQuery {
    /// Its file for a database that speaks `dialect`.
    pub(crate) fn file(&self, dialect: Dialect) -> Option<&QueryFile> {
        self.files.get(dialect.as_str())
    }

    fn options(&self, dialect: Dialect) -> Option<QueryOptions> {
        let file = self.file(dialect)?;
        Some(QueryOptions {
            name: self.name.clone(),
            path: self.path.clone(),
            description: self.description.clone(),
            params: self.params.clone(),
            access: self.access,
            cache: self.cache,
            limits: limits(self.timeout, self.rows_max),
            plan: self.plan,
            statement: Arc::clone(&file.statement),
            sql: file.sql.clone(),
        })
    }
}

/// What the edge publishes on a database that speaks `dialect`.
pub(crate) fn published(
    dialect: Dialect,
    queries: &[ConfiguredQuery],
    sql: Option<SqlLimits>,
) -> Queries {
    let options = queries.iter().filter_map(|query| query.options(dialect));
    Queries::new(of_store(dialect), options.collect(), sql)
}

/// What `[sql]` says, by its keys' texts; `None` where it is switched off. The error is a key and what is wrong with it.
pub(crate) fn sql<'a>(
    text: impl Fn(&'static str) -> Option<&'a str>,
) -> Result<Option<SqlLimits>, (&'static str, String)> {
    let enabled = match text("sql.enabled") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(("sql.enabled", "must be true or false".to_owned())),
    };
    let timeout =
        text("sql.timeout").map(timeout).transpose().map_err(|words| ("sql.timeout", words))?;
    let rows_max =
        text("sql.rows_max").map(rows).transpose().map_err(|words| ("sql.rows_max", words))?;
    let limits = limits(timeout.unwrap_or(TIMEOUT), rows_max.unwrap_or(SQL_ROWS));
    Ok(enabled.then_some(limits))
}

fn limits(time_max: Duration, rows_max: u64) -> SqlLimits {
    SqlLimits { time_max, hold_max: HOLD_MAX, rows_max, bytes_max: BYTES_MAX }
}

fn of_store(dialect: Dialect) -> store::Dialect {
    match dialect {
        Dialect::Sqlite => store::Dialect::Sqlite,
        Dialect::Postgres => store::Dialect::Postgres,
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let good = units::duration(text).filter(|time| !time.is_zero() && *time <= TIMEOUT_MAX);
    good.ok_or_else(|| "must be a time with its unit of at most 1m, like 500ms or 5s".to_owned())
}

fn rows(text: &str) -> Result<u64, String> {
    let good = text.parse().ok().filter(|rows| (1..=ROWS_MAX).contains(rows));
    good.ok_or_else(|| format!("must be a number from 1 to {ROWS_MAX}"))
}

/// Reads the value of `queries` in the configuration file `path`; what is wrong goes to `problems`.
pub(crate) fn read(
    value: &toml::Value,
    path: &Path,
    problems: &mut Vec<String>,
) -> Vec<ConfiguredQuery> {
    let file = path.display();
    let tables = value.as_table().filter(|all| all.values().all(toml::Value::is_table));
    let Some(tables) = tables.filter(|tables| tables.len() <= QUERIES_MAX) else {
        problems.push(format!(
            "{file}: queries are written as [queries.NAME], at most {QUERIES_MAX} of them"
        ));
        return Vec::new();
    };
    let mut all: Vec<ConfiguredQuery> = Vec::new();
    for (name, table) in tables {
        let Some(table) = table.as_table() else { continue };
        let mut wrong = Vec::new();
        let read = read_one(name, table, path.parent().unwrap_or(Path::new(".")), &mut wrong);
        if let Some(query) = read {
            if let Some(other) = all.iter().find(|other| other.path == query.path) {
                wrong.push(format!(
                    "path = {:?} is that of [queries.{}] already",
                    query.path, other.name
                ));
            }
            all.push(query);
        }
        problems
            .extend(wrong.into_iter().map(|words| format!("{file}: [queries.{name}]: {words}")));
    }
    all
}

/// `None` where something is wrong that the rest depends on.
fn read_one(
    name: &str,
    table: &toml::Table,
    base: &Path,
    wrong: &mut Vec<String>,
) -> Option<ConfiguredQuery> {
    let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == '-';
    if name.len() > NAME_BYTES_MAX
        || !name.starts_with(|sign: char| sign.is_ascii_alphabetic())
        || !name.chars().all(is_name)
    {
        wrong.push(format!(
            "a name is a letter, then letters, digits, _ and -, at most {NAME_BYTES_MAX} in all"
        ));
    }
    wrong.extend(unknown(table, &KEYS));
    let mut text = |key: &str| match table.get(key) {
        None => None,
        Some(toml::Value::String(text)) => Some(text.clone()),
        Some(toml::Value::Integer(number)) if key == "rows_max" => Some(number.to_string()),
        Some(_) => {
            wrong.push(format!("`{key}` must be a text"));
            None
        }
    };
    let (path, description) = (text("path"), text("description").unwrap_or_default());
    let files = [(Dialect::Sqlite, text("sqlite")), (Dialect::Postgres, text("postgres"))];
    let (scope, cache, time, rows_max, plan) =
        (text("scope"), text("cache"), text("timeout"), text("rows_max"), text("plan"));
    let path = path.unwrap_or_default();
    if let Err(words) = check_path(&path) {
        wrong.push(format!("path = {path:?} {words}"));
    }
    let mut keep = |key: &str, error: String| wrong.push(format!("`{key}` {error}"));
    let access = access(table.get("public"), scope.as_deref())
        .map_err(|words| keep("public", words))
        .ok()?;
    let cache =
        cache.map(|text| cache_of(&text)).transpose().map_err(|words| keep("cache", words)).ok()?;
    let timeout =
        time.map(|text| timeout(&text)).transpose().map_err(|words| keep("timeout", words)).ok()?;
    let rows_max = rows_max
        .map(|text| rows(&text))
        .transpose()
        .map_err(|words| keep("rows_max", words))
        .ok()?;
    let plan = plan_of(plan.as_deref()).map_err(|words| keep("plan", words)).ok()?;
    let params = params(table.get("params"), wrong)?;
    let files = statements(files, &params, base, wrong);
    Some(ConfiguredQuery {
        name: name.to_owned(),
        path,
        description,
        params,
        access,
        cache,
        timeout: timeout.unwrap_or(TIMEOUT),
        rows_max: rows_max.unwrap_or(ROWS),
        plan,
        files,
    })
}

fn unknown(table: &toml::Table, known: &[&'static str]) -> Option<String> {
    let unknown = table.keys().find(|key| !known.contains(&key.as_str()))?;
    Some(format!(
        "unknown key `{unknown}`; did you mean `{}`?",
        nearest(unknown, known.iter().copied())
    ))
}

fn access(public: Option<&toml::Value>, scope: Option<&str>) -> Result<QueryAccess, String> {
    match (public, scope) {
        (None | Some(toml::Value::Boolean(false)), None | Some("read")) => Ok(QueryAccess::Read),
        (None | Some(toml::Value::Boolean(false)), Some("admin")) => Ok(QueryAccess::Admin),
        (Some(toml::Value::Boolean(true)), None) => Ok(QueryAccess::Public),
        (Some(toml::Value::Boolean(true)), Some(_)) => {
            Err("= true leaves no room for a scope".to_owned())
        }
        (Some(toml::Value::Boolean(_)) | None, Some(_)) => {
            Err("aside, `scope` must be \"read\" or \"admin\"".to_owned())
        }
        (Some(_), _) => Err("must be true or false".to_owned()),
    }
}

fn plan_of(text: Option<&str>) -> Result<SqlPlan, String> {
    match text {
        None | Some("auto") => Ok(SqlPlan::Kept),
        Some("generic") => Ok(SqlPlan::Generic),
        Some(_) => Err("must be \"auto\" or \"generic\"".to_owned()),
    }
}

fn cache_of(text: &str) -> Result<Duration, String> {
    let good =
        units::duration(text).filter(|time| *time >= Duration::from_secs(1) && *time <= CACHE_MAX);
    good.ok_or_else(|| "must be a time with its unit from 1s to 365d, like 60s".to_owned())
}

fn params(value: Option<&toml::Value>, wrong: &mut Vec<String>) -> Option<Vec<QueryParam>> {
    let Some(value) = value else { return Some(Vec::new()) };
    let table = value.as_table().filter(|table| table.len() <= STATEMENT_PARAMS_MAX);
    let Some(table) = table else {
        wrong.push(format!(
            "`params` must be a table of at most {STATEMENT_PARAMS_MAX} names and types"
        ));
        return None;
    };
    let n_before = wrong.len();
    let mut all = Vec::new();
    for (name, value) in table {
        match param(name, value) {
            Ok(param) => all.push(param),
            Err(words) => wrong.push(format!("params.{name} {words}")),
        }
    }
    (wrong.len() == n_before).then_some(all)
}

fn param(name: &str, value: &toml::Value) -> Result<QueryParam, String> {
    let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    if name.starts_with(|sign: char| sign.is_ascii_digit())
        || !name.chars().all(is_name)
        || name.is_empty()
    {
        return Err("is no name: letters, digits and _, no digit first".to_owned());
    }
    let none = toml::Table::new();
    let (kind, more) = match value {
        toml::Value::String(kind) => (Some(kind.as_str()), &none),
        toml::Value::Table(table) => (table.get("type").and_then(toml::Value::as_str), table),
        _ => (None, &none),
    };
    let types = "one of text, int, float, bool, date, timestamp, uuid, each also as a list: text[]";
    let kind = kind.and_then(parse_kind).ok_or_else(|| format!("must have a type: {types}"))?;
    if let Some(words) = unknown(more, &PARAM_KEYS) {
        return Err(format!("has an {words}"));
    }
    let is_optional = match more.get("optional") {
        None => false,
        Some(value) => value.as_bool().ok_or("has an `optional` that is not true or false")?,
    };
    let default = match more.get("default") {
        None => None,
        Some(toml::Value::Array(values)) => Some(values.iter().map(one_text).collect()),
        Some(value) => Some(vec![one_text(value)]),
    };
    let default = default.map(|texts| {
        read_param(kind, &texts)
            .map(|value| (value, texts))
            .map_err(|words| format!("has a `default` that {words}"))
    });
    let description = match more.get("description") {
        None => String::new(),
        Some(value) => value.as_str().ok_or("has a `description` that is no text")?.to_owned(),
    };
    Ok(QueryParam {
        name: name.to_owned(),
        kind,
        default: default.transpose()?,
        is_optional,
        description,
    })
}

fn one_text(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Takes the files apart, each for its database.
fn statements(
    files: [(Dialect, Option<String>); 2],
    params: &[QueryParam],
    base: &Path,
    wrong: &mut Vec<String>,
) -> BTreeMap<&'static str, QueryFile> {
    let mut all = BTreeMap::new();
    if files.iter().all(|(_, file)| file.is_none()) {
        wrong.push(
            "there is no statement: name a file with `sqlite`, `postgres`, or both".to_owned(),
        );
    }
    for (dialect, file) in files {
        let Some(file) = file else { continue };
        let declared =
            params.iter().map(|param| SqlParam { name: param.name.clone(), kind: param.kind });
        let path = base.join(&file);
        let read = read_text(&path, STATEMENT_BYTES_MAX as u64).and_then(|sql| {
            let statement = Statement::parse(of_store(dialect), &sql, declared.collect());
            let failed = |error| format!("{}: {error}", path.display());
            Ok((statement.map_err(failed)?, sql))
        });
        match read {
            Ok((statement, sql)) => {
                all.insert(
                    dialect.as_str(),
                    QueryFile { file, sql, statement: Arc::new(statement) },
                );
            }
            Err(words) => wrong.push(words),
        }
    }
    all
}

//! A published query as it is configured, and all of them by their paths.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use meter::{Histogram, Snapshot};
use pipeline::Shares;
use store::{SqlKind, SqlLimits, SqlPlan, SqlValue, Statement};

use crate::auth::principal::Need;

/// What gives a query's rows as CSV.
pub(crate) const CSV: &str = ".csv";
/// Memory for long answers that clients are taking, shared among them: 128 MiB in units of [`ROOM_BYTES`].
const ROOM: usize = 2_048;
/// An answer shorter than this takes no room.
pub(crate) const ROOM_BYTES: usize = 64 << 10;

/// Answers of lines under way at once, shared among those who ask. Each holds one of the database's connections for queries as long as the client takes its
/// time; SQLite has eight of them and PostgreSQL sixteen, so that half of them at least are left for answers that hold none up.
pub(crate) const STREAMS_MAX: usize = 4;

/// One parameter of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryParam {
    /// Its name in the statement and in the query string.
    pub name: String,
    /// What it takes.
    pub kind: SqlKind,
    /// Its value where the request has none, and the texts that it was read from.
    pub default: Option<(SqlValue, Vec<String>)>,
    /// Null where the request has none.
    pub is_optional: bool,
    /// For people.
    pub description: String,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryAccess {
    /// Anybody.
    Public,
    /// Scope `read`, for everything.
    Read,
    /// Scope `admin`.
    Admin,
}

/// A query as it is configured.
#[derive(Clone, Debug)]
pub struct QueryOptions {
    /// Names its rows in the answer.
    pub name: String,
    /// Where it answers; [`check_path`](crate::queries::paths::check_path) has seen it.
    pub path: String,
    /// For people.
    pub description: String,
    /// In the order in which the statement declares them.
    pub params: Vec<QueryParam>,
    /// Who may ask.
    pub access: QueryAccess,
    /// How long an answer may be used again without asking.
    pub cache: Option<Duration>,
    /// What one run may cost. `rows_max` is for JSON and CSV; lines have all rows.
    pub limits: SqlLimits,
    /// What the database may remember of it.
    pub plan: SqlPlan,
    /// What runs.
    pub statement: Arc<Statement>,
    /// The statement as it stands in its file.
    pub sql: String,
}

/// A published query.
pub(crate) struct Query {
    pub(crate) options: QueryOptions,
    /// Microseconds until each answer began.
    took_us: Histogram,
    n_refused: AtomicU64,
    n_failed: AtomicU64,
}

/// What became of the requests for a query since the start.
pub(crate) struct Counts {
    /// How many were answered, and after how many microseconds.
    pub(crate) took_us: Snapshot,
    /// Whose values or rights were wrong, so that the database was not asked.
    pub(crate) n_refused: u64,
    /// For which the database had no answer: a time-out, too much of it, an error, no connection.
    pub(crate) n_failed: u64,
}

impl Query {
    /// What a request needs.
    pub(crate) fn need(&self) -> Need {
        match self.options.access {
            QueryAccess::Public => Need::Nothing,
            QueryAccess::Read => Need::Read,
            QueryAccess::Admin => Need::Admin,
        }
    }

    fn new(options: QueryOptions) -> Self {
        let number = || AtomicU64::new(0);
        Self { options, took_us: Histogram::default(), n_refused: number(), n_failed: number() }
    }

    /// One answer has begun after this time.
    pub(crate) fn count(&self, took: Duration) {
        self.took_us.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// One request was refused before the database was asked.
    pub(crate) fn count_refused(&self) {
        self.n_refused.fetch_add(1, Relaxed);
    }

    /// The database had no answer to one request.
    pub(crate) fn count_failed(&self) {
        self.n_failed.fetch_add(1, Relaxed);
    }

    /// All of them.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            took_us: self.took_us.snapshot(),
            n_refused: self.n_refused.load(Relaxed),
            n_failed: self.n_failed.load(Relaxed),
        }
    }
}

/// What the edge knows of SQL: the published queries, and whether administrators may ask what they like.
pub struct Queries {
    all: Vec<Arc<Query>>,
    by_path: HashMap<String, (usize, bool)>,
    /// What `POST /sql` may cost; `None`: there is no such thing.
    pub(crate) sql: Option<SqlLimits>,
    /// How the database's SQL is read.
    pub(crate) dialect: store::Dialect,
    pub(crate) room: Arc<Shares>,
    pub(crate) streams: Arc<Shares>,
}

impl Queries {
    /// Publishes them, in this order.
    pub fn new(dialect: store::Dialect, all: Vec<QueryOptions>, sql: Option<SqlLimits>) -> Self {
        let mut by_path = HashMap::new();
        for (at, query) in all.iter().enumerate() {
            by_path.insert(query.path.clone(), (at, false));
            by_path.insert(format!("{}{CSV}", query.path), (at, true));
        }
        let all = all.into_iter().map(|options| Arc::new(Query::new(options)));
        let (room, streams) = (Shares::new(ROOM), Shares::new(STREAMS_MAX));
        Self { all: all.collect(), by_path, sql, dialect, room, streams }
    }

    /// None, and no SQL of administrators.
    pub fn none() -> Self {
        Self::new(store::Dialect::Sqlite, Vec::new(), None)
    }

    /// What answers at this path, and whether as CSV whatever the client likes.
    pub(crate) fn find(&self, path: &str) -> Option<(&Arc<Query>, bool)> {
        if self.all.is_empty() {
            return None;
        }
        let (at, is_csv) = *self.by_path.get(path.strip_suffix('/').unwrap_or(path))?;
        Some((&self.all[at], is_csv))
    }

    /// All of them, in the order of the configuration.
    pub(crate) fn all(&self) -> &[Arc<Query>] {
        &self.all
    }
}

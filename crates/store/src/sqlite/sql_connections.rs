//! Connections for statements of others: they can only read, and each is lent to one statement at a time on the blocking
//! threads. `tables.db` is the main database, the events stand in the schema `eyas`; `control.db` is not there.
//!
//! Fenced four times over: the files are opened read-only, `query_only` is on, the authorizer lets nothing through but
//! reading, and the progress handler ends what takes too long, or what nobody waits for any more. That is asked between steps
//! only, so limits keep each step short, and the built-in functions that are slow on purpose-made texts are replaced
//! ([`sql_functions`]).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::StoreError;
use crate::sql::SqlError;
use crate::sqlite::connection::opening;
use crate::sqlite::sql_functions::{self, VALUE_BYTES_MAX};
use crate::statement::{STATEMENT_BYTES_MAX, STATEMENT_PARAMS_MAX};

/// Statements at a time. Each takes a blocking thread.
pub(crate) const N_CONNECTIONS: usize = 8;
/// Statements that a connection remembers.
const STATEMENTS_KEPT: usize = 64;
/// Steps of SQLite's machine between two looks at the clock: about a microsecond of small ones. One step may be a call over texts
/// of [`VALUE_BYTES_MAX`], some milliseconds long, so there are few between two looks. (It looks where the program jumps; on
/// the straight way there are [`CALLS_MAX`] calls at most.)
const STEPS: i32 = 100;
/// Calls of functions that are written in one statement.
const CALLS_MAX: u32 = 200;
/// SQLite's memory in this process, all connections together. A statement that wants more ends; so does what the server itself
/// does then, which it tries again. Far above what the caches of all connections come to.
const HEAP_BYTES_MAX: usize = 512 << 20;

/// What a statement may use, beside what its caller says. The clock is only looked at between steps, so no step may last: a
/// pattern is compared with each place of a text, and a function may look through a text once for each argument.
const LIMITS: [(Limit, i32); 10] = [
    (Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX as i32),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, STATEMENT_BYTES_MAX as i32 * 2),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 64),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, STATEMENT_PARAMS_MAX as i32),
    (Limit::SQLITE_LIMIT_ATTACHED, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];
/// Functions that do more than to read, or whose one call lasts for seconds and takes memory without a bound.
const FUNCTIONS_DENIED: [&str; 5] =
    ["load_extension", "fts3_tokenizer", "json_patch", "jsonb_patch", "json_pretty"];
/// Pragmas that only describe.
const PRAGMAS: [&str; 8] = [
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "database_list",
];

/// The connections. They are opened when they are first needed, and again after one broke.
pub(crate) struct SqlConnections {
    tables: PathBuf,
    events: PathBuf,
    permits: Arc<Semaphore>,
    // A lock for a push or a pop; no statement runs under it.
    idle: Arc<Mutex<Vec<Fenced>>>,
}

/// A connection that can only read.
pub(crate) struct Fenced {
    pub(crate) conn: Connection,
    pub(crate) deadline: Arc<Deadline>,
}

/// When the statement that runs has to end.
pub(crate) struct Deadline {
    begun: Instant,
    at_us: AtomicU64,
    /// Numbers the statements of the connection, so that what is said of an earlier one does not end a later one.
    run: AtomicU64,
    /// The statement that nobody waits for any more.
    left_alone: AtomicU64,
    /// Calls of functions that the statement has, as far as it is read.
    n_calls: AtomicU32,
}

impl Deadline {
    fn new() -> Self {
        let number = || AtomicU64::new(0);
        Self {
            begun: Instant::now(),
            at_us: number(),
            run: number(),
            left_alone: number(),
            n_calls: AtomicU32::new(0),
        }
    }

    /// Another statement begins; its number.
    pub(crate) fn begin(&self, left: Duration) -> u64 {
        self.set(left);
        self.n_calls.store(0, Ordering::Relaxed);
        self.run.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn set(&self, left: Duration) {
        let at = (self.begun.elapsed() + left).as_micros();
        self.at_us.store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn left(&self) -> Duration {
        let at = Duration::from_micros(self.at_us.load(Ordering::Relaxed));
        at.saturating_sub(self.begun.elapsed())
    }

    fn is_over(&self) -> bool {
        let run = self.run.load(Ordering::Relaxed);
        self.left_alone.load(Ordering::Relaxed) >= run || self.left().is_zero()
    }
}

/// A statement that nobody waits for any more ends.
pub(crate) struct Watched {
    pub(crate) deadline: Arc<Deadline>,
    pub(crate) run: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.deadline.left_alone.fetch_max(self.run, Ordering::Relaxed);
    }
}

impl SqlConnections {
    /// Nothing is opened yet.
    pub(crate) fn new(dir: &Path, events_file: &str) -> Self {
        Self {
            tables: dir.join("tables.db"),
            events: dir.join(events_file),
            permits: Arc::new(Semaphore::new(N_CONNECTIONS)),
            idle: Arc::default(),
        }
    }

    /// Runs `job` on a blocking thread with a connection of its own, which goes back when it is done.
    pub(crate) async fn lend<T: Send + 'static>(
        &self,
        wait_max: Duration,
        job: impl FnOnce(&mut Fenced, Duration) -> T + Send + 'static,
    ) -> Result<JoinHandle<Result<T, StoreError>>, SqlError> {
        let asked = Instant::now();
        let permit = timeout(wait_max, Arc::clone(&self.permits).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(SqlError::Busy(N_CONNECTIONS));
        };
        let idle = Arc::clone(&self.idle);
        let (tables, events) = (self.tables.clone(), self.events.clone());
        Ok(tokio::task::spawn_blocking(move || {
            // Order matters: given back last.
            let _permit: OwnedSemaphorePermit = permit;
            let kept = idle.lock().expect("nobody panics under this lock").pop();
            let mut fenced = kept.map_or_else(|| Fenced::open(&tables, &events), Ok)?;
            let done = job(&mut fenced, wait_max.saturating_sub(asked.elapsed()));
            idle.lock().expect("nobody panics under this lock").push(fenced);
            Ok(done)
        }))
    }

    /// Waits for what runs and closes the connections. Later calls do nothing.
    pub(crate) async fn close(&self) {
        if self.permits.acquire_many(N_CONNECTIONS as u32).await.is_ok() {
            self.permits.close();
        }
        self.idle.lock().expect("nobody panics under this lock").clear();
    }
}

impl Fenced {
    fn open(tables: &Path, events: &Path) -> Result<Self, StoreError> {
        let open = || -> rusqlite::Result<Self> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            // Without tables there is no such file, and the events can still be asked for.
            let main = if tables.exists() { tables } else { Path::new(":memory:") };
            let mut conn = Connection::open_with_flags(main, flags)?;
            // An attached database is opened with the flags of the main one: for reading.
            let name = events.to_string_lossy();
            conn.execute("ATTACH DATABASE ?1 AS eyas", [&*name])?;
            conn.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")?;
            limit_heap(&conn, HEAP_BYTES_MAX)?;
            sql_functions::install(&conn)?;
            for (limit, most) in LIMITS {
                conn.set_limit(limit, most)?;
            }
            conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
            let deadline = Arc::new(Deadline::new());
            let looked_at = Arc::clone(&deadline);
            conn.progress_handler(STEPS, Some(move || looked_at.is_over()))?;
            // Order matters: from here on nothing can be set any more.
            let counted = Arc::clone(&deadline);
            conn.authorizer(Some(move |context: AuthContext<'_>| authorize(context, &counted)))?;
            Ok(Self { conn, deadline })
        };
        open().map_err(|error| opening(tables, error))
    }
}

/// Bounds SQLite's memory in this process, all connections together. It can only be lowered so.
pub(crate) fn limit_heap(conn: &Connection, n_bytes: usize) -> rusqlite::Result<()> {
    conn.execute_batch(&format!("PRAGMA hard_heap_limit = {n_bytes}"))
}

/// Only what reads.
fn authorize(context: AuthContext<'_>, deadline: &Deadline) -> Authorization {
    let is_allowed = match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => {
            deadline.n_calls.fetch_add(1, Ordering::Relaxed) < CALLS_MAX
                && !FUNCTIONS_DENIED.iter().any(|denied| denied.eq_ignore_ascii_case(function_name))
        }
        AuthAction::Pragma { pragma_name, .. } => {
            PRAGMAS.iter().any(|known| known.eq_ignore_ascii_case(pragma_name))
        }
        _ => false,
    };
    if is_allowed { Authorization::Allow } else { Authorization::Deny }
}

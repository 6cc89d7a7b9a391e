//! `SqliteStore`: three files, a writer thread for each, a few readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use model::Timestamp;
use rusqlite::Connection;

use crate::database::{DatabaseProbe, DatabaseState, now};
use crate::error::StoreError;
use crate::events::Lease;
use crate::sql::{SqlAsk, SqlColumn, SqlError, SqlReader, SqlRows};
use crate::sqlite::lease::{BATCHES_LEASE, EVENTS_LEASE};
use crate::sqlite::migrations::Schema;
use crate::sqlite::readers::Readers;
use crate::sqlite::sql::SqliteSql;
use crate::sqlite::writer::Writer;
use crate::sqlite::{connection, migrations};
use crate::statement::Statement;

/// The user's tables and what happened to their batches.
const TABLES_FILE: &str = "tables.db";
/// Connections that read what became of batches, and what the columns of tables are.
const TABLE_READERS: usize = 2;

/// Where the files are, and how many may read at once.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// An existing directory.
    pub dir: PathBuf,
    /// Name of the events database inside `dir`: `eyas.db`.
    pub events_file: String,
    /// Connections for pages, sessions and reads by id (1 to 64). One more answers `find` and `holds`.
    pub n_readers: usize,
    /// The events database's write-ahead log is copied back once it has so many bytes, if not before: at 32 MiB. A small
    /// disk has no room for that.
    pub wal_bytes_max: u64,
}

/// The store of one machine. Implements `EventStore` and `ControlStore`.
pub struct SqliteStore {
    pub(crate) writer: Writer,
    /// Pages, sessions, reads by id.
    pub(crate) readers: Readers,
    /// Look-ups that the write path waits for: they never queue behind a page.
    pub(crate) lookups: Readers,
    /// The writer of `control.db`, which also reads it: nobody waits for what stands there.
    pub(crate) control: Writer,
    /// The writer of `tables.db`: a batch of a million rows keeps it busy, and nobody else.
    pub(crate) tables: Writer,
    /// Reads of `tables.db`.
    pub(crate) table_readers: Readers,
    /// Statements of others.
    pub(crate) sql: SqliteSql,
    /// The name of this data directory.
    pub(crate) instance: String,
    opened_at: Timestamp,
}

impl DatabaseProbe for SqliteStore {
    /// A file is always there; what is wrong with it, calls say.
    fn database(&self) -> DatabaseState {
        DatabaseState {
            kind: "sqlite",
            is_up: true,
            since: self.opened_at,
            detail: None,
            version: Some(rusqlite::version().to_owned()),
        }
    }
}

impl SqliteStore {
    /// Opens or creates the events database, `tables.db` and `control.db` in `dir` and brings them to this
    /// program's schema. Blocks on the disk for some milliseconds.
    ///
    /// Errors: `Unusable` for a file that is damaged, not ours or newer, with its path and what to do;
    /// `Unavailable` while another process holds it.
    pub fn open(options: SqliteOptions) -> Result<Arc<Self>, StoreError> {
        let SqliteOptions { dir, events_file, n_readers, wal_bytes_max } = options;
        let (control, instance) = open_control(&dir.join("control.db"))?;
        let control = Writer::start(control)?;
        let path = dir.join(TABLES_FILE);
        let tables = Writer::start(open_file(&path, &migrations::TABLES, wal_bytes_max)?)?;
        let table_readers = Readers::open(&path, TABLE_READERS)?;
        let sql = SqliteSql::new(&dir, &events_file);
        let path = dir.join(events_file);
        let writer = Writer::start(open_file(&path, &migrations::EVENTS, wal_bytes_max)?)?;
        let readers = Readers::open(&path, n_readers)?;
        let lookups = Readers::open(&path, 1)?;
        Ok(Arc::new(Self {
            writer,
            readers,
            lookups,
            control,
            tables,
            table_readers,
            sql,
            instance,
            opened_at: now(),
        }))
    }

    /// Reads the lease of an events database without opening it for writing, also while a server runs. `None`: there
    /// is no such file. Blocks on the disk.
    pub fn peek(dir: &Path, events_file: &str) -> Result<Option<Lease>, StoreError> {
        let path = dir.join(events_file);
        if !path.exists() {
            return Ok(None);
        }
        EVENTS_LEASE.read(&connection::open_reader(&path)?).map(Some)
    }

    /// The same for the lane of the batches, in its own file.
    pub fn peek_lane(dir: &Path) -> Result<Option<Lease>, StoreError> {
        let path = dir.join(TABLES_FILE);
        if !path.exists() {
            return Ok(None);
        }
        BATCHES_LEASE.read(&connection::open_reader(&path)?).map(Some)
    }
}

#[async_trait]
impl SqlReader for SqliteStore {
    async fn check_sql(&self, statement: Arc<Statement>) -> Result<Vec<SqlColumn>, SqlError> {
        self.sql.check_sql(statement).await
    }

    async fn read_sql(&self, ask: SqlAsk) -> Result<SqlRows, SqlError> {
        self.sql.read_sql(ask).await
    }

    async fn plan_sql(&self, ask: SqlAsk) -> Result<Vec<String>, SqlError> {
        self.sql.plan_sql(ask).await
    }

    fn statements_max(&self) -> usize {
        self.sql.statements_max()
    }
}

/// Opens or creates a file with a long write-ahead log, and brings it to its schema.
fn open_file(path: &Path, schema: &Schema, wal_bytes_max: u64) -> Result<Connection, StoreError> {
    let mut conn = connection::open_writer(path, schema.application_id)?;
    migrations::run(&mut conn, path, schema)?;
    connection::limit_wal(&conn, wal_bytes_max)
        .map_err(|error| connection::opening(path, error))?;
    Ok(conn)
}

/// Opens or creates `control.db`, and answers with the name that it keeps.
fn open_control(path: &Path) -> Result<(Connection, String), StoreError> {
    let mut conn = connection::open_writer(path, migrations::CONTROL.application_id)?;
    migrations::run(&mut conn, path, &migrations::CONTROL)?;
    let instance = conn
        .query_row("SELECT name FROM instance WHERE id = 1", [], |row| row.get(0))
        .map_err(|error| connection::opening(path, error))?;
    Ok((conn, instance))
}

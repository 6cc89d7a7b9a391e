//! Opens one connection with the settings that the driver's promises rest on.
//!
//! Invariant: a file that is not ours is refused before anything in it changes.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::StoreError;

/// How long a statement waits for another process's lock.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
/// The smallest page that SQLite knows; a database is at least one page.
const DATABASE_BYTES_MIN: u64 = 512;
/// Page of a new file. Measured with 10,000 rows a transaction: 8 KiB pages take a quarter more rows a
/// second than 4 KiB ones; with 16 KiB a transaction of one row would write twice as much again.
const PAGE_BYTES: u32 = 8 * 1024;
/// Page cache of the writer: what a transaction of 10,000 rows touches. It fills only under load. With half
/// of it, pages spill into the write-ahead log several times over, at half the rows a second (measured).
const WRITER_CACHE_KIB: u32 = 16 * 1024;
/// Page cache of one reader; the operating system caches the file itself.
const READER_CACHE_KIB: u32 = 512;
/// Pages in the write-ahead log at which a commit copies it back: 32 MiB, a few large transactions.
const CHECKPOINT_PAGES: u32 = 4_000;
/// What the write-ahead log's file shrinks to once it has been copied back.
const WAL_BYTES_KEPT: u32 = 64 * 1024 * 1024;

/// Opens or creates the file for its one writer. `application_id` stands in the file's header and
/// tells our files from everybody else's.
pub(crate) fn open_writer(path: &Path, application_id: i32) -> Result<Connection, StoreError> {
    let size_bytes = create_private(path).map_err(|error| {
        StoreError::Unusable(format!(
            "cannot open {}: {error}; does the directory exist, and may this user write there?",
            path.display()
        ))
    })?;
    // SQLite takes a file that is shorter than any database for an empty one, and overwrites it.
    if (1..DATABASE_BYTES_MIN).contains(&size_bytes) {
        return Err(StoreError::Unusable(format!(
            "{} is no SQLite database: it has {size_bytes} bytes; move it away",
            path.display()
        )));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|error| opening(path, error))?;
    conn.busy_timeout(BUSY_WAIT_MAX).map_err(|error| opening(path, error))?;
    // Order matters: look whose file it is before the first setting that writes to it.
    check_owner(&conn, path, application_id)?;
    set_up_writer(&conn, application_id).map_err(|error| opening(path, error))?;
    let mode: String = conn
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(|error| opening(path, error))?;
    if mode != "wal" {
        return Err(StoreError::Unusable(format!(
            "{} cannot use a write-ahead log (journal mode is {mode}); put it on a local file system",
            path.display()
        )));
    }
    Ok(conn)
}

/// Opens the file for reading only. The writer has created and migrated it.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY_WAIT_MAX)?;
        conn.execute_batch(&format!(
            "PRAGMA query_only = ON; PRAGMA cache_size = -{READER_CACHE_KIB};"
        ))?;
        Ok(conn)
    };
    open().map_err(|error| opening(path, error))
}

/// Creates the file if it is missing, for this user's eyes only, and answers with its size. The
/// write-ahead log and its index take over its mode.
fn create_private(path: &Path) -> std::io::Result<u64> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file.metadata()?.len())
}

fn check_owner(conn: &Connection, path: &Path, application_id: i32) -> Result<(), StoreError> {
    let read = || -> rusqlite::Result<(i32, i64)> {
        let owner = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let n_objects =
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((owner, n_objects))
    };
    let (owner, n_objects) = read().map_err(|error| opening(path, error))?;
    if owner == application_id || (owner == 0 && n_objects == 0) {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "{} is a database of something else (application id {owner:#x}, ours is {application_id:#x}); \
         move it away or choose another data directory",
        path.display()
    )))
}

fn set_up_writer(conn: &Connection, application_id: i32) -> rusqlite::Result<()> {
    conn.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES};
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA application_id = {application_id};
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA journal_size_limit = {WAL_BYTES_KEPT};
         PRAGMA cache_size = -{WRITER_CACHE_KIB};"
    ))
}

/// Keeps the write-ahead log shorter than it is by itself, for a small disk.
pub(crate) fn limit_wal(conn: &Connection, n_bytes: u64) -> rusqlite::Result<()> {
    let n_pages = (n_bytes / u64::from(PAGE_BYTES)).clamp(1, u64::from(CHECKPOINT_PAGES));
    let n_kept = n_bytes.saturating_mul(2).min(u64::from(WAL_BYTES_KEPT));
    conn.execute_batch(&format!(
        "PRAGMA wal_autocheckpoint = {n_pages}; PRAGMA journal_size_limit = {n_kept};"
    ))
}

/// An error of opening, with the file's name and what to do.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(crate) fn opening(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Unusable(format!(
                "{path} is damaged or no SQLite database ({error}); restore log and \
                 database together from a backup"
            ))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Unavailable(
            format!("{path} is locked by another process ({error}); is another eyas running?"),
        ),
        _ => StoreError::Unusable(format!("cannot open {path}: {error}")),
    }
}

//! What a long transaction has spilled, on its way to the disk before the commit asks for all of it.
//!
//! A million rows leave some 70 MB in the write-ahead log. Made durable at once they keep the disk busy for so long that
//! events wait for the disk behind them, so this is done piece by piece while the rows come.
//!
//! Invariant: nothing rests on it. The commit makes durable what is left, and only the commit makes anything count. The handle
//! is of the write-ahead log alone: closing one of the database itself would drop SQLite's locks on it.

use std::fs::File;

use rusqlite::Connection;

use crate::error::StoreError;

/// A handle of the write-ahead log, beside SQLite's own.
pub(crate) struct WriteBack(File);

impl WriteBack {
    /// That of the connection's file. `None`: there is none, or it cannot be opened, and then the commit does it all.
    pub(crate) fn of(conn: &Connection) -> Option<Self> {
        let path = conn.path().filter(|path| !path.is_empty())?;
        File::open(format!("{path}-wal")).ok().map(Self)
    }

    /// What was spilled so far is durable.
    ///
    /// # Errors
    /// The disk has failed; the transaction must not go on.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let lost =
            |error| StoreError::Unavailable(format!("cannot write the write-ahead log: {error}"));
        self.0.sync_data().map_err(lost)
    }
}

//! One record into the table of events, or the database's words against it.
//!
//! A user may have added triggers, constraints or columns to the table. Invariant: `Stored` means that the row is
//! there, and every other answer that it is not. With [`Care::Savepoints`] nothing else of the try is left either.

use model::{Seq, Timestamp};
use rusqlite::{CachedStatement, Connection, params};

use crate::error::StoreError;
use crate::events::Stored;
use crate::sqlite::burial::FIND;
use crate::sqlite::failure::{failure, refusal};

// The conflict clause names its index: a row that collides in any other way is an error, not a repetition.
const INSERT_EVENT: &str = "INSERT INTO events (seq, id, stream, application, session_id, category, \
    name, data, timestamp_us, received_at_us, valid, errors, content_hash, id_from_client, \
    schema_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (id, stream, coalesce(application, '')) DO NOTHING";

const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM events WHERE seq = ?)";

const HAS_TRIGGERS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema \
    WHERE type = 'trigger' AND tbl_name = 'events' COLLATE NOCASE)";

/// How a refusal is survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Not at all: the caller rolls back.
    Swift,
    /// Each try is undone by itself.
    Savepoints,
}

/// What became of one try.
#[derive(Debug)]
pub(crate) enum Tried {
    /// The row is there.
    Stored,
    /// Another row has the id.
    Known,
    /// For good, with the database's words.
    Refused(String),
    /// The same, and the whole transaction is gone.
    Ended(String),
}

/// The statements of one transaction.
pub(crate) struct Insert<'c> {
    conn: &'c Connection,
    care: Care,
    statement: CachedStatement<'c>,
    /// A trigger can take a row away without a word. Where there is none, nobody looks.
    is_there: Option<CachedStatement<'c>>,
}

impl<'c> Insert<'c> {
    /// Prepares them, inside the transaction. Where the insert cannot be prepared, as with a trigger that names a table
    /// which is not there, every record is refused from `first` on: none of them dies for that.
    pub(crate) fn new(conn: &'c Connection, care: Care, first: Seq) -> Result<Self, StoreError> {
        let look = || -> rusqlite::Result<_> {
            let has_triggers =
                conn.prepare_cached(HAS_TRIGGERS)?.query_row([], |row| row.get::<_, bool>(0))?;
            has_triggers.then(|| conn.prepare_cached(IS_THERE)).transpose()
        };
        let is_there = look().map_err(failure)?;
        let statement = match conn.prepare_cached(INSERT_EVENT) {
            Ok(statement) => statement,
            Err(error) => {
                let reason = refusal(error)?;
                return Err(StoreError::Refused { seq: first, reason });
            }
        };
        Ok(Self { conn, care, statement, is_there })
    }

    /// Tries one record. An error has nothing to do with it.
    pub(crate) fn try_one(&mut self, stored: &Stored) -> Result<Tried, StoreError> {
        let is_careful = self.care == Care::Savepoints;
        if is_careful {
            self.run("SAVEPOINT record")?;
        }
        let tried = match self.execute(stored) {
            Ok(tried) => tried,
            Err(error) => Tried::Refused(refusal(error)?),
        };
        match tried {
            // RAISE(ROLLBACK) has taken the savepoint with it.
            Tried::Refused(reason) if self.conn.is_autocommit() => Ok(Tried::Ended(reason)),
            Tried::Refused(_) if is_careful => {
                self.run("ROLLBACK TO record")?;
                self.run("RELEASE record")?;
                Ok(tried)
            }
            _ if is_careful => self.run("RELEASE record").map(|()| tried),
            _ => Ok(tried),
        }
    }

    fn execute(&mut self, stored: &Stored) -> rusqlite::Result<Tried> {
        let event = &stored.event;
        let n_rows = self.statement.execute(params![
            stored.seq.get() as i64,
            event.id(),
            event.stream(),
            event.application(),
            event.session_id(),
            event.category(),
            event.name(),
            event.data(),
            event.timestamp().map(Timestamp::micros),
            event.received_at().micros(),
            event.valid(),
            event.errors(),
            &event.hash().0.to_be_bytes()[..],
            event.id_from_client(),
            event.schema_version(),
        ])?;
        if n_rows == 0 {
            let key = params![event.id(), event.stream(), event.application().unwrap_or_default()];
            if self.conn.prepare_cached(FIND)?.exists(key)? {
                return Ok(Tried::Known);
            }
            return Ok(Tried::Refused(
                "the row was dropped without an error, as a trigger with RAISE(IGNORE) does"
                    .to_owned(),
            ));
        }
        if let Some(is_there) = &mut self.is_there
            && !is_there.query_row([stored.seq.get() as i64], |row| row.get::<_, bool>(0))?
        {
            return Ok(Tried::Refused(
                "the row was taken and is not there: a trigger deletes it".to_owned(),
            ));
        }
        Ok(Tried::Stored)
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.conn.prepare_cached(sql).and_then(|mut run| run.execute([])).map(drop).map_err(failure)
    }
}

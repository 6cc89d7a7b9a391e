//! Dead letters as the consumer writes them: a record that is no row is a repetition, or dead.
//!
//! Invariant: nothing vanishes. Whatever the insert did not take is settled here in the same transaction, or the
//! transaction does not commit.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::breaker::{Breaker, WINDOW};
use crate::dead_letters::{ID_CONFLICT, REFUSED};
use crate::error::StoreError;
use crate::events::Stored;
use crate::sqlite::failure::{failure, refusal};

/// The row that has the id, if any.
pub(crate) const FIND: &str = "SELECT seq, content_hash FROM events \
    WHERE id = ? AND stream = ? AND coalesce(application, '') = ?";

/// The refused dead letter that keeps the id, if any: one that was replayed has left it to a row. Bytes 20 to 35 of a
/// record are the content hash, little-endian.
pub(crate) const FIND_DEAD: &str = "SELECT seq, substr(record, 21, 16) FROM dead_letters \
    WHERE id = ? AND stream = ? AND coalesce(application, '') = ? \
    AND reason = 'refused' AND state <> 'replayed' ORDER BY seq LIMIT 1";

const INSERT_DEAD: &str = "INSERT INTO dead_letters (seq, reason, detail, id, stream, application, \
    session_id, category, name, record, dead_at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const IS_DEAD: &str = "SELECT EXISTS (SELECT 1 FROM dead_letters WHERE id = ? AND stream = ? \
    AND coalesce(application, '') = ? AND substr(record, 21, 16) = ? AND state <> 'replayed')";

const IS_TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM events WHERE seq = ?)";

/// The newest records, newest first: was it refused? Those that somebody has discarded are left out of account.
const NEWEST: &str = "SELECT is_refused FROM ( \
        SELECT seq, 0 AS is_refused FROM (SELECT seq FROM events ORDER BY seq DESC LIMIT ?1) \
        UNION ALL SELECT seq, 1 FROM (SELECT seq FROM dead_letters \
            WHERE state = 'open' AND reason = 'refused' ORDER BY seq DESC LIMIT ?1) \
    ) ORDER BY seq DESC LIMIT ?1";

/// What became of a record that is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Known already: dropped.
    Duplicate,
    /// A dead letter now.
    Dead,
}

/// Settles the records of one transaction.
pub(crate) struct Burial<'c> {
    conn: &'c Connection,
    /// Loaded when the first refusal asks for it.
    breaker: Option<Breaker>,
}

impl<'c> Burial<'c> {
    /// Inside the transaction.
    pub(crate) fn new(conn: &'c Connection) -> Self {
        Self { conn, breaker: None }
    }

    /// A record was stored.
    pub(crate) fn stored(&mut self) {
        if let Some(breaker) = &mut self.breaker {
            breaker.stored();
        }
    }

    /// Drops a repetition, of a row or of a dead letter; everything else becomes a dead letter. `refusal`: the
    /// database's words, where another row with the id is not the reason.
    pub(crate) fn settle(
        &mut self,
        stored: &Stored,
        refusal: Option<&str>,
    ) -> Result<Settled, StoreError> {
        let owner = self.owner(stored).map_err(failure)?;
        if owner.is_some_and(|(_, hash)| hash == stored.event.hash().0.to_be_bytes()) {
            return Ok(Settled::Duplicate);
        }
        // What is dead may be sent again too, when its answer was lost or the edge could not tell in time.
        if self.is_dead(stored).map_err(failure)? {
            return Ok(Settled::Duplicate);
        }
        match (owner, refusal) {
            (Some((seq, _)), _) => self.bury(stored, ID_CONFLICT, &conflict(seq))?,
            (None, Some(reason)) => {
                self.check_place(stored)?;
                self.count_refusal(stored, reason)?;
                self.bury(stored, REFUSED, reason)?;
            }
            (None, None) => {
                let seq = self.keeper(stored)?.expect("what was not tried has its id kept");
                self.bury(stored, ID_CONFLICT, &conflict(seq))?;
            }
        }
        Ok(Settled::Dead)
    }

    /// Where the refused dead letter stands that keeps the record's id, if any.
    pub(crate) fn keeper(&self, stored: &Stored) -> Result<Option<i64>, StoreError> {
        let event = &stored.event;
        let key = params![event.id(), event.stream(), event.application().unwrap_or_default()];
        let find = || -> rusqlite::Result<Option<i64>> {
            self.conn.prepare_cached(FIND_DEAD)?.query_row(key, |row| row.get(0)).optional()
        };
        find().map_err(failure)
    }

    fn owner(&self, stored: &Stored) -> rusqlite::Result<Option<(i64, [u8; 16])>> {
        let event = &stored.event;
        let key = params![event.id(), event.stream(), event.application().unwrap_or_default()];
        let mut find = self.conn.prepare_cached(FIND)?;
        find.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    fn is_dead(&self, stored: &Stored) -> rusqlite::Result<bool> {
        let event = &stored.event;
        let application = event.application().unwrap_or_default();
        let hash_in_record = &event.hash().0.to_le_bytes()[..];
        let values = params![event.id(), event.stream(), application, hash_in_record];
        self.conn.prepare_cached(IS_DEAD)?.query_row(values, |row| row.get(0))
    }

    /// A row of another event at this very position is no fault of the record: log and database do not fit together.
    fn check_place(&self, stored: &Stored) -> Result<(), StoreError> {
        let seq = stored.seq;
        let select = || -> rusqlite::Result<bool> {
            let mut is_taken = self.conn.prepare_cached(IS_TAKEN)?;
            is_taken.query_row([seq.get() as i64], |row| row.get(0))
        };
        if select().map_err(failure)? {
            let reason = "another event stands at its position".to_owned();
            return Err(StoreError::Refused { seq, reason });
        }
        Ok(())
    }

    fn count_refusal(&mut self, stored: &Stored, reason: &str) -> Result<(), StoreError> {
        let breaker = match &mut self.breaker {
            Some(breaker) => breaker,
            // What this transaction has stored so far is in the table already.
            none => none.insert(load(self.conn).map_err(failure)?),
        };
        if !breaker.refused() {
            return Ok(());
        }
        let (n_refused, n_records) = breaker.counts();
        let (seq, reason) = (stored.seq, reason.to_owned());
        Err(StoreError::TooManyRefused { seq, reason, n_refused, n_records })
    }

    fn bury(&self, stored: &Stored, reason: &str, detail: &str) -> Result<(), StoreError> {
        let Stored { seq, event } = stored;
        let values = params![
            seq.get() as i64,
            reason,
            detail,
            event.id(),
            event.stream(),
            event.application(),
            event.session_id(),
            event.category(),
            event.name(),
            &event.record()[..],
            now_us(),
        ];
        let mut insert = self.conn.prepare_cached(INSERT_DEAD).map_err(failure)?;
        let words = match insert.execute(values) {
            Ok(1) => return Ok(()),
            Ok(_) => "the row was dropped without an error".to_owned(),
            Err(error) => refusal(error)?,
        };
        let reason = format!("{detail}; and it cannot be kept as a dead letter: {words}");
        Err(StoreError::Refused { seq: *seq, reason })
    }
}

/// Why a record cannot be a row whose id another one has.
pub(crate) fn conflict(owner: i64) -> String {
    format!("the event at {owner} has the same id and other content")
}

fn load(conn: &Connection) -> rusqlite::Result<Breaker> {
    let mut select = conn.prepare_cached(NEWEST)?;
    let newest = select.query_map([WINDOW as i64], |row| row.get(0))?;
    let newest: Vec<bool> = newest.collect::<Result<_, _>>()?;
    Ok(Breaker::new(newest.into_iter().rev()))
}

fn now_us() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)
}

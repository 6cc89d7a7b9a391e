//! Pages of one session, in the order in which things happened. They go by key, never by offset.
//!
//! Invariant: one call reads a bounded number of rows and bytes.

use rusqlite::{CachedStatement, Connection, Params, params};

use crate::error::StoreError;
use crate::events::{Extent, Listed, SessionPage, SessionQuery};
use crate::sqlite::failure::failure;
use crate::sqlite::rows;

/// Most events of one page, whatever its limit.
const PAGE_EVENTS_MAX: usize = 10_000;

/// One page of a session.
pub(crate) fn session(
    conn: &Connection,
    query: &SessionQuery,
    extent: Extent,
) -> Result<SessionPage, StoreError> {
    let limit = query.limit.clamp(1, PAGE_EVENTS_MAX);
    let mut reading = Reading { extent, limit, events: Vec::new(), n_bytes: 0 };
    let has_more = reading.read(conn, query).map_err(failure)?;
    Ok(SessionPage { events: reading.events, has_more })
}

/// The statements of a session's page: first what happened at the cursor's very moment, in the order
/// of `Seq`, then what happened later. Two, because SQLite does not see that a row value
/// `(time, seq) > (?, ?)` is one range of an index on an expression: it would read from the session's
/// beginning every time. Values: session, time, seq, limit; and session, time, limit.
pub(crate) fn session_sql(extent: Extent) -> [String; 2] {
    let select = format!(
        "SELECT {} FROM events INDEXED BY events_session WHERE session_id = ? \
         AND coalesce(timestamp_us, received_at_us)",
        rows::columns(extent)
    );
    [
        format!("{select} = ? AND seq > ? ORDER BY seq LIMIT ?"),
        format!("{select} > ? ORDER BY coalesce(timestamp_us, received_at_us), seq LIMIT ?"),
    ]
}

struct Reading {
    extent: Extent,
    limit: usize,
    events: Vec<Listed>,
    n_bytes: usize,
}

impl Reading {
    /// Whether more follow.
    fn read(&mut self, conn: &Connection, query: &SessionQuery) -> rusqlite::Result<bool> {
        let [same_moment, later] = session_sql(self.extent);
        // One more than wanted tells a full page from the last one.
        let limit = self.limit as i64 + 1;
        let Some(after) = query.after else {
            let values = params![query.session_id, i64::MIN, limit];
            return self.take(conn.prepare_cached(&later)?, values);
        };
        let (at_us, seq) = (after.at.micros(), after.seq.get() as i64);
        let values = params![query.session_id, at_us, seq, limit];
        if self.take(conn.prepare_cached(&same_moment)?, values)? {
            return Ok(true);
        }
        self.take(conn.prepare_cached(&later)?, params![query.session_id, at_us, limit])
    }

    /// Adds rows until the page is full; whether there was one more.
    fn take(
        &mut self,
        mut select: CachedStatement<'_>,
        values: impl Params,
    ) -> rusqlite::Result<bool> {
        let mut found = select.query(values)?;
        while let Some(row) = found.next()? {
            if self.events.len() == self.limit || self.n_bytes >= self.extent.bytes_max {
                return Ok(true);
            }
            let listed = rows::listed(row, self.extent)?;
            self.n_bytes += listed.event.record().len();
            self.events.push(listed);
        }
        Ok(false)
    }
}

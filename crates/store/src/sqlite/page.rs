//! Pages in `Seq` order and sessions in the order of things. Both go by key, never by offset.
//!
//! Invariant: one call reads a bounded number of rows and bytes, whatever the filter. Where no index
//! answers the whole filter, the row at [`ROWS_READ_MAX`] beyond the cursor is the page's end, and
//! the page says so with `next`.

use model::{Filter, Seq};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use crate::error::StoreError;
use crate::events::{Order, Page, PageQuery, SessionQuery, Stored};
use crate::sqlite::failure::failure;
use crate::sqlite::filter::Plan;
use crate::sqlite::rows;

/// Most rows that one page tests against its filter.
pub(crate) const ROWS_READ_MAX: usize = 20_000;
/// Most rows of a session that a page puts in `Seq` order; a larger session is found by reading on.
pub(crate) const SESSION_ROWS_SORTED_MAX: usize = 2_000;
/// Most events of one page, whatever its limit.
const PAGE_EVENTS_MAX: usize = 10_000;
/// A page ends with the event that reaches this.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One page.
pub(crate) fn page(conn: &Connection, query: &PageQuery) -> Result<Page, StoreError> {
    read_page(conn, query, PAGE_BYTES_MAX).map_err(failure)
}

/// One page that ends with the event that reaches `bytes_max`.
pub(crate) fn read_page(
    conn: &Connection,
    query: &PageQuery,
    bytes_max: usize,
) -> rusqlite::Result<Page> {
    let plan = plan(conn, &query.filter)?;
    let end = read_end(conn, query, &plan)?;
    let limit = query.limit.clamp(1, PAGE_EVENTS_MAX);

    let mut values = plan.walk.values;
    values.push(start(query));
    values.push(end.map_or(furthest(query.order), number));
    values.extend(plan.rest.values);
    // One more than wanted tells a full page from the last one.
    values.push(Value::Integer(limit as i64 + 1));
    let sql = page_sql(plan.index, &plan.walk.sql, &plan.rest.sql, query.order);
    let mut select = conn.prepare_cached(&sql)?;
    let mut found = select.query(params_from_iter(values))?;

    let (mut events, mut n_bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        if events.len() == limit || n_bytes >= bytes_max {
            let next = events.last().map(|stored: &Stored| stored.seq);
            return Ok(Page { events, next });
        }
        let stored = rows::stored(row)?;
        n_bytes += stored.event.record().len();
        events.push(stored);
    }
    Ok(Page { events, next: end })
}

/// How the page for a filter walks the table.
pub(crate) fn plan(conn: &Connection, filter: &Filter) -> rusqlite::Result<Plan> {
    Plan::of(filter, |session| {
        let mut count = conn.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY events_session \
             WHERE session_id = ? LIMIT ?)",
        )?;
        let n_max = SESSION_ROWS_SORTED_MAX as i64;
        let n_rows: i64 = count.query_row(params![session, n_max + 1], |row| row.get(0))?;
        Ok(n_rows <= n_max)
    })
}

/// The last row that a page may read; `None` if it may read all there is.
fn read_end(conn: &Connection, query: &PageQuery, plan: &Plan) -> rusqlite::Result<Option<Seq>> {
    if plan.rest.is_all() || plan.index == "INDEXED BY events_session" {
        return Ok(None);
    }
    let sql = end_sql(plan.index, &plan.walk.sql, query.order);
    let mut select = conn.prepare_cached(&sql)?;
    let mut values = plan.walk.values.clone();
    values.push(start(query));
    values.push(Value::Integer(ROWS_READ_MAX as i64 - 1));
    let mut found = select.query(params_from_iter(values))?;
    let Some(row) = found.next()? else { return Ok(None) };
    let end = rows::seq(row, 0)?;
    // A second row says that there is more to read behind this page.
    Ok(found.next()?.map(|_| end))
}

/// The page's statement. Values: those of the walk, start, end, those of the rest, limit.
pub(crate) fn page_sql(index: &str, walk: &str, rest: &str, order: Order) -> String {
    let (columns, (beyond, within, direction)) = (rows::COLUMNS, signs(order));
    format!(
        "SELECT {columns} FROM events {index} WHERE {walk} AND seq {beyond} ? AND seq {within} ? \
         AND {rest} ORDER BY seq {direction} LIMIT ?"
    )
}

fn end_sql(index: &str, walk: &str, order: Order) -> String {
    let (beyond, _, direction) = signs(order);
    format!(
        "SELECT seq FROM events {index} WHERE {walk} AND seq {beyond} ? \
         ORDER BY seq {direction} LIMIT 2 OFFSET ?"
    )
}

fn signs(order: Order) -> (&'static str, &'static str, &'static str) {
    match order {
        Order::Asc => (">", "<=", "ASC"),
        Order::Desc => ("<", ">=", "DESC"),
    }
}

fn start(query: &PageQuery) -> Value {
    match (query.after, query.order) {
        (Some(seq), _) => number(seq),
        (None, Order::Asc) => Value::Integer(0),
        (None, Order::Desc) => Value::Integer(i64::MAX),
    }
}

fn furthest(order: Order) -> Value {
    match order {
        Order::Asc => Value::Integer(i64::MAX),
        Order::Desc => Value::Integer(0),
    }
}

fn number(seq: Seq) -> Value {
    Value::Integer(seq.get() as i64)
}

/// The statements of a session's page: first what happened at the cursor's very moment, in the order
/// of `Seq`, then what happened later. Two, because SQLite does not see that a row value
/// `(time, seq) > (?, ?)` is one range of an index on an expression: it would read from the session's
/// beginning every time. Values: session, time, seq, limit; and session, time, limit.
pub(crate) fn session_sql() -> [String; 2] {
    let select = format!(
        "SELECT {} FROM events INDEXED BY events_session WHERE session_id = ? \
         AND coalesce(timestamp_us, received_at_us)",
        rows::COLUMNS
    );
    [
        format!("{select} = ? AND seq > ? ORDER BY seq LIMIT ?"),
        format!("{select} > ? ORDER BY coalesce(timestamp_us, received_at_us), seq LIMIT ?"),
    ]
}

/// One page of a session, in the order in which things happened.
pub(crate) fn session(conn: &Connection, query: &SessionQuery) -> Result<Vec<Stored>, StoreError> {
    read_session(conn, query).map_err(failure)
}

fn read_session(conn: &Connection, query: &SessionQuery) -> rusqlite::Result<Vec<Stored>> {
    let [same_moment, later] = session_sql();
    let limit = query.limit.min(PAGE_EVENTS_MAX);
    let mut events = Vec::new();
    if let Some(after) = query.after {
        let mut select = conn.prepare_cached(&same_moment)?;
        let (at_us, seq) = (after.at.micros(), after.seq.get() as i64);
        let values = params![query.session_id, at_us, seq, limit as i64];
        for stored in select.query_map(values, rows::stored)? {
            events.push(stored?);
        }
    }
    let mut select = conn.prepare_cached(&later)?;
    let at_us = query.after.map_or(i64::MIN, |after| after.at.micros());
    let values = params![query.session_id, at_us, (limit - events.len()) as i64];
    for stored in select.query_map(values, rows::stored)? {
        events.push(stored?);
    }
    Ok(events)
}

//! Batches that are over, and what is wrong with their rows, as they stand in `tables.db`.

use model::{ContentHash, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use crate::batches::{Batch, BatchQuery, BatchState, RowError, TableMode};

const COLUMNS: &str = "id, table_name, mode, application, sent_by, label, idempotency_key, state, n_rows, n_bytes, hash, \
    created_at_us, received_at_us, started_at_us, ended_at_us, n_errors, detail, same_as, revalidates";

/// Keeps a batch as it ended.
pub(crate) fn insert(conn: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let sql = format!("INSERT INTO eyas_batches ({COLUMNS}) VALUES (?{})", ", ?".repeat(18));
    let us = |at: Option<Timestamp>| at.map(Timestamp::micros);
    conn.prepare_cached(&sql)?.execute(params![
        batch.id,
        batch.table,
        batch.mode.as_str(),
        batch.application,
        batch.sent_by,
        batch.label,
        batch.key,
        batch.state.as_str(),
        batch.n_rows as i64,
        batch.n_bytes as i64,
        batch.hash.0.to_be_bytes(),
        batch.created_at.micros(),
        us(batch.received_at),
        us(batch.started_at),
        us(batch.ended_at),
        batch.n_errors as i64,
        batch.detail,
        batch.same_as,
        batch.revalidates,
    ])?;
    Ok(())
}

/// Keeps what is wrong with a batch's rows; `n_before` of it are there already.
pub(crate) fn insert_errors(
    conn: &Connection,
    id: &str,
    n_before: u64,
    errors: &[RowError],
) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO eyas_batch_errors (batch_id, nth, row, line, pointer, rule, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (nth, error) in (n_before as i64 + 1..).zip(errors) {
        let RowError { row, line, pointer, rule, detail } = error;
        insert.execute(params![id, nth, *row as i64, *line as i64, pointer, rule, detail])?;
    }
    Ok(())
}

/// The newest batch that stands at `place`.
pub(crate) fn find(
    conn: &Connection,
    place: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<Option<Batch>> {
    let sql = format!("SELECT {COLUMNS} FROM eyas_batches WHERE {place} ORDER BY id DESC LIMIT 1");
    conn.prepare_cached(&sql)?.query_row(values, read).optional()
}

/// Those that a query wants, newest first.
pub(crate) fn list(conn: &Connection, query: &BatchQuery) -> rusqlite::Result<Vec<Batch>> {
    let state = query.state.map(BatchState::as_str);
    let wanted: [(&str, Option<&dyn ToSql>); 4] = [
        ("table_name = ?", query.table.as_ref().map(|text| text as _)),
        ("state = ?", state.as_ref().map(|text| text as _)),
        ("application = ?", query.application.as_ref().map(|text| text as _)),
        ("id < ?", query.before.as_ref().map(|text| text as _)),
    ];
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let (mut places, mut values): (Vec<&str>, Vec<&dyn ToSql>) = (vec!["1"], Vec::new());
    for (place, value) in wanted {
        if let Some(value) = value {
            places.push(place);
            values.push(value);
        }
    }
    values.push(&limit);
    let sql = format!(
        "SELECT {COLUMNS} FROM eyas_batches WHERE {} ORDER BY id DESC LIMIT ?",
        places.join(" AND ")
    );
    conn.prepare_cached(&sql)?.query_map(&values[..], read)?.collect()
}

/// What is wrong with a batch's rows, behind the first `skip`.
pub(crate) fn errors(
    conn: &Connection,
    id: &str,
    skip: u64,
    limit: usize,
) -> rusqlite::Result<Vec<RowError>> {
    let mut select = conn.prepare_cached(
        "SELECT row, line, pointer, rule, detail FROM eyas_batch_errors WHERE batch_id = ? AND nth > ? \
         ORDER BY nth LIMIT ?",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map(params![id, skip as i64, limit], |row| {
        Ok(RowError {
            row: row.get::<_, i64>(0)? as u64,
            line: row.get::<_, i64>(1)? as u64,
            pointer: row.get(2)?,
            rule: row.get(3)?,
            detail: row.get(4)?,
        })
    })?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Batch> {
    let at = |column| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
    };
    let word = |column| rusqlite::Error::InvalidColumnType(column, "a word".to_owned(), Type::Text);
    let state: String = row.get(7)?;
    Ok(Batch {
        id: row.get(0)?,
        table: row.get(1)?,
        mode: TableMode::parse(&row.get::<_, String>(2)?).ok_or_else(|| word(2))?,
        application: row.get(3)?,
        sent_by: row.get(4)?,
        label: row.get(5)?,
        key: row.get(6)?,
        state: BatchState::parse(&state).ok_or_else(|| word(7))?,
        n_rows: row.get::<_, i64>(8)? as u64,
        n_bytes: row.get::<_, i64>(9)? as u64,
        hash: ContentHash(u128::from_be_bytes(row.get(10)?)),
        created_at: Timestamp::from_micros(row.get(11)?),
        received_at: at(12)?,
        started_at: at(13)?,
        ended_at: at(14)?,
        n_errors: row.get::<_, i64>(15)? as u64,
        detail: row.get(16)?,
        same_as: row.get(17)?,
        revalidates: row.get(18)?,
    })
}

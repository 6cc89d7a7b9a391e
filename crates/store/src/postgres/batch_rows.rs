//! Batches that are over, and what is wrong with their rows, as they stand in the schema `eyas`.

use std::borrow::Cow;
use std::fmt::Write as _;

use model::{ContentHash, Timestamp};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::batches::{Batch, BatchQuery, BatchState, RowError, TableMode};
use crate::error::StoreError;
use crate::postgres::failure::failure;
use crate::postgres::nul::without_nul;

const COLUMNS: &str = "id, table_name, mode, application, sent_by, label, idempotency_key, state, n_rows, n_bytes, hash, \
    created_at_us, received_at_us, started_at_us, ended_at_us, n_errors, detail, same_as, revalidates";

const INSERT_ERRORS: &str = "INSERT INTO eyas.batch_errors (batch_id, nth, \"row\", line, pointer, rule, detail) \
    SELECT $1, $2 + e.nth, e.r, e.line, e.pointer, e.rule, e.detail \
    FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[]) \
        WITH ORDINALITY AS e (r, line, pointer, rule, detail, nth)";

const ERRORS: &str = "SELECT \"row\", line, pointer, rule, detail FROM eyas.batch_errors \
    WHERE batch_id = $1 AND nth > $2 ORDER BY nth LIMIT $3";

/// Errors of one statement.
const ERRORS_MAX: usize = 1_000;

/// A statement's value and its type.
type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// Keeps a batch as it ended.
pub(crate) async fn insert(client: &Client, batch: &Batch) -> Result<(), StoreError> {
    let us = |at: Option<Timestamp>| at.map(Timestamp::micros);
    let numbers = [batch.n_rows, batch.n_bytes, batch.n_errors].map(|number| number as i64);
    let hash = batch.hash.0.to_be_bytes().to_vec();
    let created_us = batch.created_at.micros();
    let times = [batch.received_at, batch.started_at, batch.ended_at].map(us);
    let (label, detail) =
        (batch.label.as_deref().map(without_nul), batch.detail.as_deref().map(without_nul));
    let (mode, state) = (batch.mode.as_str(), batch.state.as_str());
    let values: [Value<'_>; 19] = [
        (&batch.id, Type::TEXT),
        (&batch.table, Type::TEXT),
        (&mode, Type::TEXT),
        (&batch.application, Type::TEXT),
        (&batch.sent_by, Type::TEXT),
        (&label, Type::TEXT),
        (&batch.key, Type::TEXT),
        (&state, Type::TEXT),
        (&numbers[0], Type::INT8),
        (&numbers[1], Type::INT8),
        (&hash, Type::BYTEA),
        (&created_us, Type::INT8),
        (&times[0], Type::INT8),
        (&times[1], Type::INT8),
        (&times[2], Type::INT8),
        (&numbers[2], Type::INT8),
        (&detail, Type::TEXT),
        (&batch.same_as, Type::TEXT),
        (&batch.revalidates, Type::TEXT),
    ];
    let places: Vec<String> = (1..=values.len()).map(|nth| format!("${nth}")).collect();
    let sql = format!("INSERT INTO eyas.batches ({COLUMNS}) VALUES ({})", places.join(", "));
    client.execute_typed(&sql, &values).await.map_err(failure)?;
    Ok(())
}

/// Keeps what is wrong with a batch's rows; `n_before` of it are there already.
pub(crate) async fn insert_errors(
    client: &Client,
    id: &str,
    n_before: u64,
    errors: &[RowError],
) -> Result<(), StoreError> {
    let mut n_before = n_before as i64;
    for errors in errors.chunks(ERRORS_MAX) {
        let rows: Vec<i64> = errors.iter().map(|error| error.row as i64).collect();
        let lines: Vec<i64> = errors.iter().map(|error| error.line as i64).collect();
        let texts = |part: fn(&RowError) -> &str| -> Vec<Cow<'_, str>> {
            errors.iter().map(|error| without_nul(part(error))).collect()
        };
        let pointers = texts(|error| &error.pointer);
        let (rules, details) = (texts(|error| &error.rule), texts(|error| &error.detail));
        let values: [Value<'_>; 7] = [
            (&id, Type::TEXT),
            (&n_before, Type::INT8),
            (&rows, Type::INT8_ARRAY),
            (&lines, Type::INT8_ARRAY),
            (&pointers, Type::TEXT_ARRAY),
            (&rules, Type::TEXT_ARRAY),
            (&details, Type::TEXT_ARRAY),
        ];
        client.execute_typed(INSERT_ERRORS, &values).await.map_err(failure)?;
        n_before += errors.len() as i64;
    }
    Ok(())
}

/// The newest batch that stands at `place`.
pub(crate) async fn find(
    client: &Client,
    place: &str,
    values: &[Value<'_>],
) -> Result<Option<Batch>, StoreError> {
    // A planner without statistics would walk all batches in the order of their ids.
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM eyas.batches WHERE {place} OFFSET 0) AS b ORDER BY id DESC LIMIT 1"
    );
    let rows = client.query_typed(&sql, values).await.map_err(failure)?;
    rows.first().map(read).transpose()
}

/// Those that a query wants, newest first.
pub(crate) async fn list(client: &Client, query: &BatchQuery) -> Result<Vec<Batch>, StoreError> {
    let state = query.state.map(|state| state.as_str().to_owned());
    let wanted = [
        ("table_name =", &query.table),
        ("state =", &state),
        ("application =", &query.application),
        ("id <", &query.before),
    ];
    let (mut places, mut values) = ("true".to_owned(), Vec::<Value<'_>>::new());
    for (place, value) in wanted {
        if let Some(value) = value {
            values.push((value, Type::TEXT));
            let _ = write!(places, " AND {place} ${}", values.len());
        }
    }
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    values.push((&limit, Type::INT8));
    let sql = format!(
        "SELECT {COLUMNS} FROM eyas.batches WHERE {places} ORDER BY id DESC LIMIT ${}",
        values.len()
    );
    let rows = client.query_typed(&sql, &values).await.map_err(failure)?;
    rows.iter().map(read).collect()
}

/// What is wrong with a batch's rows, behind the first `skip`.
pub(crate) async fn errors(
    client: &Client,
    id: &str,
    skip: u64,
    limit: usize,
) -> Result<Vec<RowError>, StoreError> {
    let (skip, limit) = (skip as i64, i64::try_from(limit).unwrap_or(i64::MAX));
    let values: [Value<'_>; 3] = [(&id, Type::TEXT), (&skip, Type::INT8), (&limit, Type::INT8)];
    let rows = client.query_typed(ERRORS, &values).await.map_err(failure)?;
    let error = |row: &Row| RowError {
        row: row.get::<_, i64>(0) as u64,
        line: row.get::<_, i64>(1) as u64,
        pointer: row.get(2),
        rule: row.get(3),
        detail: row.get(4),
    };
    Ok(rows.iter().map(error).collect())
}

fn read(row: &Row) -> Result<Batch, StoreError> {
    let damaged = || StoreError::Unusable("a row of eyas.batches is damaged".to_owned());
    let at = |column| row.get::<_, Option<i64>>(column).map(Timestamp::from_micros);
    let hash: [u8; 16] = row.get::<_, &[u8]>(10).try_into().map_err(|_| damaged())?;
    Ok(Batch {
        id: row.get(0),
        table: row.get(1),
        mode: TableMode::parse(row.get(2)).ok_or_else(damaged)?,
        application: row.get(3),
        sent_by: row.get(4),
        label: row.get(5),
        key: row.get(6),
        state: BatchState::parse(row.get(7)).ok_or_else(damaged)?,
        n_rows: row.get::<_, i64>(8) as u64,
        n_bytes: row.get::<_, i64>(9) as u64,
        hash: ContentHash(u128::from_be_bytes(hash)),
        created_at: Timestamp::from_micros(row.get(11)),
        received_at: at(12),
        started_at: at(13),
        ended_at: at(14),
        n_errors: row.get::<_, i64>(15) as u64,
        detail: row.get(16),
        same_as: row.get(17),
        revalidates: row.get(18),
    })
}

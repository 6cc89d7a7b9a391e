//! `DeadLetterStore` on SQLite: lists, sums, discard and restore. [`crate::sqlite::replay`] does the rest.
//!
//! Groups, counts and selections are answered from one index; records are read only for what is shown.

use std::fmt::Write as _;

use async_trait::async_trait;
use model::{Event, Seq, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use crate::dead_letters::{
    DEAD_GROUPS_MAX, DeadAct, DeadCounts, DeadFilter, DeadGroup, DeadLetter, DeadLetterStore,
    DeadState, DeadSum, LabelIs, Replay, Replayed,
};
use crate::error::StoreError;
use crate::events::{GET_EVENTS_MAX, Page, Stored};
use crate::sqlite::failure::failure;
use crate::sqlite::filter::Condition;
use crate::sqlite::store::SqliteStore;
use crate::sqlite::{replay, rows};

/// Rows that one turn of the writer changes: the consumer gets in between.
const ACT_ROWS_MAX: usize = 10_000;

const COLUMNS: &str =
    "seq, record, reason, detail, state, attempts, dead_at_us, state_at_us, acted_by, note";

#[async_trait]
impl DeadLetterStore for SqliteStore {
    async fn dead_groups(&self, filter: DeadFilter) -> Result<Vec<DeadGroup>, StoreError> {
        self.readers.run(move |conn| groups(conn, &filter).map_err(failure)).await
    }

    async fn dead_counts(&self, filter: DeadFilter) -> Result<DeadCounts, StoreError> {
        let filter = DeadFilter { state: None, ..filter };
        self.readers.run(move |conn| counts(conn, &filter).map_err(failure)).await
    }

    async fn dead_page(
        &self,
        filter: DeadFilter,
        before: Option<Seq>,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let read = move |conn: &Connection| page(conn, &filter, before, limit, bytes_max);
        self.readers.run(read).await
    }

    async fn dead_letter(&self, seq: Seq) -> Result<Option<DeadLetter>, StoreError> {
        self.readers.run(move |conn| one(conn, seq)).await
    }

    async fn dead_by_id(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError> {
        let (id, application) = (id.to_owned(), application.map(str::to_owned));
        let stream = stream.map(str::to_owned);
        let read =
            move |conn: &Connection| by_id(conn, &id, application.as_deref(), stream.as_deref());
        self.readers.run(read).await
    }

    async fn dead_sum(&self, filter: DeadFilter) -> Result<DeadSum, StoreError> {
        self.readers.run(move |conn| sum(conn, &filter).map_err(failure)).await
    }

    async fn dead_slice(
        &self,
        filter: DeadFilter,
        job: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Seq>, StoreError> {
        let job = job.to_owned();
        self.readers.run(move |conn| slice(conn, &filter, job, after, limit).map_err(failure)).await
    }

    async fn replay(&self, replay: Replay) -> Result<Vec<Replayed>, StoreError> {
        self.writer.run(move |conn| replay::replay(conn, &replay)).await
    }

    async fn discard(&self, act: DeadAct) -> Result<u64, StoreError> {
        self.turn(act, DeadState::Open, DeadState::Discarded).await
    }

    async fn restore(&self, act: DeadAct) -> Result<u64, StoreError> {
        self.turn(act, DeadState::Discarded, DeadState::Open).await
    }
}

impl SqliteStore {
    /// In parts. What dies meanwhile is not part of it: only what stood at or below the last position at the begin.
    async fn turn(&self, act: DeadAct, from: DeadState, to: DeadState) -> Result<u64, StoreError> {
        let filter = DeadFilter { state: Some(from), ..act.filter.clone() };
        let Some(last) = self.dead_sum(filter.clone()).await?.last else { return Ok(0) };
        let act = DeadAct { filter: DeadFilter { through: Some(last), ..filter }, ..act };
        let mut n_turned = 0;
        loop {
            let act = act.clone();
            let n = self.writer.run(move |conn| turn(conn, &act, to).map_err(failure)).await?;
            n_turned += n as u64;
            if n < ACT_ROWS_MAX {
                return Ok(n_turned);
            }
        }
    }
}

fn condition(filter: &DeadFilter) -> Condition {
    let mut condition = Condition { sql: "1".to_owned(), values: Vec::new() };
    let mut add = |term: &str, value: Option<Value>| {
        let _ = write!(condition.sql, " AND {term}");
        condition.values.extend(value);
    };
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    if let Some(state) = filter.state {
        add("state = ?", text(state.as_str()));
    }
    if let Some(reason) = &filter.reason {
        add("reason = ?", text(reason));
    }
    if let Some(stream) = &filter.stream {
        add("stream = ?", text(stream));
    }
    for (column, label) in [
        ("application", &filter.application),
        ("category", &filter.category),
        ("name", &filter.name),
    ] {
        match label {
            LabelIs::Any => {}
            LabelIs::Absent => add(&format!("{column} IS NULL"), None),
            LabelIs::Text(wanted) => add(&format!("{column} = ?"), text(wanted)),
        }
    }
    if let Some(seqs) = &filter.seqs {
        let seqs: Vec<String> = seqs.iter().map(ToString::to_string).collect();
        add("seq IN (SELECT value FROM json_each(?))", text(&format!("[{}]", seqs.join(","))));
    }
    if let Some(through) = filter.through {
        add("seq <= ?", Some(Value::Integer(through.get() as i64)));
    }
    if let Some(attempts) = filter.attempts_below {
        add("attempts < ?", Some(Value::Integer(i64::from(attempts))));
    }
    condition
}

fn groups(conn: &Connection, filter: &DeadFilter) -> rusqlite::Result<Vec<DeadGroup>> {
    let Condition { sql, mut values } = condition(filter);
    values.push(Value::Integer(DEAD_GROUPS_MAX as i64));
    let sql = format!(
        "SELECT reason, stream, application, category, name, n, first_us, last_us, last_seq, \
            (SELECT detail FROM dead_letters WHERE seq = last_seq) FROM \
        (SELECT reason, stream, application, category, name, count(*) AS n, min(dead_at_us) AS first_us, \
            max(dead_at_us) AS last_us, max(seq) AS last_seq FROM dead_letters WHERE {sql} \
            GROUP BY reason, stream, application, category, name ORDER BY n DESC, last_seq DESC LIMIT ?)"
    );
    let mut select = conn.prepare_cached(&sql)?;
    let groups = select.query_map(params_from_iter(values), |row| {
        Ok(DeadGroup {
            reason: row.get(0)?,
            stream: row.get(1)?,
            application: row.get(2)?,
            category: row.get(3)?,
            name: row.get(4)?,
            count: row.get::<_, i64>(5)? as u64,
            first_at: Timestamp::from_micros(row.get(6)?),
            last_at: Timestamp::from_micros(row.get(7)?),
            sample: rows::seq(row, 8)?,
            sample_detail: row.get(9)?,
        })
    })?;
    groups.collect()
}

fn counts(conn: &Connection, filter: &DeadFilter) -> rusqlite::Result<DeadCounts> {
    let Condition { sql, values } = condition(filter);
    let sql = format!("SELECT state, count(*) FROM dead_letters WHERE {sql} GROUP BY state");
    let mut select = conn.prepare_cached(&sql)?;
    let mut found = select.query(params_from_iter(values))?;
    let mut counts = DeadCounts::default();
    while let Some(row) = found.next()? {
        let n = row.get::<_, i64>(1)? as u64;
        match DeadState::parse(row.get_ref(0)?.as_str()?) {
            Some(DeadState::Open) => counts.open = n,
            Some(DeadState::Replayed) => counts.replayed = n,
            Some(DeadState::Discarded) => counts.discarded = n,
            None => {}
        }
    }
    Ok(counts)
}

fn page(
    conn: &Connection,
    filter: &DeadFilter,
    before: Option<Seq>,
    limit: usize,
    bytes_max: usize,
) -> Result<Page<DeadLetter>, StoreError> {
    let Condition { sql, mut values } = condition(filter);
    values.push(Value::Integer(before.map_or(i64::MAX, |seq| seq.get() as i64)));
    // One more than wanted tells a full page from the last one.
    values.push(Value::Integer(limit as i64 + 1));
    let sql = format!(
        "SELECT {COLUMNS} FROM dead_letters WHERE {sql} AND seq < ? ORDER BY seq DESC LIMIT ?"
    );
    let mut select = conn.prepare_cached(&sql).map_err(failure)?;
    let mut found = select.query(params_from_iter(values)).map_err(failure)?;
    let (mut letters, mut n_bytes) = (Vec::<DeadLetter>::new(), 0);
    while let Some(row) = found.next().map_err(failure)? {
        if letters.len() == limit || n_bytes >= bytes_max {
            let next = letters.last().map(|letter| letter.stored.seq);
            return Ok(Page { events: letters, next });
        }
        let letter = read(row)?;
        n_bytes += letter.stored.event.record().len();
        letters.push(letter);
    }
    Ok(Page { events: letters, next: None })
}

fn one(conn: &Connection, seq: Seq) -> Result<Option<DeadLetter>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE seq = ?");
    let mut select = conn.prepare_cached(&sql).map_err(failure)?;
    let mut found = select.query([seq.get() as i64]).map_err(failure)?;
    found.next().map_err(failure)?.map(read).transpose()
}

fn by_id(
    conn: &Connection,
    id: &str,
    application: Option<&str>,
    stream: Option<&str>,
) -> Result<Vec<Stored>, StoreError> {
    let sql = "SELECT min(seq) AS seq, record FROM dead_letters WHERE id = ?1 AND state <> 'replayed' \
        AND (?2 IS NULL OR coalesce(application, '') = ?2) AND (?3 IS NULL OR stream = ?3) \
        AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = dead_letters.id \
            AND events.stream = dead_letters.stream \
            AND coalesce(events.application, '') = coalesce(dead_letters.application, '')) \
        GROUP BY stream, application ORDER BY seq LIMIT ?4";
    let mut select = conn.prepare_cached(sql).map_err(failure)?;
    let values = params![id, application, stream, GET_EVENTS_MAX as i64];
    let mut found = select.query(values).map_err(failure)?;
    let mut letters = Vec::new();
    while let Some(row) = found.next().map_err(failure)? {
        letters.push(stored(row)?);
    }
    Ok(letters)
}

fn sum(conn: &Connection, filter: &DeadFilter) -> rusqlite::Result<DeadSum> {
    let Condition { sql, values } = condition(filter);
    let sql = format!(
        "SELECT count(*), min(dead_at_us), max(dead_at_us), max(seq) FROM dead_letters WHERE {sql}"
    );
    let mut select = conn.prepare_cached(&sql)?;
    select.query_row(params_from_iter(values), |row| {
        let time = |at: usize| -> rusqlite::Result<Option<Timestamp>> {
            Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_micros))
        };
        Ok(DeadSum {
            count: row.get::<_, i64>(0)? as u64,
            oldest: time(1)?,
            newest: time(2)?,
            last: row.get::<_, Option<i64>>(3)?.map(|_| rows::seq(row, 3)).transpose()?,
        })
    })
}

fn slice(
    conn: &Connection,
    filter: &DeadFilter,
    job: String,
    after: Seq,
    limit: usize,
) -> rusqlite::Result<Vec<Seq>> {
    let Condition { sql, mut values } = condition(filter);
    values.push(Value::Text(job));
    values.push(Value::Integer(after.get() as i64));
    values.push(Value::Integer(limit as i64));
    let sql = format!(
        "SELECT seq FROM dead_letters WHERE (({sql}) OR job = ?) AND seq > ? ORDER BY seq LIMIT ?"
    );
    let mut select = conn.prepare_cached(&sql)?;
    let seqs = select.query_map(params_from_iter(values), |row| rows::seq(row, 0))?;
    seqs.collect()
}

fn turn(conn: &Connection, act: &DeadAct, to: DeadState) -> rusqlite::Result<usize> {
    let Condition { sql, values: wanted } = condition(&act.filter);
    let mut values = vec![
        Value::Text(to.as_str().to_owned()),
        Value::Integer(act.at.micros()),
        Value::Text(act.actor.clone()),
        act.note.clone().map_or(Value::Null, Value::Text),
    ];
    values.extend(wanted);
    values.push(Value::Integer(ACT_ROWS_MAX as i64));
    let sql = format!(
        "UPDATE dead_letters SET state = ?, state_at_us = ?, acted_by = ?, note = ? WHERE seq IN \
        (SELECT seq FROM dead_letters WHERE {sql} LIMIT ?)"
    );
    conn.prepare_cached(&sql)?.execute(params_from_iter(values))
}

fn stored(row: &Row<'_>) -> Result<Stored, StoreError> {
    let seq = rows::seq(row, 0).map_err(failure)?;
    let record: Vec<u8> = row.get(1).map_err(failure)?;
    let event = Event::decode(record.into())
        .map_err(|error| StoreError::Unusable(format!("dead letter {seq}: {error}")))?;
    Ok(Stored { seq, event })
}

fn read(row: &Row<'_>) -> Result<DeadLetter, StoreError> {
    let stored = stored(row)?;
    let read = || -> rusqlite::Result<Option<DeadLetter>> {
        let Some(state) = DeadState::parse(row.get_ref(4)?.as_str()?) else { return Ok(None) };
        Ok(Some(DeadLetter {
            stored: stored.clone(),
            reason: row.get(2)?,
            detail: row.get(3)?,
            state,
            attempts: row.get(5)?,
            dead_at: Timestamp::from_micros(row.get(6)?),
            state_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
            acted_by: row.get(8)?,
            note: row.get(9)?,
        }))
    };
    let damaged = || StoreError::Unusable(format!("dead letter {}: unknown state", stored.seq));
    read().map_err(failure)?.ok_or_else(damaged)
}

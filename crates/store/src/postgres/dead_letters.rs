//! `DeadLetterStore` on PostgreSQL: lists, sums, discard and restore. [`crate::postgres::replay`] does the rest.
//!
//! Groups, counts and selections are answered from one index; records are read only for what is shown.

use std::borrow::Cow;
use std::fmt::Write as _;

use async_trait::async_trait;
use model::{Seq, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, Transaction};

use crate::dead_letters::{
    DEAD_GROUPS_MAX, DeadAct, DeadCounts, DeadFilter, DeadGroup, DeadLetter, DeadLetterStore,
    DeadState, DeadSum, LabelIs, Replay, Replayed,
};
use crate::error::StoreError;
use crate::events::{GET_EVENTS_MAX, Page, Stored};
use crate::postgres::call::{select, write};
use crate::postgres::failure::failure;
use crate::postgres::filter::Condition;
use crate::postgres::nul::without_nul;
use crate::postgres::store::PostgresStore;
use crate::postgres::turn::take_turn;
use crate::postgres::{replay, rows};

/// Rows that one transaction changes: whoever waits for one of them gets in between.
const ACT_ROWS_MAX: usize = 10_000;

const COLUMNS: &str =
    "seq, record, reason, detail, state, attempts, dead_at_us, state_at_us, acted_by, note";

#[async_trait]
impl DeadLetterStore for PostgresStore {
    async fn dead_groups(&self, filter: DeadFilter) -> Result<Vec<DeadGroup>, StoreError> {
        let mut condition = condition(&filter);
        let limit = condition.bind(DEAD_GROUPS_MAX as i64, Type::INT8);
        let sql = format!(
            "SELECT reason, stream, application, category, name, n, first_us, last_us, last_seq, \
                (SELECT detail FROM eyas.dead_letters WHERE seq = last_seq) FROM \
            (SELECT reason, stream, application, category, name, count(*) AS n, min(dead_at_us) AS first_us, \
                max(dead_at_us) AS last_us, max(seq) AS last_seq FROM eyas.dead_letters WHERE {} \
                GROUP BY reason, stream, application, category, name \
                ORDER BY n DESC, last_seq DESC LIMIT {limit}) AS groups ORDER BY n DESC, last_seq DESC",
            condition.sql
        );
        self.chosen(&sql, &condition).await?.iter().map(group).collect()
    }

    async fn dead_counts(&self, filter: DeadFilter) -> Result<DeadCounts, StoreError> {
        let condition = condition(&DeadFilter { state: None, ..filter });
        let sql = format!(
            "SELECT state, count(*) FROM eyas.dead_letters WHERE {} GROUP BY state",
            condition.sql
        );
        let mut counts = DeadCounts::default();
        for row in self.chosen(&sql, &condition).await? {
            let count = row.try_get::<_, i64>(1).map_err(failure)? as u64;
            match DeadState::parse(row.try_get(0).map_err(failure)?) {
                Some(DeadState::Open) => counts.open = count,
                Some(DeadState::Replayed) => counts.replayed = count,
                Some(DeadState::Discarded) => counts.discarded = count,
                None => {}
            }
        }
        Ok(counts)
    }

    async fn dead_page(
        &self,
        filter: DeadFilter,
        before: Option<Seq>,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let mut condition = condition(&filter);
        let before = before.map_or(i64::MAX, |seq| seq.get() as i64);
        let before = condition.bind(before, Type::INT8);
        // One more than wanted tells a full page from the last one.
        let limit_and_one = condition.bind(limit as i64 + 1, Type::INT8);
        let bytes_max = condition.bind(i64::try_from(bytes_max).unwrap_or(i64::MAX), Type::INT8);
        // What the page has no room for is not even sent: a row comes while those before it have not reached the bound.
        let sql = format!(
            "SELECT {COLUMNS}, n_wanted FROM \
            (SELECT *, count(*) OVER () AS n_wanted, coalesce(sum(octet_length(record)) OVER \
                (ORDER BY seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS n_bytes_before FROM \
            (SELECT {COLUMNS} FROM eyas.dead_letters WHERE {} AND seq < {before} \
                ORDER BY seq DESC LIMIT {limit_and_one}) AS wanted) AS sized \
            WHERE n_bytes_before < {bytes_max} ORDER BY seq DESC",
            condition.sql
        );
        let rows = self.chosen(&sql, &condition).await?;
        let events = rows.iter().take(limit).map(read).collect::<Result<Vec<_>, _>>()?;
        let n_wanted =
            rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(10)).map_err(failure)?;
        let has_more = n_wanted as usize > events.len();
        let next = events.last().filter(|_| has_more).map(|letter| letter.stored.seq);
        Ok(Page { events, next })
    }

    async fn dead_letter(&self, seq: Seq) -> Result<Option<DeadLetter>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM eyas.dead_letters WHERE seq = $1");
        let values = [(&(seq.get() as i64) as _, Type::INT8)];
        let found = select(&self.pool, &sql, &values).await?;
        found.first().map(read).transpose()
    }

    async fn dead_by_id(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError> {
        let values = [
            (&without_nul(id) as _, Type::TEXT),
            (&application.map(without_nul) as _, Type::TEXT),
            (&stream.map(without_nul) as _, Type::TEXT),
            (&(GET_EVENTS_MAX as i64) as _, Type::INT8),
        ];
        let found = select(&self.pool, BY_ID, &values).await?;
        found.iter().map(rows::letter).collect()
    }

    async fn dead_sum(&self, filter: DeadFilter) -> Result<DeadSum, StoreError> {
        let condition = condition(&filter);
        let sql = format!(
            "SELECT count(*), min(dead_at_us), max(dead_at_us), max(seq) FROM eyas.dead_letters WHERE {}",
            condition.sql
        );
        let rows = self.chosen(&sql, &condition).await?;
        rows.first().map_or(Ok(DeadSum::default()), sum)
    }

    async fn dead_slice(
        &self,
        filter: DeadFilter,
        job: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Seq>, StoreError> {
        let mut condition = condition(&filter);
        let job = condition.bind(without_nul(job).into_owned(), Type::TEXT);
        let after = condition.bind(after.get() as i64, Type::INT8);
        let limit = condition.bind(limit as i64, Type::INT8);
        let sql = format!(
            "SELECT seq FROM eyas.dead_letters WHERE (({}) OR job = {job}) AND seq > {after} \
             ORDER BY seq LIMIT {limit}",
            condition.sql
        );
        self.chosen(&sql, &condition).await?.iter().map(|row| rows::seq(row, 0)).collect()
    }

    async fn replay(&self, replay: Replay) -> Result<Vec<Replayed>, StoreError> {
        replay::replay(&self.pool, &replay).await
    }

    async fn discard(&self, act: DeadAct) -> Result<u64, StoreError> {
        self.turn(act, DeadState::Open, DeadState::Discarded).await
    }

    async fn restore(&self, act: DeadAct) -> Result<u64, StoreError> {
        self.turn(act, DeadState::Discarded, DeadState::Open).await
    }
}

/// Of each application and stream the oldest. Values: id, application, stream, limit.
const BY_ID: &str = "SELECT d.seq, d.record FROM eyas.dead_letters d JOIN \
    (SELECT min(seq) AS seq FROM eyas.dead_letters l WHERE id = $1 AND state <> 'replayed' \
        AND ($2 IS NULL OR coalesce(application, '') = $2) AND ($3 IS NULL OR stream = $3) \
        AND NOT EXISTS (SELECT 1 FROM eyas.events e WHERE e.id = l.id AND e.stream = l.stream \
            AND coalesce(e.application, '') = coalesce(l.application, '')) \
        GROUP BY stream, application) AS oldest USING (seq) ORDER BY d.seq LIMIT $4";

impl PostgresStore {
    async fn chosen(&self, sql: &str, condition: &Condition) -> Result<Vec<Row>, StoreError> {
        select(&self.pool, sql, &condition.values()).await
    }

    /// In parts. What dies meanwhile is not part of it: only what stood at or below the last position at the begin.
    async fn turn(&self, act: DeadAct, from: DeadState, to: DeadState) -> Result<u64, StoreError> {
        let DeadAct { filter, at, actor, note } = act;
        let filter = DeadFilter { state: Some(from), ..filter };
        let Some(last) = self.dead_sum(filter.clone()).await?.last else { return Ok(0) };
        let through = filter.through.map_or(last, |through| through.min(last));
        let mut condition = condition(&DeadFilter { through: Some(through), ..filter });
        let to = condition.bind(to.as_str(), Type::TEXT);
        let at = condition.bind(at.micros(), Type::INT8);
        let actor = condition.bind(actor, Type::TEXT);
        let note =
            condition.bind(note.as_deref().map(without_nul).map(Cow::into_owned), Type::TEXT);
        let limit = condition.bind(ACT_ROWS_MAX as i64, Type::INT8);
        let sql = format!(
            "UPDATE eyas.dead_letters SET state = {to}, state_at_us = {at}, acted_by = {actor}, note = {note} \
             WHERE seq = ANY (ARRAY(SELECT seq FROM eyas.dead_letters WHERE {} LIMIT {limit}))",
            condition.sql
        );
        let mut n_turned = 0;
        loop {
            let turn = async |tx: &Transaction<'_>| {
                take_turn(tx).await?;
                tx.execute_typed(&sql, &condition.values()).await.map_err(failure)
            };
            let n = write(&self.pool, turn).await?;
            n_turned += n;
            if n < ACT_ROWS_MAX as u64 {
                return Ok(n_turned);
            }
        }
    }
}

fn condition(filter: &DeadFilter) -> Condition {
    let mut condition = Condition::new();
    if let Some(state) = filter.state {
        condition.and_equals("state", state.as_str());
    }
    if let Some(reason) = &filter.reason {
        condition.and_equals("reason", reason);
    }
    if let Some(stream) = &filter.stream {
        condition.and_equals("stream", stream);
    }
    for (column, label) in [
        ("application", &filter.application),
        ("category", &filter.category),
        ("name", &filter.name),
    ] {
        match label {
            LabelIs::Any => {}
            LabelIs::Absent => drop(write!(condition.sql, " AND {column} IS NULL")),
            LabelIs::Text(wanted) => condition.and_equals(column, wanted),
        }
    }
    if let Some(seqs) = &filter.seqs {
        let seqs: Vec<i64> = seqs.iter().map(|seq| seq.get() as i64).collect();
        let seqs = condition.bind(seqs, Type::INT8_ARRAY);
        let _ = write!(condition.sql, " AND seq = ANY ({seqs})");
    }
    if let Some(through) = filter.through {
        let through = condition.bind(through.get() as i64, Type::INT8);
        let _ = write!(condition.sql, " AND seq <= {through}");
    }
    if let Some(attempts) = filter.attempts_below {
        let attempts = condition.bind(i64::from(attempts), Type::INT8);
        let _ = write!(condition.sql, " AND attempts < {attempts}");
    }
    condition
}

fn group(row: &Row) -> Result<DeadGroup, StoreError> {
    let sample = rows::seq(row, 8)?;
    let rest = || -> Result<DeadGroup, Error> {
        Ok(DeadGroup {
            reason: row.try_get(0)?,
            stream: row.try_get(1)?,
            application: row.try_get(2)?,
            category: row.try_get(3)?,
            name: row.try_get(4)?,
            count: row.try_get::<_, i64>(5)? as u64,
            first_at: Timestamp::from_micros(row.try_get(6)?),
            last_at: Timestamp::from_micros(row.try_get(7)?),
            sample,
            sample_detail: row.try_get(9)?,
        })
    };
    rest().map_err(failure)
}

fn sum(row: &Row) -> Result<DeadSum, StoreError> {
    let number = |at: usize| row.try_get::<_, Option<i64>>(at).map_err(failure);
    let time = |at: usize| Ok::<_, StoreError>(number(at)?.map(Timestamp::from_micros));
    Ok(DeadSum {
        count: number(0)?.unwrap_or_default() as u64,
        oldest: time(1)?,
        newest: time(2)?,
        last: number(3)?.map(|_| rows::seq(row, 3)).transpose()?,
    })
}

fn read(row: &Row) -> Result<DeadLetter, StoreError> {
    let stored = rows::letter(row)?;
    let state = DeadState::parse(row.try_get(4).map_err(failure)?);
    let damaged = || StoreError::Unusable(format!("dead letter {}: unknown state", stored.seq));
    let state = state.ok_or_else(damaged)?;
    let rest = || -> Result<DeadLetter, Error> {
        Ok(DeadLetter {
            reason: row.try_get(2)?,
            detail: row.try_get(3)?,
            state,
            attempts: row.try_get::<_, i64>(5)? as u32,
            dead_at: Timestamp::from_micros(row.try_get(6)?),
            state_at: row.try_get::<_, Option<i64>>(7)?.map(Timestamp::from_micros),
            acted_by: row.try_get(8)?,
            note: row.try_get(9)?,
            stored,
        })
    };
    rest().map_err(failure)
}

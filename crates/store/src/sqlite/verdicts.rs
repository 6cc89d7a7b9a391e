//! `VerdictStore` on SQLite: found on a reader, changed on the writer, a slice in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use model::Seq;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Transaction, TransactionBehavior, params,
};

use crate::error::StoreError;
use crate::events::{Extent, Order, PageQuery, Stored};
use crate::sqlite::failure::{failure, refusal};
use crate::sqlite::store::SqliteStore;
use crate::sqlite::{page, rows};
use crate::verdicts::{Rejudge, Verdict, VerdictSlice, VerdictStore};

/// Of the data only its length is looked at.
const LENGTHS: Extent = Extent { data_bytes_max: Some(0), ..Extent::PAGE };

const UPDATE: &str = "UPDATE events SET valid = ?2, errors = ?3, schema_version = ?4 WHERE seq = ?1 \
    AND (valid IS NOT ?2 OR errors IS NOT ?3 OR schema_version IS NOT ?4)";

#[async_trait]
impl VerdictStore for SqliteStore {
    async fn verdict_slice(&self, wanted: VerdictSlice) -> Result<Vec<Seq>, StoreError> {
        let VerdictSlice { job, filter, after, through, limit, data_bytes_max } = wanted;
        let unfinished = move |conn: &Connection| unfinished(conn, &job, after).map_err(failure);
        let again = self.readers.run(unfinished).await?;
        if !again.is_empty() {
            return Ok(again);
        }
        // A page reads a bounded number of rows and may be empty before the end.
        let mut after = Some(after);
        while after.is_some_and(|after| after < through) {
            let query = PageQuery { filter: filter.clone(), after, order: Order::Asc, limit };
            let page = self.readers.run(move |conn| page::page(conn, &query, LENGTHS)).await?;
            if !page.events.is_empty() {
                return Ok(VerdictSlice::of(&page, (through, data_bytes_max)));
            }
            after = page.next;
        }
        Ok(Vec::new())
    }

    async fn events_at(&self, seqs: Vec<Seq>) -> Result<Vec<Stored>, StoreError> {
        self.readers.run(move |conn| events_at(conn, &seqs).map_err(failure)).await
    }

    async fn rejudge(&self, rejudge: Rejudge) -> Result<Vec<Option<bool>>, StoreError> {
        self.writer.run(move |conn| run(conn, &rejudge)).await
    }
}

fn unfinished(conn: &Connection, job: &str, after: Seq) -> rusqlite::Result<Vec<Seq>> {
    let mut select =
        conn.prepare_cached("SELECT seq FROM rejudged WHERE job = ? AND seq > ? ORDER BY seq")?;
    select.query_map(params![job, after.get() as i64], |row| rows::seq(row, 0))?.collect()
}

fn events_at(conn: &Connection, seqs: &[Seq]) -> rusqlite::Result<Vec<Stored>> {
    let sql = format!("SELECT {} FROM events WHERE seq = ?", rows::COLUMNS);
    let mut select = conn.prepare_cached(&sql)?;
    let mut events = Vec::with_capacity(seqs.len());
    for seq in seqs {
        events.extend(select.query_row([seq.get() as i64], rows::stored).optional()?);
    }
    Ok(events)
}

fn run(conn: &mut Connection, rejudge: &Rejudge) -> Result<Vec<Option<bool>>, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let before = told_before(&tx, &rejudge.job).map_err(failure)?;
    if !before.is_empty() && rejudge.seqs.iter().all(|seq| before.contains_key(seq)) {
        return Ok(rejudge.seqs.iter().map(|seq| before[seq]).collect());
    }
    let mut changed = HashMap::new();
    {
        let mut update = tx.prepare_cached(UPDATE).map_err(failure)?;
        for verdict in &rejudge.verdicts {
            if change(&mut update, verdict)? {
                changed.insert(verdict.seq, verdict.valid);
            }
        }
    }
    let answers: Vec<_> = rejudge.seqs.iter().map(|seq| changed.get(seq).copied()).collect();
    // A slice in which nothing changes is found again as it is.
    if !changed.is_empty() {
        note(&tx, rejudge, &answers).map_err(failure)?;
        crash::at("revalidate.before_commit");
        tx.commit().map_err(failure)?;
        crash::at("revalidate.after_commit");
    }
    Ok(answers)
}

/// What the slice of this job that was changed last was answered.
fn told_before(tx: &Transaction<'_>, job: &str) -> rusqlite::Result<HashMap<Seq, Option<bool>>> {
    let mut select = tx.prepare_cached("SELECT seq, valid FROM rejudged WHERE job = ?")?;
    select.query_map([job], |row| Ok((rows::seq(row, 0)?, row.get(1)?)))?.collect()
}

/// Whether it is another verdict.
fn change(update: &mut CachedStatement<'_>, verdict: &Verdict) -> Result<bool, StoreError> {
    let Verdict { seq, valid, errors, schema_version } = verdict;
    match update.execute(params![seq.get() as i64, valid, errors, schema_version]) {
        Ok(n_rows) => Ok(n_rows == 1),
        Err(error) => Err(StoreError::Refused {
            seq: *seq,
            reason: format!("the event's verdict cannot be changed: {}", refusal(error)?),
        }),
    }
}

/// Only the newest slice is kept: one job of the kind is unfinished, and it has left the others behind.
fn note(tx: &Transaction<'_>, rejudge: &Rejudge, answers: &[Option<bool>]) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM rejudged", [])?;
    let mut insert =
        tx.prepare_cached("INSERT INTO rejudged (seq, job, valid) VALUES (?, ?, ?)")?;
    for (seq, valid) in rejudge.seqs.iter().zip(answers) {
        insert.execute(params![seq.get() as i64, rejudge.job, valid])?;
    }
    Ok(())
}

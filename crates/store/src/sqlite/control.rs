//! `control.db`: small settled things: the name of the data directory, read once, and the metric history.

use async_trait::async_trait;
use model::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::control::{ControlStore, History, HistoryMark, HistoryPoint, HistorySave};
use crate::error::StoreError;
use crate::sqlite::failure::failure;
use crate::sqlite::store::SqliteStore;

#[async_trait]
impl ControlStore for SqliteStore {
    async fn instance(&self) -> Result<String, StoreError> {
        Ok(self.instance.clone())
    }

    async fn metric_history(&self) -> Result<History, StoreError> {
        self.control.run(|conn| read(conn).map_err(failure)).await
    }

    async fn save_metric_history(&self, save: HistorySave) -> Result<(), StoreError> {
        self.control.run(move |conn| write(conn, &save).map_err(failure)).await
    }
}

fn read(conn: &Connection) -> rusqlite::Result<History> {
    let mut points =
        conn.prepare("SELECT step_s, at_s, point FROM status_history ORDER BY step_s, at_s")?;
    let points = points.query_map([], |row| {
        Ok(HistoryPoint { step_s: row.get(0)?, at_s: row.get(1)?, point: row.get(2)? })
    })?;
    let mut marks = conn.prepare("SELECT at_us, what FROM status_marks ORDER BY at_us")?;
    let marks = marks.query_map([], |row| {
        Ok(HistoryMark { at: Timestamp::from_micros(row.get(0)?), what: row.get(1)? })
    })?;
    Ok(History {
        points: points.collect::<Result<_, _>>()?,
        marks: marks.collect::<Result<_, _>>()?,
    })
}

fn write(conn: &mut Connection, save: &HistorySave) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert =
            tx.prepare_cached("INSERT OR REPLACE INTO status_history VALUES (?, ?, ?)")?;
        for HistoryPoint { step_s, at_s, point } in &save.points {
            insert.execute(params![step_s, at_s, point])?;
        }
        let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO status_marks VALUES (?, ?)")?;
        for mark in &save.marks {
            insert.execute(params![mark.at.micros(), mark.what])?;
        }
        let mut forget =
            tx.prepare_cached("DELETE FROM status_history WHERE step_s = ? AND at_s < ?")?;
        for (step_s, from_s) in &save.keep_from {
            forget.execute(params![step_s, from_s])?;
        }
        let mut forget = tx.prepare_cached("DELETE FROM status_marks WHERE at_us < ?")?;
        forget.execute([save.keep_marks_from.micros()])?;
    }
    tx.commit()
}

//! Small settled things: the name of this installation, and the metric history.

use std::collections::BTreeMap;

use async_trait::async_trait;
use model::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use crate::control::{ControlStore, History, HistoryMark, HistoryPoint, HistorySave};
use crate::error::StoreError;
use crate::postgres::call::{self, select};
use crate::postgres::failure::failure;
use crate::postgres::store::PostgresStore;

#[async_trait]
impl ControlStore for PostgresStore {
    async fn instance(&self) -> Result<String, StoreError> {
        let rows = select(&self.pool, "SELECT name FROM eyas.instance WHERE id = 1", &[]).await?;
        let nameless = || StoreError::Unusable("the table eyas.instance is empty".to_owned());
        rows.first().ok_or_else(nameless)?.try_get(0).map_err(failure)
    }

    async fn metric_history(&self) -> Result<History, StoreError> {
        call::read(&self.pool, async |tx| read(tx).await.map_err(failure)).await
    }

    async fn save_metric_history(&self, save: HistorySave) -> Result<(), StoreError> {
        call::write(&self.pool, async |tx| write(tx, &save).await.map_err(failure)).await
    }
}

async fn read(tx: &Transaction<'_>) -> Result<History, Error> {
    let sql = "SELECT step_s, at_s, point FROM eyas.status_history ORDER BY step_s, at_s";
    let points = tx.query_typed(sql, &[]).await?;
    let points = points.iter().map(|row| {
        let step_s = row.try_get::<_, i64>(0)? as u32;
        Ok(HistoryPoint { step_s, at_s: row.try_get(1)?, point: row.try_get(2)? })
    });
    let points = points.collect::<Result<_, Error>>()?;
    let sql = "SELECT at_us, what FROM eyas.status_marks ORDER BY at_us";
    let marks = tx.query_typed(sql, &[]).await?;
    let marks = marks.iter().map(|row| {
        Ok(HistoryMark { at: Timestamp::from_micros(row.try_get(0)?), what: row.try_get(1)? })
    });
    Ok(History { points, marks: marks.collect::<Result<_, Error>>()? })
}

/// Rows are written in the order of their keys, so that two servers that save at once wait for each other and never
/// in a circle. Of a key that comes twice the last one counts.
async fn write(tx: &Transaction<'_>, save: &HistorySave) -> Result<(), Error> {
    let points = save.points.iter().map(|point| ((i64::from(point.step_s), point.at_s), point));
    let points: BTreeMap<_, _> = points.collect();
    let steps_s: Vec<i64> = points.keys().map(|key| key.0).collect();
    let ats_s: Vec<i64> = points.keys().map(|key| key.1).collect();
    let texts: Vec<&str> = points.values().map(|point| point.point.as_str()).collect();
    let sql = "INSERT INTO eyas.status_history (step_s, at_s, point) \
        SELECT * FROM unnest($1, $2, $3) ON CONFLICT (step_s, at_s) DO UPDATE SET point = excluded.point";
    let values = [
        (&steps_s as _, Type::INT8_ARRAY),
        (&ats_s as _, Type::INT8_ARRAY),
        (&texts as _, Type::TEXT_ARRAY),
    ];
    tx.execute_typed(sql, &values).await?;
    for mark in &save.marks {
        let sql = "INSERT INTO eyas.status_marks (at_us, what) VALUES ($1, $2) \
            ON CONFLICT (at_us) DO UPDATE SET what = excluded.what";
        let values = [(&mark.at.micros() as _, Type::INT8), (&mark.what as _, Type::TEXT)];
        tx.execute_typed(sql, &values).await?;
    }
    for (step_s, from_s) in &save.keep_from {
        let sql = "DELETE FROM eyas.status_history WHERE step_s = $1 AND at_s < $2";
        let values = [(&i64::from(*step_s) as _, Type::INT8), (from_s as _, Type::INT8)];
        tx.execute_typed(sql, &values).await?;
    }
    let sql = "DELETE FROM eyas.status_marks WHERE at_us < $1";
    tx.execute_typed(sql, &[(&save.keep_marks_from.micros(), Type::INT8)]).await.map(drop)
}

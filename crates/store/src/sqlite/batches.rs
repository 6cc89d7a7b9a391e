//! `BatchStore` in `tables.db`: which call runs on the writer's thread and which on a reader.

use std::sync::Arc;

use async_trait::async_trait;
use model::LogId;
use tokio::runtime::Handle;

use crate::batches::{
    ApplyBatch, Batch, BatchQuery, BatchStore, BatchVerdict, ErrorFeed, LaneStep, RowError,
};
use crate::error::StoreError;
use crate::events::{Claim, Lease};
use crate::sqlite::failure::failure;
use crate::sqlite::lease::BATCHES_LEASE;
use crate::sqlite::store::SqliteStore;
use crate::sqlite::{batch_rows, load};

#[async_trait]
impl BatchStore for SqliteStore {
    async fn lane(&self) -> Result<Lease, StoreError> {
        // On the writer: the answer then stands behind every batch that was handed in before.
        self.tables.run(|conn| BATCHES_LEASE.read(conn)).await
    }

    async fn claim_lane(&self, claim: Claim) -> Result<Lease, StoreError> {
        self.tables.run(move |conn| BATCHES_LEASE.claim(conn, claim)).await
    }

    async fn bind_lane(&self, log: LogId) -> Result<Lease, StoreError> {
        self.tables.run(move |conn| BATCHES_LEASE.bind(conn, log)).await
    }

    async fn apply_batch(&self, apply: ApplyBatch) -> Result<BatchVerdict, StoreError> {
        let runtime = Handle::current();
        self.tables.run(move |conn| load::apply(conn, &apply, &runtime)).await
    }

    async fn settle_batch(
        &self,
        step: LaneStep,
        batch: Batch,
        errors: Arc<dyn ErrorFeed>,
    ) -> Result<(), StoreError> {
        let runtime = Handle::current();
        self.tables
            .run(move |conn| load::settle(conn, &step, &batch, errors.errors(), &runtime))
            .await
    }

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let id = id.to_owned();
        self.table_readers
            .run(move |conn| batch_rows::find(conn, "id = ?", &[&id]).map_err(failure))
            .await
    }

    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError> {
        self.table_readers.run(move |conn| batch_rows::list(conn, &query).map_err(failure)).await
    }

    async fn batch_with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Result<Option<Batch>, StoreError> {
        let (application, table, key) =
            (application.map(str::to_owned), table.to_owned(), key.to_owned());
        let place =
            "idempotency_key = ? AND table_name = ? AND application IS ? AND state <> 'cancelled'";
        self.table_readers
            .run(move |conn| {
                batch_rows::find(conn, place, &[&key, &table, &application]).map_err(failure)
            })
            .await
    }

    async fn batch_errors(
        &self,
        id: &str,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<RowError>, StoreError> {
        let id = id.to_owned();
        self.table_readers
            .run(move |conn| batch_rows::errors(conn, &id, skip, limit).map_err(failure))
            .await
    }
}

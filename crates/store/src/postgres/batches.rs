//! `BatchStore` on PostgreSQL: which room answers which call.

use std::sync::Arc;

use async_trait::async_trait;
use model::LogId;
use tokio_postgres::types::Type;

use crate::batches::{
    ApplyBatch, Batch, BatchQuery, BatchStore, BatchVerdict, ErrorFeed, LaneStep, RowError,
};
use crate::error::StoreError;
use crate::events::{Claim, Lease};
use crate::postgres::store::PostgresStore;
use crate::postgres::{batch_rows, lane, load};

#[async_trait]
impl BatchStore for PostgresStore {
    async fn lane(&self) -> Result<Lease, StoreError> {
        lane::read(&*self.pool.get().await?).await
    }

    async fn claim_lane(&self, claim: Claim) -> Result<Lease, StoreError> {
        lane::claim(&self.writers, claim).await
    }

    async fn bind_lane(&self, log: LogId) -> Result<Lease, StoreError> {
        lane::bind(&self.writers, log).await
    }

    async fn apply_batch(&self, apply: ApplyBatch) -> Result<BatchVerdict, StoreError> {
        load::apply(&self.writers, &apply).await
    }

    async fn settle_batch(
        &self,
        step: LaneStep,
        batch: Batch,
        errors: Arc<dyn ErrorFeed>,
    ) -> Result<(), StoreError> {
        load::settle(&self.writers, &step, &batch, errors.errors()).await
    }

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let client = self.pool.get().await?;
        batch_rows::find(&client, "id = $1", &[(&id, Type::TEXT)]).await
    }

    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError> {
        batch_rows::list(&*self.pool.get().await?, &query).await
    }

    async fn batch_with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Result<Option<Batch>, StoreError> {
        let place = "idempotency_key = $1 AND table_name = $2 AND application IS NOT DISTINCT FROM $3 \
            AND state <> 'cancelled'";
        let client = self.pool.get().await?;
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&key, Type::TEXT), (&table, Type::TEXT), (&application, Type::TEXT)];
        batch_rows::find(&client, place, &values).await
    }

    async fn batch_errors(
        &self,
        id: &str,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<RowError>, StoreError> {
        batch_rows::errors(&*self.pool.get().await?, id, skip, limit).await
    }
}

//! `BatchStore` on PostgreSQL: which room answers which call.
//!
//! Invariant: every call ends within a bound of our own, but for those two that carry as much as a batch has.

use std::sync::Arc;

use async_trait::async_trait;
use model::LogId;
use tokio_postgres::types::Type;

use crate::batches::{
    ApplyBatch, Batch, BatchQuery, BatchStore, BatchVerdict, ErrorFeed, LaneStep, RowError,
};
use crate::error::StoreError;
use crate::events::{Claim, Lease};
use crate::postgres::call::{READ_MAX, WRITE_MAX, call};
use crate::postgres::lease::BATCHES_LEASE;
use crate::postgres::store::PostgresStore;
use crate::postgres::{batch_rows, load};

#[async_trait]
impl BatchStore for PostgresStore {
    async fn lane(&self) -> Result<Lease, StoreError> {
        // A crowd of readers is no reason to take the lease for lost.
        call(&self.writers, READ_MAX, async |client| BATCHES_LEASE.read(client).await).await
    }

    async fn claim_lane(&self, claim: Claim) -> Result<Lease, StoreError> {
        call(&self.writers, WRITE_MAX, async |client| {
            BATCHES_LEASE.claim(client.begin().await?, claim).await
        })
        .await
    }

    async fn bind_lane(&self, log: LogId) -> Result<Lease, StoreError> {
        call(&self.writers, WRITE_MAX, async |client| {
            BATCHES_LEASE.bind(client.begin().await?, log).await
        })
        .await
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
        call(&self.pool, READ_MAX, async |client| {
            batch_rows::find(client, "id = $1", &[(&id, Type::TEXT)]).await
        })
        .await
    }

    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError> {
        call(&self.pool, READ_MAX, async |client| batch_rows::list(client, &query).await).await
    }

    async fn batch_with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Result<Option<Batch>, StoreError> {
        let place = "idempotency_key = $1 AND table_name = $2 AND application IS NOT DISTINCT FROM $3 \
            AND state <> 'cancelled'";
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&key, Type::TEXT), (&table, Type::TEXT), (&application, Type::TEXT)];
        call(&self.pool, READ_MAX, async |client| batch_rows::find(client, place, &values).await)
            .await
    }

    async fn batch_errors(
        &self,
        id: &str,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<RowError>, StoreError> {
        call(&self.pool, READ_MAX, async |client| batch_rows::errors(client, id, skip, limit).await)
            .await
    }
}

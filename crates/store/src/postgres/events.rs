//! `EventStore` on PostgreSQL: which call runs on which connections, and for how long.
//!
//! Invariant: every call ends within a bound of our own, whatever the server does.

use async_trait::async_trait;
use model::{ContentHash, LogId, Seq};

use crate::error::StoreError;
use crate::events::{
    Applied, Apply, Claim, Compared, EventStore, Extent, Fate, IdKey, Lease, Page, PageQuery,
    SessionPage, SessionQuery, Stored,
};
use crate::postgres::call::{READ_MAX, WRITE_MAX, call, read};
use crate::postgres::failure::failure;
use crate::postgres::lease::{EVENTS_LEASE, expect_applied};
use crate::postgres::store::PostgresStore;
use crate::postgres::turn::take_turn;
use crate::postgres::{apply, history, lookup, page, session};

#[async_trait]
impl EventStore for PostgresStore {
    async fn lease(&self) -> Result<Lease, StoreError> {
        // It waits for a commit that is still under way: the answer then stands behind every apply that was handed in.
        call(&self.writers, WRITE_MAX, async |client| {
            let tx = client.begin().await?;
            take_turn(&tx).await?;
            let lease = EVENTS_LEASE.read(tx.client()).await?;
            tx.rollback().await.map_err(failure)?;
            Ok(lease)
        })
        .await
    }

    async fn claim(&self, claim: Claim) -> Result<Lease, StoreError> {
        call(&self.writers, WRITE_MAX, async |client| {
            EVENTS_LEASE.claim(client.begin().await?, claim).await
        })
        .await
    }

    async fn bind(&self, log: LogId) -> Result<Lease, StoreError> {
        call(&self.writers, WRITE_MAX, async |client| {
            EVENTS_LEASE.bind(client.begin().await?, log).await
        })
        .await
    }

    async fn apply(&self, apply: Apply) -> Result<Applied, StoreError> {
        call(&self.writers, WRITE_MAX, async |client| apply::apply(client, &apply).await).await
    }

    async fn page(&self, query: PageQuery, extent: Extent) -> Result<Page, StoreError> {
        read(&self.pool, async |tx| page::read_page(tx, &query, extent).await).await
    }

    async fn history(
        &self,
        query: PageQuery,
        bytes_max: usize,
        applied: Seq,
    ) -> Result<Page<Stored>, StoreError> {
        read(&self.pool, async |tx| {
            expect_applied(tx, applied).await?;
            history::history(tx, &query, bytes_max).await
        })
        .await
    }

    async fn get(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError> {
        read(&self.pool, async |tx| lookup::get(tx.client(), id, application, stream).await).await
    }

    async fn session(
        &self,
        query: SessionQuery,
        extent: Extent,
    ) -> Result<SessionPage, StoreError> {
        read(&self.pool, async |tx| session::session(tx, &query, extent).await).await
    }

    // The write path waits for these two: one statement each, without a transaction around it.
    async fn find(&self, keys: Vec<IdKey>) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError> {
        let pool = self.lookups.clone();
        let work = async move {
            call(&pool, READ_MAX, async |client| lookup::find(client, &keys).await).await
        };
        self.asking.answer(work).await
    }

    async fn holds(&self, seq: Seq) -> Result<bool, StoreError> {
        let pool = self.lookups.clone();
        let work = async move {
            call(&pool, READ_MAX, async |client| lookup::holds(client, seq).await).await
        };
        self.asking.answer(work).await
    }

    async fn fates(&self, seqs: Vec<Seq>) -> Result<Vec<Option<Fate>>, StoreError> {
        read(&self.pool, async |tx| lookup::fates(tx.client(), &seqs).await).await
    }

    async fn compare(&self, events: Vec<(Seq, IdKey)>) -> Result<Vec<Compared>, StoreError> {
        let (seqs, keys): (Vec<Seq>, Vec<IdKey>) = events.into_iter().unzip();
        read(&self.writers, async |tx| {
            let fates = lookup::fates(tx.client(), &seqs).await?;
            Ok(Compared::of(fates, lookup::find(tx.client(), &keys).await?))
        })
        .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.close_pools();
        Ok(())
    }
}

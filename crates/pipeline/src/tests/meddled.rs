//! A store of events that a test can come between: at some calls it is asked first, and may say how they fail.

use std::sync::Arc;

use async_trait::async_trait;
use model::{ContentHash, LogId, Seq};
use store::{
    Applied, Apply, Claim, Compared, EventStore, Extent, Fate, IdKey, Lease, Page, PageQuery,
    SessionPage, SessionQuery, SqliteStore, StoreError, Stored,
};

/// Where it is asked.
pub(crate) enum Moment<'a> {
    /// Before a transaction of the consumer.
    Apply(&'a Apply),
    /// Before a look-up of readers or of the write path.
    LookUp,
}

/// SQLite, and what comes between.
pub(crate) struct Meddled<M> {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) meddle: M,
}

#[async_trait]
impl<M> EventStore for Meddled<M>
where
    M: Fn(Moment<'_>) -> Result<(), StoreError> + Send + Sync,
{
    async fn lease(&self) -> Result<Lease, StoreError> {
        self.store.lease().await
    }

    async fn claim(&self, claim: Claim) -> Result<Lease, StoreError> {
        self.store.claim(claim).await
    }

    async fn bind(&self, log: LogId) -> Result<Lease, StoreError> {
        self.store.bind(log).await
    }

    async fn apply(&self, apply: Apply) -> Result<Applied, StoreError> {
        (self.meddle)(Moment::Apply(&apply))?;
        self.store.apply(apply).await
    }

    async fn page(&self, query: PageQuery, extent: Extent) -> Result<Page, StoreError> {
        self.store.page(query, extent).await
    }

    async fn history(
        &self,
        query: PageQuery,
        bytes_max: usize,
        applied: Seq,
    ) -> Result<Page<Stored>, StoreError> {
        self.store.history(query, bytes_max, applied).await
    }

    async fn get(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError> {
        self.store.get(id, application, stream).await
    }

    async fn session(
        &self,
        query: SessionQuery,
        extent: Extent,
    ) -> Result<SessionPage, StoreError> {
        self.store.session(query, extent).await
    }

    async fn find(&self, keys: Vec<IdKey>) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError> {
        (self.meddle)(Moment::LookUp)?;
        self.store.find(keys).await
    }

    async fn holds(&self, seq: Seq) -> Result<bool, StoreError> {
        (self.meddle)(Moment::LookUp)?;
        self.store.holds(seq).await
    }

    async fn fates(&self, seqs: Vec<Seq>) -> Result<Vec<Option<Fate>>, StoreError> {
        (self.meddle)(Moment::LookUp)?;
        self.store.fates(seqs).await
    }

    async fn compare(&self, events: Vec<(Seq, IdKey)>) -> Result<Vec<Compared>, StoreError> {
        self.store.compare(events).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

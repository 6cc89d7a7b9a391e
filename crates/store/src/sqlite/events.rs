//! `EventStore` on SQLite: which call runs on the writer's thread and which on a reader.

use async_trait::async_trait;
use model::{ContentHash, LogId, Seq};

use crate::error::StoreError;
use crate::events::{
    Applied, Apply, Claim, Compared, EventStore, Extent, Fate, IdKey, Lease, Page, PageQuery,
    SessionPage, SessionQuery, Stored,
};
use crate::sqlite::lease::EVENTS_LEASE;
use crate::sqlite::store::SqliteStore;
use crate::sqlite::{apply, history, lookup, page, session};

#[async_trait]
impl EventStore for SqliteStore {
    async fn lease(&self) -> Result<Lease, StoreError> {
        // On the writer: the answer then stands behind every apply that was handed in before.
        self.writer.run(|conn| EVENTS_LEASE.read(conn)).await
    }

    async fn claim(&self, claim: Claim) -> Result<Lease, StoreError> {
        self.writer.run(move |conn| EVENTS_LEASE.claim(conn, claim)).await
    }

    async fn bind(&self, log: LogId) -> Result<Lease, StoreError> {
        self.writer.run(move |conn| EVENTS_LEASE.bind(conn, log)).await
    }

    async fn apply(&self, apply: Apply) -> Result<Applied, StoreError> {
        self.writer.run(move |conn| apply::apply(conn, &apply)).await
    }

    async fn page(&self, query: PageQuery, extent: Extent) -> Result<Page, StoreError> {
        self.readers.run(move |conn| page::page(conn, &query, extent)).await
    }

    async fn history(
        &self,
        query: PageQuery,
        bytes_max: usize,
        _applied: Seq,
    ) -> Result<Page<Stored>, StoreError> {
        self.readers.run(move |conn| history::history(conn, &query, bytes_max)).await
    }

    async fn get(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError> {
        let (id, application) = (id.to_owned(), application.map(str::to_owned));
        let stream = stream.map(str::to_owned);
        self.readers
            .run(move |conn| lookup::get(conn, &id, application.as_deref(), stream.as_deref()))
            .await
    }

    async fn session(
        &self,
        query: SessionQuery,
        extent: Extent,
    ) -> Result<SessionPage, StoreError> {
        self.readers.run(move |conn| session::session(conn, &query, extent)).await
    }

    async fn find(&self, keys: Vec<IdKey>) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError> {
        self.lookups.run(move |conn| lookup::find(conn, &keys)).await
    }

    async fn holds(&self, seq: Seq) -> Result<bool, StoreError> {
        self.lookups.run(move |conn| lookup::holds(conn, seq)).await
    }

    async fn fates(&self, seqs: Vec<Seq>) -> Result<Vec<Option<Fate>>, StoreError> {
        self.readers.run(move |conn| lookup::fates(conn, &seqs)).await
    }

    async fn compare(&self, events: Vec<(Seq, IdKey)>) -> Result<Vec<Compared>, StoreError> {
        // On the writer, where nothing changes between the two questions.
        self.writer.run(move |conn| lookup::compare(conn, events)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        // Order matters: the readers go first, so that the writer's last checkpoint finds nobody in
        // its way and SQLite can remove the write-ahead log.
        self.readers.close().await;
        self.sql.close().await;
        self.lookups.close().await;
        self.table_readers.close().await;
        let closed = self.writer.close().await;
        self.tables.close().await?;
        self.control.close().await?;
        closed
    }
}

//! A log and a database that are wrong on purpose, each in one way.
//!
//! Without a defect they only pass on; but the database has a gate in front of its transactions, so that a world can
//! have a consumer that is behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use meter::Commits;
use model::{ContentHash, LogId, Seq, SeqRange};
use queue::{Bounds, Durability, EmbeddedQueue, Queue, QueueError, QueueReader, Record};
use rusqlite::Connection;
use store::{
    Applied, Apply, Claim, Compared, EventStore, Extent, Fate, IdKey, Lease, Page, PageQuery,
    SessionPage, SessionQuery, SqliteStore, StoreError, Stored,
};
use tokio::sync::watch;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// fdatasync answers OK and does nothing. It is in the disk, not here.
    SkippedFsync,
    /// An append is answered before its fdatasync.
    EarlyAnswer,
    /// The applied position moves in a transaction of its own, before the rows.
    SecondTransaction,
    /// The log is trimmed up to its head, not up to what is applied.
    EarlyTrim,
    /// Subscribers see records before their fdatasync.
    EarlyPush,
}

/// The log. Clones are the same one.
#[derive(Clone)]
pub(crate) struct FaultyQueue {
    inner: Arc<EmbeddedQueue>,
    defect: Option<Defect>,
    /// Behind everything that was promised a place; appends come one after the other.
    promised: Arc<AtomicU64>,
    /// The records of the last append, durable or not.
    early: watch::Sender<Vec<Record>>,
    is_for_push: bool,
}

impl FaultyQueue {
    pub(crate) fn new(inner: EmbeddedQueue, defect: Option<Defect>) -> Self {
        let (early, promised) = (watch::Sender::new(Vec::new()), Arc::default());
        Self { inner: Arc::new(inner), defect, promised, early, is_for_push: false }
    }

    /// As the push path sees it.
    pub(crate) fn for_push(&self) -> Self {
        Self { is_for_push: true, ..self.clone() }
    }

    /// Where the records of an append will stand.
    fn foresee(&self, n_records: usize) -> SeqRange {
        let next = self.inner.bounds().next.get();
        let first = self.promised.fetch_max(next, Ordering::Relaxed).max(next);
        let end = first + n_records as u64;
        self.promised.store(end, Ordering::Relaxed);
        SeqRange { first: seq(first), last: seq(end - 1) }
    }
}

fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

#[async_trait]
impl Queue for FaultyQueue {
    fn log(&self) -> LogId {
        self.inner.log()
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    async fn append(&self, records: Vec<Bytes>) -> Result<SeqRange, QueueError> {
        match self.defect {
            Some(Defect::EarlyAnswer) => {
                let foreseen = self.foresee(records.len());
                let inner = Arc::clone(&self.inner);
                tokio::spawn(async move { inner.append(records).await });
                Ok(foreseen)
            }
            Some(Defect::EarlyPush) => {
                let first = self.foresee(records.len()).first;
                let place = |(at, bytes): (u64, &Bytes)| Record {
                    seq: first.plus(at),
                    bytes: bytes.clone(),
                };
                self.early.send_replace((0..).zip(&records).map(place).collect());
                self.inner.append(records).await
            }
            _ => self.inner.append(records).await,
        }
    }

    fn bounds(&self) -> Bounds {
        self.inner.bounds()
    }

    fn commits(&self) -> Arc<Commits> {
        self.inner.commits()
    }

    fn left_bytes(&self) -> Option<u64> {
        self.inner.left_bytes()
    }

    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
    }

    fn poisoned(&self) -> watch::Receiver<bool> {
        self.inner.poisoned()
    }

    fn reader(&self, from: Seq) -> Box<dyn QueueReader> {
        let inner = self.inner.reader(from);
        if self.defect != Some(Defect::EarlyPush) || !self.is_for_push {
            return inner;
        }
        let (log, early) = (Arc::clone(&self.inner), self.early.subscribe());
        Box::new(EarlyReader { inner, log, early, position: from })
    }

    async fn trim(&self, before: Seq) -> Result<(), QueueError> {
        let is_early = self.defect == Some(Defect::EarlyTrim);
        self.inner.trim(if is_early { self.inner.bounds().next } else { before }).await
    }

    async fn close(&self) -> Result<(), QueueError> {
        self.inner.close().await
    }
}

/// Reads what is durable, and what is not yet.
struct EarlyReader {
    inner: Box<dyn QueueReader>,
    log: Arc<EmbeddedQueue>,
    early: watch::Receiver<Vec<Record>>,
    position: Seq,
}

#[async_trait]
impl QueueReader for EarlyReader {
    async fn next(&mut self, bytes_max: usize) -> Result<Vec<Record>, QueueError> {
        loop {
            let mut records = Vec::new();
            if self.position > self.log.bounds().last {
                records.clone_from(&self.early.borrow_and_update());
            }
            if records.iter().all(|record| record.seq < self.position) {
                records = tokio::select! {
                    read = self.inner.next(bytes_max) => read?,
                    _ = self.early.changed() => continue,
                };
            }
            records.retain(|record| record.seq >= self.position);
            if let Some(last) = records.last() {
                self.position = last.seq.next();
                return Ok(records);
            }
        }
    }

    fn position(&self) -> Seq {
        self.position
    }
}

/// The database.
pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<SqliteStore>,
    pub(crate) defect: Option<Defect>,
    /// Transactions wait here while it is closed.
    pub(crate) gate: watch::Receiver<bool>,
    pub(crate) database: PathBuf,
}

impl FaultyStore {
    /// A transaction of its own.
    fn move_applied(&self, from: Seq, to: Seq) {
        let database = Connection::open(&self.database).unwrap();
        database.busy_timeout(crate::app::DEADLINE).unwrap();
        let moved = database.execute(
            "UPDATE lease SET applied = ? WHERE applied = ?",
            [to.get() as i64, from.get() as i64],
        );
        assert_eq!(moved, Ok(1));
    }
}

#[async_trait]
impl EventStore for FaultyStore {
    async fn lease(&self) -> Result<Lease, StoreError> {
        self.inner.lease().await
    }

    async fn claim(&self, claim: Claim) -> Result<Lease, StoreError> {
        self.inner.claim(claim).await
    }

    async fn bind(&self, log: LogId) -> Result<Lease, StoreError> {
        self.inner.bind(log).await
    }

    async fn apply(&self, apply: Apply) -> Result<Applied, StoreError> {
        let is_split = self.defect == Some(Defect::SecondTransaction);
        if is_split {
            self.move_applied(apply.expected, apply.applied);
        }
        let _ = self.gate.clone().wait_for(|is_open| *is_open).await;
        if is_split {
            // The rows come with the position that they expect; nothing dies between these two.
            self.move_applied(apply.applied, apply.expected);
        }
        self.inner.apply(apply).await
    }

    async fn page(&self, query: PageQuery, extent: Extent) -> Result<Page, StoreError> {
        self.inner.page(query, extent).await
    }

    async fn history(
        &self,
        query: PageQuery,
        bytes_max: usize,
        applied: Seq,
    ) -> Result<Page<Stored>, StoreError> {
        self.inner.history(query, bytes_max, applied).await
    }

    async fn get(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError> {
        self.inner.get(id, application, stream).await
    }

    async fn session(
        &self,
        query: SessionQuery,
        extent: Extent,
    ) -> Result<SessionPage, StoreError> {
        self.inner.session(query, extent).await
    }

    async fn find(&self, keys: Vec<IdKey>) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError> {
        self.inner.find(keys).await
    }

    async fn holds(&self, seq: Seq) -> Result<bool, StoreError> {
        self.inner.holds(seq).await
    }

    async fn fates(&self, seqs: Vec<Seq>) -> Result<Vec<Option<Fate>>, StoreError> {
        self.inner.fates(seqs).await
    }

    async fn compare(&self, events: Vec<(Seq, IdKey)>) -> Result<Vec<Compared>, StoreError> {
        self.inner.compare(events).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

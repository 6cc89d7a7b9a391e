//! A queue in memory: for tests and throw-away servers. Real in every way but durability.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use meter::Commits;
use model::{LogId, Seq, SeqRange};
use tokio::sync::watch;

use crate::error::QueueError;
use crate::queue::{Bounds, Durability, Queue, QueueReader, Record};

/// All records since the last trim, in memory. Cheap to clone; clones share the log.
#[derive(Clone)]
pub struct MemoryQueue {
    shared: Arc<Shared>,
}

struct Shared {
    log: LogId,
    /// Held for a few copies, never across an await.
    kept: Mutex<Kept>,
    head: watch::Sender<Seq>,
    poisoned: watch::Sender<bool>,
    commits: Arc<Commits>,
}

struct Kept {
    records: VecDeque<Record>,
    first: Seq,
    last: Seq,
    next: Seq,
    n_bytes: u64,
    bytes_max: u64,
    is_closed: bool,
}

impl MemoryQueue {
    /// An empty log that holds at most 1 GiB.
    pub fn new(log: LogId) -> Self {
        Self::with_bytes_max(log, 1 << 30)
    }

    /// An empty log that answers `Full` from `bytes_max` bytes on.
    pub fn with_bytes_max(log: LogId, bytes_max: u64) -> Self {
        let first = Seq::ZERO.next();
        let kept = Kept {
            records: VecDeque::new(),
            first,
            last: Seq::ZERO,
            next: first,
            n_bytes: 0,
            bytes_max,
            is_closed: false,
        };
        let shared = Shared {
            log,
            kept: Mutex::new(kept),
            head: watch::Sender::new(first),
            poisoned: watch::Sender::new(false),
            commits: Arc::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Leaves `n` positions unused, as a log does after a cut.
    pub fn jump(&self, n: u64) {
        let mut kept = self.kept();
        kept.next = kept.next.plus(n);
        self.shared.head.send_replace(kept.next);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    fn log(&self) -> LogId {
        self.shared.log
    }

    fn durability(&self) -> Durability {
        Durability::Memory
    }

    async fn append(&self, records: Vec<Bytes>) -> Result<SeqRange, QueueError> {
        let mut kept = self.kept();
        if kept.is_closed {
            return Err(QueueError::Closed);
        }
        let n_bytes: u64 = records.iter().map(|bytes| bytes.len() as u64).sum();
        if kept.n_bytes + n_bytes > kept.bytes_max {
            return Err(QueueError::Full { n_bytes: kept.n_bytes });
        }
        assert!(!records.is_empty(), "an append has at least one record");
        let first = kept.next;
        kept.n_bytes += n_bytes;
        for bytes in records {
            let seq = kept.next;
            kept.records.push_back(Record { seq, bytes });
            kept.last = seq;
            kept.next = seq.next();
        }
        let range = SeqRange { first, last: kept.last };
        // Published under the lock, so that heads are seen in order.
        self.shared.head.send_replace(kept.next);
        Ok(range)
    }

    fn bounds(&self) -> Bounds {
        let kept = self.kept();
        Bounds { first: kept.first, last: kept.last, next: kept.next }
    }

    fn commits(&self) -> Arc<Commits> {
        Arc::clone(&self.shared.commits)
    }

    fn left_bytes(&self) -> Option<u64> {
        let kept = self.kept();
        Some(kept.bytes_max - kept.n_bytes)
    }

    fn size_bytes(&self) -> u64 {
        self.kept().n_bytes
    }

    fn poisoned(&self) -> watch::Receiver<bool> {
        self.shared.poisoned.subscribe()
    }

    fn reader(&self, from: Seq) -> Box<dyn QueueReader> {
        Box::new(MemoryReader {
            queue: self.clone(),
            head: self.shared.head.subscribe(),
            position: from,
        })
    }

    async fn trim(&self, before: Seq) -> Result<(), QueueError> {
        let mut kept = self.kept();
        while kept.records.front().is_some_and(|record| record.seq < before) {
            let record = kept.records.pop_front().expect("the front was just there");
            kept.n_bytes -= record.bytes.len() as u64;
        }
        // Not the first record's position: after a jump that would look as if something were missing.
        kept.first = kept.first.max(before.min(kept.next));
        Ok(())
    }

    async fn close(&self) -> Result<(), QueueError> {
        let mut kept = self.kept();
        kept.is_closed = true;
        // Readers that wait at the head are to notice.
        self.shared.head.send_replace(kept.next);
        Ok(())
    }
}

struct MemoryReader {
    queue: MemoryQueue,
    head: watch::Receiver<Seq>,
    position: Seq,
}

impl MemoryReader {
    fn take(&self, bytes_max: usize) -> Result<Vec<Record>, QueueError> {
        let kept = self.queue.kept();
        if self.position < kept.first {
            return Err(QueueError::Trimmed { first: kept.first });
        }
        let from = kept.records.partition_point(|record| record.seq < self.position);
        let mut n_bytes = 0;
        let fits = |record: &&Record| {
            let is_first = n_bytes == 0;
            n_bytes += record.bytes.len().max(1);
            is_first || n_bytes <= bytes_max
        };
        Ok(kept.records.range(from..).take_while(fits).cloned().collect())
    }
}

#[async_trait]
impl QueueReader for MemoryReader {
    async fn next(&mut self, bytes_max: usize) -> Result<Vec<Record>, QueueError> {
        loop {
            self.head.borrow_and_update();
            let records = self.take(bytes_max)?;
            if let Some(last) = records.last() {
                self.position = last.seq.next();
                return Ok(records);
            }
            if self.queue.kept().is_closed || self.head.changed().await.is_err() {
                return Err(QueueError::Closed);
            }
        }
    }

    fn position(&self) -> Seq {
        self.position
    }
}

//! The queue on this machine's disk: a `seglog` in a folder of its own.
//!
//! This room only translates. What is durable, torn or corrupt is decided in `seglog`. Its calls that
//! may wait for the disk run on the blocking pool; appends wait for the log's own writer thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use meter::Commits;
use model::{LogId, Seq, SeqRange};
use seglog::{AppendError, Disk, Io, Log, OpenError, Options, ReadError, Reader};
use tokio::sync::watch;
use tokio::task;

use crate::error::QueueError;
use crate::queue::{Bounds, Durability, Queue, QueueReader, Record};

/// Where the log stands, and what the database says of it.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The log's own folder; made if missing.
    pub dir: PathBuf,
    /// How far the database came: a torn tail below it is damage. `None`: it cannot be asked, so nothing is cut and no log
    /// is made.
    pub applied: Option<Seq>,
    /// Room that is kept on the disk for the database: at most so many bytes, and at most an eighth of the disk.
    /// Below it appends answer [`QueueError::NoRoom`].
    pub reserve_bytes_max: u64,
}

/// What is kept on a disk that is large enough, unless somebody says otherwise.
pub const RESERVE_BYTES_MAX: u64 = seglog::RESERVE_BYTES_MAX;

/// A fsynced log.
pub struct EmbeddedQueue {
    log: Log,
    id: LogId,
    poisoned: watch::Receiver<bool>,
    /// Newest record found at the start, and the head then: between the two the log may have jumped.
    last_at_open: Seq,
    next_at_open: Seq,
}

impl EmbeddedQueue {
    /// On a disk that is too full even for a start, gives up the room that the log in `dir` has kept for that. For the
    /// moment before the database is opened; nobody may have the log open.
    pub fn make_room(dir: PathBuf) {
        Log::make_room(Arc::new(Disk), dir);
    }

    /// What is kept free on the disk that holds `dir`, if at most `reserve_bytes_max` shall be.
    pub fn reserve_bytes(dir: &Path, reserve_bytes_max: u64) -> u64 {
        seglog::reserve_bytes(&Disk, dir, reserve_bytes_max)
    }

    /// Opens or makes the log. Waits for the disk: call it where blocking is allowed, inside a runtime.
    ///
    /// # Errors
    /// [`QueueError::Corrupt`] for a damaged log, [`QueueError::Behind`] for one that lacks what the database has,
    /// [`QueueError::NeedsDatabase`] for one that cannot be judged without it, [`QueueError::Open`] for everything else.
    pub fn open(options: EmbeddedOptions) -> Result<Self, QueueError> {
        let settings = Options {
            applied: options.applied.map(Seq::get),
            reserve_bytes_max: options.reserve_bytes_max,
            ..Options::new(options.dir)
        };
        Self::open_on(Arc::new(Disk), &settings)
    }

    /// The same on any disk, with all settings of the log: tests have a disk that forgets what was not synced.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Io>, settings: &Options) -> Result<Self, QueueError> {
        let (log, recovered) = Log::open(disk, settings).map_err(|error| match error {
            OpenError::Corrupt { .. } => QueueError::Corrupt(error.to_string()),
            OpenError::Behind { .. } => QueueError::Behind(error.to_string()),
            OpenError::WouldCut { .. } | OpenError::NoLog { .. } => {
                QueueError::NeedsDatabase(error.to_string())
            }
            error => QueueError::Open(error.to_string()),
        })?;
        let id = LogId::new(recovered.log_id).expect("a log id is never 0");
        let next = seq(recovered.next);
        Ok(Self {
            id,
            poisoned: log.poisoned(),
            last_at_open: seq(recovered.last),
            next_at_open: next,
            log,
        })
    }
}

/// The log stays below 2^53 and refuses appends past it.
fn seq(value: u64) -> Seq {
    Seq::new(value).expect("the log keeps its numbers below 2^53")
}

#[async_trait]
impl Queue for EmbeddedQueue {
    fn log(&self) -> LogId {
        self.id
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    async fn append(&self, records: Vec<Bytes>) -> Result<SeqRange, QueueError> {
        let (first, last) = self.log.append(records).await.map_err(append_error)?;
        Ok(SeqRange { first: seq(first), last: seq(last) })
    }

    fn bounds(&self) -> Bounds {
        let (first, next) = self.log.bounds();
        let (first, next) = (seq(first), seq(next));
        let last = if next == self.next_at_open { self.last_at_open } else { next.prev() };
        Bounds { first, last, next }
    }

    fn commits(&self) -> Arc<Commits> {
        self.log.commits()
    }

    fn left_bytes(&self) -> Option<u64> {
        self.log.left_bytes()
    }

    fn size_bytes(&self) -> u64 {
        self.log.size_bytes()
    }

    fn poisoned(&self) -> watch::Receiver<bool> {
        self.poisoned.clone()
    }

    fn reader(&self, from: Seq) -> Box<dyn QueueReader> {
        Box::new(EmbeddedReader {
            reader: Some(self.log.reader(from.get())),
            log: self.log.clone(),
            head: self.log.head(),
            position: from,
        })
    }

    fn segments(&self) -> Vec<(Seq, u64)> {
        self.log.segments().into_iter().map(|(base, size_bytes)| (seq(base), size_bytes)).collect()
    }

    fn note_applied(&self, before: Seq) {
        self.log.note_unneeded(before.get());
    }

    async fn trim(&self, before: Seq) -> Result<(), QueueError> {
        let log = self.log.clone();
        let trimmed = task::spawn_blocking(move || log.trim(before.get()));
        let trimmed = trimmed.await.expect("trimming does not panic");
        trimmed.map_err(|error| QueueError::Unreadable(format!("cannot trim the log: {error}")))
    }

    async fn close(&self) -> Result<(), QueueError> {
        self.log.close().await;
        match self.log.poison_reason() {
            Some(reason) => Err(QueueError::Poisoned(reason)),
            None => Ok(()),
        }
    }
}

fn append_error(error: AppendError) -> QueueError {
    match error {
        AppendError::Full { n_bytes } => QueueError::Full { n_bytes },
        AppendError::NoRoom(why) => QueueError::NoRoom(why),
        AppendError::TooLarge { size_bytes, bytes_max, .. } => {
            QueueError::TooLarge { size_bytes, bytes_max }
        }
        AppendError::Poisoned(why) => QueueError::Poisoned(why),
        AppendError::Closed => QueueError::Closed,
    }
}

fn read_error(error: ReadError) -> QueueError {
    match error {
        ReadError::Trimmed { first } => QueueError::Trimmed { first: seq(first) },
        ReadError::Corrupt { .. } => QueueError::Corrupt(error.to_string()),
        ReadError::Io { .. } => QueueError::Unreadable(error.to_string()),
    }
}

struct EmbeddedReader {
    log: Log,
    /// Away while a read runs, and gone if the future of that read was dropped; then a new one begins at `position`.
    reader: Option<Reader>,
    head: watch::Receiver<u64>,
    position: Seq,
}

#[async_trait]
impl QueueReader for EmbeddedReader {
    async fn next(&mut self, bytes_max: usize) -> Result<Vec<Record>, QueueError> {
        loop {
            self.head.borrow_and_update();
            let mut reader =
                self.reader.take().unwrap_or_else(|| self.log.reader(self.position.get()));
            let read = task::spawn_blocking(move || (reader.read(bytes_max), reader));
            let (records, reader) = read.await.expect("reading does not panic");
            self.reader = Some(reader);
            let records = records.map_err(read_error)?;
            if let Some((last, _)) = records.last() {
                self.position = seq(last + 1);
                let record = |(at, bytes)| Record { seq: seq(at), bytes };
                return Ok(records.into_iter().map(record).collect());
            }
            self.head.changed().await.map_err(|_| QueueError::Closed)?;
        }
    }

    fn position(&self) -> Seq {
        self.position
    }
}

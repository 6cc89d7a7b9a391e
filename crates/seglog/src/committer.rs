//! The one writer. Takes all that waits, builds one buffer, one write, one fdatasync, then
//! publishes and answers.
//!
//! ```text
//! sleeping ──append──> take all ─> [roll] ─> write ─> fdatasync ─> publish ─> answer ─┐
//!    │  ^                 ^───────────────── more waits ──────────────────────────────┤
//!    │  └──────────────────────────────── nothing waits ──────────────────────────────┘
//!    └─ idle and not sealed: seal                 any error of write or fdatasync: poison
//! ```
//!
//! Invariant: an append is answered `Ok` only after the fdatasync that covers it, and nothing is
//! fsynced again in a file where an fsync has failed.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::catalog::Segment;
use crate::frame::{self, COUNT_END, Stamp};
use crate::io::{Lock, is_no_room};
use crate::options::Options;
use crate::queue::{AppendError, Linger, Pending, Wake};
use crate::segment::{BLOCK_BYTES, SEQ_END, SegmentHeader, align};
use crate::shared::Shared;
use crate::spare::{Current, Spare};

/// A commit takes no further append once it has this many bytes; a single larger append is a commit
/// of its own.
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The buffer is given back above this size, so that one large append does not hold memory for ever.
const BUFFER_KEEP_BYTES: usize = COMMIT_BYTES_MAX + BLOCK_BYTES as usize;
const SEGMENT_GROWTH: u64 = 4;
/// Longest wait of a commit for those who were answered by the one before.
const LINGER_MAX: Duration = Duration::from_micros(500);
/// Where tests kill the process: before the write, between the two, after the fsync.
const COMMIT_POINTS: [&str; 3] =
    ["commit.before_write", "commit.before_fsync", "commit.after_fsync"];
const SEAL_POINTS: [&str; 3] = ["seal.before_write", "seal.before_fsync", "seal.after_fsync"];

/// The state of the writer's thread.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    current: Current,
    next: u64,
    /// Nothing stands behind the last seal or the header.
    is_sealed: bool,
    segment_bytes_max: u64,
    seal_after: Duration,
    linger: Linger,
    buffer: Vec<u8>,
    /// Taken from the queue and not in a commit yet.
    waiting: VecDeque<Pending>,
    /// In the commit that is being written.
    in_flight: VecDeque<Pending>,
    lock: Option<Lock>,
}

impl Committer {
    /// A writer that goes on in `current`, whose content is vouched for. It holds the folder's lock
    /// until it ends.
    pub(crate) fn new(
        shared: Arc<Shared>,
        current: Current,
        options: &Options,
        lock: Lock,
    ) -> Self {
        let next = *shared.head.borrow();
        Self {
            shared,
            current,
            next,
            is_sealed: true,
            segment_bytes_max: options.segment_bytes_max,
            seal_after: options.seal_after,
            linger: Linger { n_appends: 0, wait_max: LINGER_MAX },
            buffer: Vec::new(),
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            lock: Some(lock),
        }
    }

    /// Starts the thread. It runs until the queue is closed.
    pub(crate) fn spawn(self) -> io::Result<JoinHandle<()>> {
        Builder::new().name("seglog-writer".into()).spawn(move || self.run())
    }

    fn run(mut self) {
        self.prepare_spare();
        loop {
            if self.waiting.is_empty() {
                let idle = (!self.is_sealed && !self.is_poisoned()).then_some(self.seal_after);
                match self.shared.queue.take(&mut self.waiting, idle, self.linger) {
                    Wake::Work => {}
                    Wake::Idle => {
                        self.seal();
                        continue;
                    }
                    Wake::Closed => break,
                }
            }
            if let Some(error) = self.poisoned() {
                self.shared.queue.refuse(&mut self.waiting, &error);
            } else if let Err(error) = self.commit() {
                // Those that were taken, written or not, cannot be told apart by their callers.
                self.shared.queue.refuse(&mut self.in_flight, &error);
                self.shared.queue.refuse(&mut self.waiting, &error);
            }
        }
        if !self.is_sealed && !self.is_poisoned() {
            self.seal();
        }
    }

    /// One commit of as much of `waiting` as one commit may hold.
    fn commit(&mut self) -> Result<(), AppendError> {
        let first = self.next;
        let n_frame_bytes = self.choose();
        let commit_bytes = align(n_frame_bytes as u64);
        if self.current.offset + commit_bytes + BLOCK_BYTES > self.current.header.size_bytes {
            self.roll(commit_bytes)?;
        }
        let salt = self.current.header.salt;
        let stamp = Stamp { salt, durable_through: self.current.offset };
        self.buffer.reserve(commit_bytes as usize);
        let mut seq = first;
        for pending in &self.in_flight {
            frame::push_data(&mut self.buffer, stamp, seq, &pending.records);
            seq += pending.records.len() as u64;
        }
        debug_assert_eq!(self.buffer.len(), n_frame_bytes, "frames take what was counted for them");
        self.is_sealed = false;
        self.write(first, seq)?;
        crash::at("commit.before_answers");
        let mut seq = first;
        self.linger.n_appends = self.in_flight.len();
        // Order matters: whoever is answered may append again at once, and must find the room that it left.
        self.shared.queue.release(self.in_flight.iter().map(|pending| pending.frame_bytes).sum());
        for pending in self.in_flight.drain(..) {
            let end = seq + pending.records.len() as u64;
            // A caller that has gone is told nothing; its records are there all the same.
            let _ = pending.answer.send(Ok((seq, end - 1)));
            seq = end;
        }
        crash::at("commit.after_answers");
        Ok(())
    }

    /// Moves appends to `in_flight` within the bounds of one commit; answers the bytes of their frames.
    fn choose(&mut self) -> usize {
        let (mut n_bytes, mut n_records) = (0, 0);
        while let Some(pending) = self.waiting.front() {
            let (bytes, records) = (pending.frame_bytes, pending.records.len());
            let is_full =
                n_bytes + bytes > COMMIT_BYTES_MAX || (n_records + records) as u64 >= COUNT_END;
            if is_full && n_records > 0 {
                break;
            }
            n_bytes += bytes;
            n_records += records;
            self.in_flight.extend(self.waiting.pop_front());
        }
        n_bytes
    }

    /// Writes the buffer as one commit, fsyncs it and publishes it. Any error poisons.
    fn write(&mut self, first: u64, next: u64) -> Result<(), AppendError> {
        self.buffer.resize(align(self.buffer.len() as u64) as usize, 0);
        let offset = self.current.offset;
        let written = if next >= SEQ_END {
            Err(io::Error::other("the log has run out of Seqs"))
        } else {
            self.write_durably(offset, next - first)
        };
        let end = offset + self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEEP_BYTES);
        written.map_err(|error| self.poison("a commit", &error))?;
        self.current.offset = end;
        self.next = next;
        // Order matters: the catalog first, because a reader that is woken by the head looks into it.
        self.shared.catalog.publish(first, offset, end, next);
        self.shared.head.send_replace(next);
        self.shared.room.written(end - offset);
        Ok(())
    }

    /// One write, one fdatasync, timed.
    fn write_durably(&self, offset: u64, n_records: u64) -> io::Result<()> {
        let (file, commits) = (&self.current.file, &self.shared.commits);
        let [before_write, before_fsync, after_fsync] =
            if n_records > 0 { COMMIT_POINTS } else { SEAL_POINTS };
        let running = commits.busy.start();
        crash::at(before_write);
        file.write_all_at(&self.buffer, offset)?;
        crash::at(before_fsync);
        let write_us = running.elapsed_us();
        file.sync_data()?;
        crash::at(after_fsync);
        let commit_us = running.elapsed_us();
        // A seal is work, but nobody waits for it.
        if n_records > 0 {
            let n_bytes = self.buffer.len() as u64;
            commits.record(n_records, n_bytes, commit_us, commit_us - write_us);
        }
        Ok(())
    }

    /// Vouches for the last commit. There is always room for it. An error poisons; nobody waits for
    /// an answer.
    fn seal(&mut self) {
        let (salt, durable_through) = (self.current.header.salt, self.current.offset);
        frame::push_seal(&mut self.buffer, Stamp { salt, durable_through }, self.next);
        self.is_sealed = self.write(self.next, self.next).is_ok();
    }

    /// Goes on in a new segment that holds at least one commit of `commit_bytes`. Until it has its
    /// log name, a failure costs nothing: then the appends are refused and the log stays healthy.
    fn roll(&mut self, commit_bytes: u64) -> Result<(), AppendError> {
        let need_bytes = BLOCK_BYTES + commit_bytes + BLOCK_BYTES;
        let size_bytes = self.next_size_bytes().max(need_bytes);
        let spare = match self.shared.spares.take(need_bytes, size_bytes) {
            Ok(spare) => spare,
            Err(error) => return Err(self.refuse_or_poison("a new segment", &error)),
        };
        match self.install(&spare) {
            Ok(header) => {
                let folder = &self.shared.folder;
                crash::at("roll.before_folder_fsync");
                folder.sync().map_err(|error| self.poison("the log's folder", &error))?;
                crash::at("roll.after_folder_fsync");
                self.shared.catalog.push(Segment::new(header.base, header.salt, header.size_bytes));
                self.current = Current { file: spare.file, header, offset: BLOCK_BYTES };
                // The base of this segment vouches for everything before it.
                self.is_sealed = true;
                self.shared.room.written(size_bytes);
                self.prepare_spare();
                Ok(())
            }
            Err(error) => {
                spare.discard(&self.shared.folder);
                Err(self.refuse_or_poison("a new segment", &error))
            }
        }
    }

    fn install(&self, spare: &Spare) -> io::Result<SegmentHeader> {
        let folder = &self.shared.folder;
        let header = SegmentHeader {
            log_id: self.current.header.log_id,
            salt: folder.io.random()?.max(1),
            base: self.next,
            size_bytes: spare.size_bytes,
            is_recycled: spare.is_recycled,
        };
        spare.write(&header, &[])?;
        crash::at("roll.before_rename");
        spare.rename(folder, header.base)?;
        Ok(header)
    }

    fn prepare_spare(&self) {
        self.shared.spares.prepare(self.next_size_bytes());
    }

    fn next_size_bytes(&self) -> u64 {
        (self.current.header.size_bytes * SEGMENT_GROWTH).min(self.segment_bytes_max)
    }

    fn refuse_or_poison(&self, what: &str, error: &io::Error) -> AppendError {
        if !is_no_room(error) {
            return self.poison(what, error);
        }
        tracing::warn!(%error, "no room for the next segment, appends are refused");
        AppendError::NoRoom(error.to_string())
    }

    fn poison(&self, what: &str, error: &io::Error) -> AppendError {
        let reason = format!("cannot write {what}: {error}");
        self.shared.poison.set(reason.clone());
        AppendError::Poisoned(reason)
    }

    fn is_poisoned(&self) -> bool {
        self.shared.poison.reason().is_some()
    }

    fn poisoned(&self) -> Option<AppendError> {
        self.shared.poison.reason().map(|reason| AppendError::Poisoned(reason.to_owned()))
    }
}

impl Drop for Committer {
    /// Runs when the thread ends, also by a panic: whoever waits is answered, and the folder is let go.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.poison.set("the log's writer has panicked".into());
        }
        let error = self.poisoned().unwrap_or(AppendError::Closed);
        self.shared.queue.refuse(&mut self.in_flight, &error);
        self.shared.queue.refuse(&mut self.waiting, &error);
        self.shared.queue.close_for_good(&error);
        // Order matters: nobody of ours may touch the folder once its lock is free.
        *self.shared.lock_trim() = false;
        self.shared.spares.stop();
        self.shared.room.stop();
        self.lock = None;
        self.shared.ended.send_replace(true);
    }
}

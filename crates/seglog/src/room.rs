//! Room on the disk. A thread looks at it; an append looks at one flag.
//!
//! The database needs room to take what the log still holds, and only then can the log be trimmed. So the log
//! stops taking records while there still is some:
//!
//! ```text
//! reserve   = the lesser of a fixed size and an eighth of the disk; half of it is the ballast, a file of blocks
//! available = free + ballast
//! refuse    when available < reserve + 3 x backlog          backlog: bytes of the log that the database lacks
//! accept    when there is a little more than that again
//! ballast   removed when less than a quarter of its size is free, made again when free >= reserve
//! ```
//!
//! Three times the backlog: its rows with their indexes take up to twice its bytes, and pass through SQLite's own
//! log first. The ballast is for the disk that somebody else fills to the last byte: then the database (and a start)
//! still has that much, and neither file ever has to be cut short.
//!
//! Invariant: what is refused here has used no Seq and reached no file. Nobody waits for the file system on the way
//! of an append.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::folder::Folder;
use crate::io::{Io, Space};

/// How often the disk is looked at, at least: others write to it as well.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The reserve is at most this part of the disk.
const RESERVE_OF_DISK_MAX: u64 = 8;
/// The log itself may take this part of the reserve between two looks.
const UNSEEN_OF_RESERVE_MAX: u64 = 16;
/// Bytes that the database may need for each byte of the log.
const BYTES_PER_BACKLOG_BYTE: u64 = 3;
/// A start needs about this much: a segment, SQLite's log and its index.
const START_BYTES_MIN: u64 = 8 << 20;

/// The watch over one log's disk.
pub(crate) struct Room {
    folder: Folder,
    reserve_bytes_max: u64,
    is_short: AtomicBool,
    /// What may still be taken before appends are refused; `u64::MAX` while nobody knows.
    left_bytes: AtomicU64,
    /// Bytes that the log has written since the last look, and how many of them call for the next one.
    unseen_bytes: AtomicU64,
    unseen_bytes_max: AtomicU64,
    // A mutex and a condition, because the thread must sleep in between and wake up for the end.
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// Why appends are refused, while they are.
    reason: String,
    is_over: bool,
    /// The next look is due before its time.
    is_called: bool,
    watcher: Option<JoinHandle<()>>,
}

impl Room {
    pub(crate) fn new(folder: Folder, reserve_bytes_max: u64) -> Self {
        Self {
            folder,
            reserve_bytes_max,
            is_short: AtomicBool::new(false),
            left_bytes: AtomicU64::new(u64::MAX),
            unseen_bytes: AtomicU64::new(0),
            unseen_bytes_max: AtomicU64::new(u64::MAX),
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// Why appends are refused, if they are. Costs one load of a flag where there is room.
    pub(crate) fn shortage(&self) -> Option<String> {
        self.is_short.load(Ordering::Relaxed).then(|| self.lock().reason.clone())
    }

    /// How much less available room would make appends refused; `None` where nobody watches the disk.
    pub(crate) fn left_bytes(&self) -> Option<u64> {
        Some(self.left_bytes.load(Ordering::Relaxed)).filter(|left_bytes| *left_bytes != u64::MAX)
    }

    /// The log has taken so many bytes more. A fast writer must not outrun the clock.
    pub(crate) fn written(&self, n_bytes: u64) {
        let before = self.unseen_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        let max = self.unseen_bytes_max.load(Ordering::Relaxed);
        if before < max && before + n_bytes >= max {
            self.lock().is_called = true;
            self.wake.notify_all();
        }
    }

    /// Looks once, and starts the thread that goes on looking until `stop`, which the writer calls at its end.
    /// `backlog_bytes` says how much of the log the database lacks.
    pub(crate) fn watch(self: &Arc<Self>, backlog_bytes: impl Fn() -> u64 + Send + 'static) {
        if self.reserve_bytes_max == 0 {
            give_up_ballast(&self.folder);
            return;
        }
        self.judge(backlog_bytes());
        let room = Arc::clone(self);
        let watch = move || {
            while room.rest() {
                room.balance();
                room.judge(backlog_bytes());
            }
        };
        match Builder::new().name("seglog-room".into()).spawn(watch) {
            Ok(watcher) => self.lock().watcher = Some(watcher),
            Err(error) => tracing::warn!(%error, "cannot start a thread; nobody watches the disk"),
        }
    }

    /// Ends the thread, so that nobody touches the folder afterwards. The ballast stays.
    pub(crate) fn stop(&self) {
        let watcher = {
            let mut state = self.lock();
            state.is_over = true;
            state.watcher.take()
        };
        self.wake.notify_all();
        if let Some(watcher) = watcher {
            // It has nothing to answer; a panic in it is in the log already.
            let _ = watcher.join();
        }
    }

    /// Sleeps until the next look. False: it is over.
    fn rest(&self) -> bool {
        let state = self.lock();
        let is_early = |state: &mut State| !state.is_over && !state.is_called;
        let woken = self.wake.wait_timeout_while(state, LOOK_EVERY, is_early);
        let mut state = woken.unwrap_or_else(PoisonError::into_inner).0;
        state.is_called = false;
        !state.is_over
    }

    /// Makes the ballast, or gives it up, as the disk allows.
    fn balance(&self) {
        let Some(space) = self.space() else { return };
        let plan = Plan::of(self.reserve_bytes_max, space.total_bytes);
        match ballast_bytes(&self.folder) {
            0 if space.free_bytes >= plan.reserve_bytes => {
                if let Err(error) = self.make_ballast(plan.ballast_bytes) {
                    tracing::warn!(%error, "cannot make the ballast");
                }
            }
            0 => {}
            n_bytes
                if space.free_bytes < plan.ballast_bytes / 4 || n_bytes != plan.ballast_bytes =>
            {
                tracing::warn!(free_bytes = space.free_bytes, n_bytes, "the ballast is given up");
                give_up_ballast(&self.folder);
            }
            _ => {}
        }
    }

    fn make_ballast(&self, n_bytes: u64) -> io::Result<()> {
        let path = self.folder.ballast_path();
        let file = self.folder.io.create(&path)?;
        file.allocate(n_bytes).inspect_err(|_| {
            give_up_ballast(&self.folder);
        })
    }

    /// Decides whether appends are taken.
    fn judge(&self, backlog_bytes: u64) {
        // Order matters: what is written while we look counts for the next look.
        self.unseen_bytes.store(0, Ordering::Relaxed);
        let Some(space) = self.space() else { return };
        let plan = Plan::of(self.reserve_bytes_max, space.total_bytes);
        let unseen_bytes_max = plan.reserve_bytes / UNSEEN_OF_RESERVE_MAX;
        self.unseen_bytes_max.store(unseen_bytes_max, Ordering::Relaxed);
        let was_short = self.is_short.load(Ordering::Relaxed);
        let available_bytes = space.free_bytes + ballast_bytes(&self.folder);
        let need_bytes = plan.need_bytes(backlog_bytes, was_short);
        let is_short = available_bytes < need_bytes;
        self.left_bytes.store(available_bytes.saturating_sub(need_bytes), Ordering::Relaxed);
        if is_short {
            self.lock().reason = format!(
                "{} free, of which {} are kept for the database to take what the log still holds",
                mebibytes(available_bytes),
                mebibytes(need_bytes)
            );
        }
        self.is_short.store(is_short, Ordering::Relaxed);
        if is_short && !was_short {
            tracing::warn!(
                available_bytes,
                need_bytes,
                backlog_bytes,
                "the disk is full: appends are refused"
            );
        } else if was_short && !is_short {
            tracing::info!(available_bytes, need_bytes, "there is room again: appends are taken");
        }
    }

    /// A file system that does not answer is judged by the next write, not by us.
    fn space(&self) -> Option<Space> {
        self.folder.io.space(&self.folder.dir).ok().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept on a disk of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Kept for the database, the ballast included.
    pub(crate) reserve_bytes: u64,
    pub(crate) ballast_bytes: u64,
}

impl Plan {
    pub(crate) fn of(reserve_bytes_max: u64, total_bytes: u64) -> Self {
        let reserve_bytes = reserve_bytes_max.min(total_bytes / RESERVE_OF_DISK_MAX);
        Self { reserve_bytes, ballast_bytes: reserve_bytes / 2 }
    }

    /// Below this many available bytes appends are refused. Once they are, a little more is asked for, so that the
    /// answer does not flicker.
    pub(crate) fn need_bytes(&self, backlog_bytes: u64, was_short: bool) -> u64 {
        let slack_bytes = if was_short { self.reserve_bytes / 8 } else { 0 };
        let backlog_bytes = backlog_bytes.saturating_mul(BYTES_PER_BACKLOG_BYTE);
        (self.reserve_bytes + slack_bytes).saturating_add(backlog_bytes)
    }
}

/// What is kept for the database on the disk that holds `dir`; `reserve_bytes_max` where the disk does not say how
/// large it is.
pub fn reserve_bytes(io: &dyn Io, dir: &Path, reserve_bytes_max: u64) -> u64 {
    let space = io.space(dir).ok().flatten();
    space.map_or(reserve_bytes_max, |space| {
        Plan::of(reserve_bytes_max, space.total_bytes).reserve_bytes
    })
}

/// Removes the ballast of a log that nobody has open if its disk has too little room even for a start.
pub(crate) fn make_room_for_start(folder: &Folder) {
    let space = folder.io.space(&folder.dir).ok().flatten();
    if space.is_some_and(|space| space.free_bytes < START_BYTES_MIN) {
        give_up_ballast(folder);
    }
}

/// Removes the ballast. True if there was one.
pub(crate) fn give_up_ballast(folder: &Folder) -> bool {
    let removed = folder.io.remove(&folder.ballast_path());
    // Not synced: a ballast that is there again after a crash is given up again.
    removed.is_ok()
}

fn ballast_bytes(folder: &Folder) -> u64 {
    let file = folder.io.open_to_read(&folder.ballast_path());
    file.and_then(|file| file.size_bytes()).unwrap_or(0)
}

fn mebibytes(n_bytes: u64) -> String {
    format!("{:.1} MiB", n_bytes as f64 / (1024.0 * 1024.0))
}

//! The simulated disk as an `Io`. Each call is counted, asked of the plan, done on the simulated files, and noted.
//!
//! A disk is a world of its own: `kill` and `power_cut` answer another disk, as the next process finds it, and what is
//! still running goes on with the old one and can change nothing any more.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::io::{File, Io, Lock, Space};
use crate::sim::cut::Cut;
use crate::sim::inode::{Inode, SECTOR_BYTES};
use crate::sim::names::is_spare;
use crate::sim::plan::{Call, Caller, Plan, Rule, dead};
use crate::sim::state::{Effect, State};

/// A disk in memory. All clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

struct Shared {
    // A mutex: every call of every thread is one step, so there is one order of all of them.
    state: Mutex<State>,
    /// A sync may go on, or waits.
    changed: Condvar,
}

impl SimDisk {
    /// An empty disk. The seed decides what `random` answers and how calls fail.
    pub fn new(seed: u64) -> Self {
        Self::of(State::new(seed))
    }

    fn of(state: State) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) }
    }

    /// Forgets the faults that were to come, counts calls from 0 again, and takes these instead. The disk after a kill or a
    /// power cut goes on with the plan and counts where this one was.
    pub fn set_plan(&self, rules: Vec<Rule>) {
        self.lock().plan = Plan::new(rules);
    }

    /// Faults that calls have met since the plan was set.
    pub fn met(&self) -> Vec<Rule> {
        self.lock().plan.met.clone()
    }

    /// How often a caller has called a method since the plan was set.
    pub fn n_calls(&self, caller: Caller, call: Call) -> u64 {
        self.lock().plan.n_calls(caller, call)
    }

    /// Whether `Fault::Die` was met.
    pub fn is_dead(&self) -> bool {
        self.lock().is_dead
    }

    /// From now on calls of this method (`SyncData` or `SyncDir`) answer OK and do nothing: a disk that lies.
    pub fn lie_about(&self, call: Call) {
        self.lock().lie = Some(call);
    }

    /// Bytes that all files together may have. Beyond it: ENOSPC, after what still fits.
    pub fn set_capacity(&self, n_bytes: u64) {
        self.lock().capacity_bytes = Some(n_bytes);
    }

    /// Every sync of the log's data waits inside the call until it is let go.
    pub fn hold_syncs(&self, is_held: bool) {
        self.lock().holds_syncs = is_held;
        self.shared.changed.notify_all();
    }

    /// Whether a sync waits.
    pub fn is_held(&self) -> bool {
        self.lock().n_held > 0
    }

    /// The disk as the next process finds it after `kill -9`: what was written can be read, whether or not it was synced,
    /// and may still be lost in a power cut.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self::of(self.lock().after_kill())
    }

    /// The disk as it is found after a power cut. Of what was not synced the seed takes some: sectors, pages, names, lengths;
    /// sectors in flight may be garbage.
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        Self::of(self.lock().after_power_cut(&Cut::new(seed, false)))
    }

    /// The same, but what was in flight cannot even be read, until `heal`.
    #[must_use]
    pub fn power_cut_unreadable(&self, seed: u64) -> Self {
        Self::of(self.lock().after_power_cut(&Cut::new(seed, true)))
    }

    /// What could not be read holds garbage from now on.
    pub fn heal(&self) {
        self.lock().inodes.values_mut().for_each(Inode::heal);
    }

    /// Paths of all files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        self.lock().names.files().map(|(path, _)| path.to_owned()).collect()
    }

    /// What reading the file would give.
    pub fn content(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.lock();
        let number = state.names.file(path)?;
        Ok(state.inodes[&number].cache.clone())
    }

    /// Puts a file there, durable.
    pub fn put(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let number = match state.names.file(path) {
            Ok(number) => number,
            Err(_) => state.create(path)?,
        };
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        state.names.sync(folder)?;
        let mut inode = Inode::default();
        inode.write(content, 0);
        inode.sync();
        state.inodes.insert(number, inode);
        Ok(())
    }

    /// Rot: turns one bit over, counted from the start of the file.
    pub fn flip_bit(&self, path: &Path, bit: u64) -> io::Result<()> {
        let mut state = self.lock();
        let number = state.names.file(path)?;
        state.inode(number).flip_bit(bit);
        Ok(())
    }

    /// Cuts a file off, durably.
    pub fn truncate(&self, path: &Path, n_bytes: u64) -> io::Result<()> {
        let mut state = self.lock();
        let number = state.names.file(path)?;
        state.inode(number).truncate(n_bytes as usize);
        Ok(())
    }

    /// One number for all that the log has called since the disk was made, in order, with the answers.
    pub fn trace(&self) -> u64 {
        self.lock().trace
    }

    /// Syncs of a file in which a sync had failed before.
    pub fn n_syncs_after_failure(&self) -> u64 {
        self.lock().n_syncs_after_failure
    }

    /// The first bytes of the log's last write, once it is synced.
    #[cfg(test)]
    pub(crate) fn last_synced_write(&self) -> Option<[u8; 8]> {
        let state = self.lock();
        state.last_write.filter(|_| state.is_last_write_synced)
    }

    /// One call: counted, decided, done as far as it is done, noted.
    fn call<T>(
        &self,
        call: Call,
        what: &Path,
        act: impl FnOnce(&mut State, Effect) -> io::Result<T>,
    ) -> io::Result<T> {
        let is_spare = call == Call::Remove && is_spare(what);
        let caller = if is_spare { Caller::Spare } else { Caller::current() };
        let mut state = self.lock();
        while call == Call::SyncData && caller == Caller::Log && state.holds_syncs {
            state.n_held += 1;
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.n_held -= 1;
        }
        let (effect, fault) = state.decide(caller, call);
        let acted = effect.map(|effect| act(&mut state, effect));
        let answer = match (fault, acted) {
            (Some(error), _) => Err(error),
            (None, Some(answer)) => answer,
            (None, None) => Err(dead()),
        };
        if caller == Caller::Log {
            state.note(call, what, answer.is_ok());
        }
        answer
    }

    fn file(&self, number: u64, path: &Path) -> Arc<dyn File> {
        Arc::new(SimFile { disk: self.clone(), number, path: path.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Io for SimDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(Call::CreateDir, dir, |state, _| state.create_dir(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.call(Call::List, dir, |state, _| state.names.list(dir))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let number = self.call(Call::Create, path, |state, _| state.create(path))?;
        Ok(self.file(number, path))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let number = self.call(Call::Open, path, |state, _| state.names.file(path))?;
        Ok(self.file(number, path))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let number = self.call(Call::OpenToRead, path, |state, _| state.names.file(path))?;
        Ok(self.file(number, path))
    }

    fn space(&self, dir: &Path) -> io::Result<Option<Space>> {
        self.call(Call::Space, dir, |state, _| Ok(state.space()))
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.call(Call::Exchange, one, |state, _| state.names.exchange(one, other))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, to, |state, _| state.names.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, path, |state, _| state.names.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(Call::SyncDir, dir, |state, _| {
            if state.lie == Some(Call::SyncDir) { Ok(()) } else { state.names.sync(dir) }
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let is_taken = self.call(Call::Lock, path, |state, _| {
            if state.names.file(path).is_err() {
                state.create(path)?;
            }
            Ok(!state.locks.insert(path.to_owned()))
        })?;
        let held: Lock = Box::new(Held { disk: self.clone(), path: path.to_owned() });
        if is_taken {
            // It is another's: it must not be let go by dropping this one.
            std::mem::forget(held);
            return Ok(None);
        }
        Ok(Some(held))
    }

    fn random(&self) -> io::Result<u64> {
        self.call(Call::Random, Path::new("random"), |state, _| Ok(state.draw()))
    }
}

/// A lock that is held.
struct Held {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.lock().locks.remove(&self.path);
    }
}

/// An open file.
struct SimFile {
    disk: SimDisk,
    number: u64,
    path: PathBuf,
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk
            .call(Call::ReadAt, &self.path, |state, _| state.inode(self.number).read(buf, offset))
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.disk.call(Call::WriteAllAt, &self.path, |state, effect| {
            let n_sectors = buf.len().div_ceil(SECTOR_BYTES) as u64;
            let n_bytes = match effect {
                Effect::Part { thousandths } => {
                    (thousandths * n_sectors / 1000) as usize * SECTOR_BYTES
                }
                _ => buf.len(),
            };
            state.write(self.number, &buf[..n_bytes.min(buf.len())], offset)
        })
    }

    fn allocate(&self, size_bytes: u64) -> io::Result<()> {
        self.disk
            .call(Call::Allocate, &self.path, |state, _| state.allocate(self.number, size_bytes))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.call(Call::SyncData, &self.path, |state, effect| {
            state.sync(self.number, effect);
            Ok(())
        })
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.disk.call(Call::SizeBytes, &self.path, |state, _| {
            Ok(state.inode(self.number).cache.len() as u64)
        })
    }
}

//! A disk that does what the real one does until it is told to fail.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crate::io::{Disk, File, Io, Lock, Space};

/// What goes wrong. All off at first.
pub(crate) struct Faults {
    /// fdatasync of a file answers EIO.
    pub(crate) fail_sync: AtomicBool,
    /// Syncs of a file that were asked for after one of it had failed.
    pub(crate) n_syncs_after_failure: AtomicUsize,
    /// Bytes written since the last fdatasync, of whatever file.
    pub(crate) unsynced_bytes: AtomicU64,
    /// The most that there ever were.
    pub(crate) unsynced_bytes_max: AtomicU64,
    /// Making room answers ENOSPC.
    pub(crate) no_room: AtomicBool,
    /// Free bytes of a disk of 1 GiB; it does not say until this is set.
    pub(crate) free_bytes: AtomicU64,
    /// Changes (writes, renames, fsyncs …) that still succeed; then everything fails, as if the
    /// process had died.
    pub(crate) n_changes_left: AtomicI64,
    /// The next random number, if it shall not be random.
    pub(crate) random: AtomicU64,
    gate: Mutex<bool>,
    gate_opened: Condvar,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            fail_sync: AtomicBool::default(),
            n_syncs_after_failure: AtomicUsize::default(),
            unsynced_bytes: AtomicU64::default(),
            unsynced_bytes_max: AtomicU64::default(),
            no_room: AtomicBool::default(),
            free_bytes: AtomicU64::new(u64::MAX),
            n_changes_left: AtomicI64::new(i64::MAX),
            random: AtomicU64::default(),
            gate: Mutex::new(false),
            gate_opened: Condvar::new(),
        }
    }
}

impl Faults {
    /// Holds back every fdatasync until the gate is opened.
    pub(crate) fn set_gate(&self, is_closed: bool) {
        *self.gate.lock().unwrap() = is_closed;
        self.gate_opened.notify_all();
    }

    fn change(&self) -> io::Result<()> {
        if self.n_changes_left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(eio()) }
    }

    fn sync(&self, has_failed: &AtomicBool) -> io::Result<()> {
        self.change()?;
        let mut gate = self.gate.lock().unwrap();
        while *gate {
            gate = self.gate_opened.wait(gate).unwrap();
        }
        if has_failed.load(Ordering::SeqCst) {
            self.n_syncs_after_failure.fetch_add(1, Ordering::SeqCst);
        }
        if self.fail_sync.load(Ordering::SeqCst) {
            has_failed.store(true, Ordering::SeqCst);
            return Err(eio());
        }
        Ok(())
    }
}

fn eio() -> io::Error {
    io::Error::other("injected")
}

/// The real disk behind the faults.
#[derive(Clone, Default)]
pub(crate) struct FaultDisk(pub(crate) Arc<Faults>);

/// A file, what goes wrong, and whether a sync of it has failed: the spare maker has a file of its own to fail with.
struct FaultFile(Arc<dyn File>, Arc<Faults>, AtomicBool);

impl Io for FaultDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Disk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.0.change()?;
        Ok(Arc::new(FaultFile(Disk.create(path)?, self.0.clone(), AtomicBool::default())))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(FaultFile(Disk.open(path)?, self.0.clone(), AtomicBool::default())))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.change()?;
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.change()?;
        Disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.change()?;
        Disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        Disk.lock(path)
    }

    fn space(&self, _dir: &Path) -> io::Result<Option<Space>> {
        let free_bytes = self.0.free_bytes.load(Ordering::SeqCst);
        Ok((free_bytes < u64::MAX).then_some(Space { free_bytes, total_bytes: 1 << 30 }))
    }

    fn random(&self) -> io::Result<u64> {
        match self.0.random.load(Ordering::SeqCst) {
            0 => Disk.random(),
            _ => Ok(self.0.random.fetch_add(1, Ordering::SeqCst)),
        }
    }
}

impl File for FaultFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.1.change() {
            // A process that dies, or a disk that fails, may leave a part of it.
            self.0.write_all_at(&buf[..buf.len() / 1024 * 512], offset)?;
            return Err(error);
        }
        self.0.write_all_at(buf, offset)?;
        let n_bytes = buf.len() as u64;
        let unsynced_bytes = n_bytes + self.1.unsynced_bytes.fetch_add(n_bytes, Ordering::SeqCst);
        self.1.unsynced_bytes_max.fetch_max(unsynced_bytes, Ordering::SeqCst);
        Ok(())
    }

    fn allocate(&self, size_bytes: u64) -> io::Result<()> {
        self.1.change()?;
        if self.1.no_room.load(Ordering::SeqCst) {
            return Err(ErrorKind::StorageFull.into());
        }
        self.0.allocate(size_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.sync(&self.2)?;
        self.0.sync_data()?;
        self.1.unsynced_bytes.store(0, Ordering::SeqCst);
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.0.size_bytes()
    }
}

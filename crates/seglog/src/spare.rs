//! Segments in the making. A spare is a file of zeros (or an old segment, recycled) under a name
//! that recovery does not read; making one takes time, so a thread makes the next while the log
//! still writes into the current one.
//!
//! Order matters: blocks and zeros, fsync, header, fsync, rename, fsync of the folder. A crash at
//! any place leaves either a spare, which a start removes, or a whole empty segment.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::folder::Folder;
use crate::io::File;
use crate::segment::{BLOCK_BYTES, SegmentHeader};

const ZEROS_BYTES: usize = 256 * 1024;
/// So many zeros are made durable at a time. All 64 MiB of a segment at once keep the disk busy for so long that a commit of
/// this log or of another waits for it: 40 to 100 ms, with pieces of this size 15 to 30 (measured on a busy disk).
const SYNC_BYTES: u64 = 2 << 20;

/// A file that can become a segment.
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) size_bytes: u64,
    /// Holds an old segment's bytes instead of zeros.
    pub(crate) is_recycled: bool,
}

impl Spare {
    /// Makes one of zeros, fsynced. Leaves nothing behind if it fails or is told to stop.
    pub(crate) fn make(folder: &Folder, size_bytes: u64, stop: &AtomicBool) -> io::Result<Self> {
        let path = folder.spare_path();
        let file = folder.io.create(&path)?;
        let spare = Self { path, file, size_bytes, is_recycled: false };
        match spare.fill_with_zeros(stop) {
            Ok(()) => Ok(spare),
            Err(error) => {
                spare.discard(folder);
                Err(error)
            }
        }
    }

    /// Writes header and content (which starts behind the header block) and fsyncs them. Still a spare.
    pub(crate) fn write(&self, header: &SegmentHeader, content: &[u8]) -> io::Result<()> {
        assert!(
            BLOCK_BYTES + content.len() as u64 <= self.size_bytes,
            "a spare is made large enough"
        );
        self.file.write_all_at(&header.encode(), 0)?;
        if !content.is_empty() {
            self.file.write_all_at(content, BLOCK_BYTES)?;
        }
        self.file.sync_data()
    }

    /// Gives it its log name. Durable once the folder is fsynced.
    pub(crate) fn rename(&self, folder: &Folder, base: u64) -> io::Result<()> {
        folder.io.rename(&self.path, &folder.segment_path(base))
    }

    /// Removes the file. If that fails, the next start removes it.
    pub(crate) fn discard(self, folder: &Folder) {
        if let Err(error) = folder.io.remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a spare segment");
        }
    }

    fn fill_with_zeros(&self, stop: &AtomicBool) -> io::Result<()> {
        self.file.allocate(self.size_bytes)?;
        let zeros = vec![0; ZEROS_BYTES];
        let mut offset = 0;
        while offset < self.size_bytes {
            if stop.load(Ordering::Relaxed) {
                return Err(ErrorKind::Interrupted.into());
            }
            let n_bytes = (self.size_bytes - offset).min(ZEROS_BYTES as u64);
            self.file.write_all_at(&zeros[..n_bytes as usize], offset)?;
            offset += n_bytes;
            if offset.is_multiple_of(SYNC_BYTES) || offset == self.size_bytes {
                self.file.sync_data()?;
            }
        }
        Ok(())
    }
}

/// The segment that the log writes into: what a spare becomes.
pub(crate) struct Current {
    pub(crate) file: Arc<dyn File>,
    pub(crate) header: SegmentHeader,
    /// Where the next commit begins.
    pub(crate) offset: u64,
}

/// The spares of one log: at most one ready, and at most one being made.
pub(crate) struct Spares {
    folder: Folder,
    stop: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ready: Option<Spare>,
    making: Option<JoinHandle<io::Result<Spare>>>,
}

impl Spares {
    pub(crate) fn new(folder: Folder) -> Self {
        Self { folder, stop: Arc::new(AtomicBool::new(false)), state: Mutex::default() }
    }

    /// Starts making a spare, unless one is ready or on its way.
    pub(crate) fn prepare(&self, size_bytes: u64) {
        let mut state = self.lock();
        let is_ready = state.ready.as_ref().is_some_and(|spare| spare.size_bytes >= size_bytes);
        if is_ready || state.making.is_some() {
            return;
        }
        let (folder, stop) = (self.folder.clone(), self.stop.clone());
        let make = move || Spare::make(&folder, size_bytes, &stop);
        match Builder::new().name("seglog-spare".into()).spawn(make) {
            Ok(handle) => state.making = Some(handle),
            Err(error) => {
                tracing::warn!(%error, "cannot start a thread; the next segment is made late");
            }
        }
    }

    /// A spare of at least `need_bytes`: a ready one, else the one on its way, else one of
    /// `size_bytes` made here and now.
    pub(crate) fn take(&self, need_bytes: u64, size_bytes: u64) -> io::Result<Spare> {
        let fits = |spare: &Spare| spare.size_bytes >= need_bytes;
        let making = {
            let mut state = self.lock();
            if let Some(spare) = state.ready.take_if(|spare| fits(spare)) {
                return Ok(spare);
            }
            state.making.take()
        };
        match making.map(JoinHandle::join) {
            Some(Ok(Ok(spare))) if fits(&spare) => return Ok(spare),
            Some(Ok(Ok(spare))) => self.keep(spare),
            // Why it failed then does not matter: what matters is whether it can be made now.
            Some(Ok(Err(error))) => tracing::warn!(%error, "the next segment was not made in time"),
            Some(Err(_)) | None => {}
        }
        Spare::make(&self.folder, size_bytes, &self.stop)
    }

    /// Whether a recycled segment would find a place.
    pub(crate) fn wants_one(&self) -> bool {
        self.lock().ready.is_none()
    }

    /// Keeps a spare for later, or removes it if another one is ready.
    pub(crate) fn keep(&self, spare: Spare) {
        let surplus = {
            let mut state = self.lock();
            if state.ready.is_none() { state.ready.replace(spare) } else { Some(spare) }
        };
        if let Some(surplus) = surplus {
            surplus.discard(&self.folder);
        }
    }

    /// Ends the making and removes what is left, so that nobody touches the folder afterwards.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let (ready, making) = {
            let mut state = self.lock();
            (state.ready.take(), state.making.take())
        };
        let made = making.and_then(|handle| handle.join().ok()).and_then(Result::ok);
        for spare in ready.into_iter().chain(made) {
            spare.discard(&self.folder);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

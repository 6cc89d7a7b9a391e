//! The log's folder: which file is what, and the fsyncs that make names durable.
//!
//! ```text
//! lock                              held by the one process that has the log open
//! 00000000000000000001.seg          a segment; the number is its base Seq
//! spare-7.pre                       a segment in the making; whatever is found at a start is removed
//! ballast                           room to give away when the disk is full
//! 00000000000000000001.seg.torn-1   bytes that a start has cut, kept for people
//! ```

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::io::{Io, Lock};
use crate::segment;

/// The folder of one log.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) io: Arc<dyn Io>,
    pub(crate) dir: PathBuf,
    n_spares: Arc<AtomicU64>,
}

/// What stands in the folder.
pub(crate) struct Listing {
    /// Base Seqs of the segments, rising.
    pub(crate) bases: Vec<u64>,
    /// Names of left-over spares.
    pub(crate) spares: Vec<String>,
}

impl Folder {
    pub(crate) fn new(io: Arc<dyn Io>, dir: PathBuf) -> Self {
        Self { io, dir, n_spares: Arc::new(AtomicU64::new(0)) }
    }

    /// Makes the folder if it is missing, with its parents, and makes its name durable.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        prepare(&*self.io, &self.dir)
    }

    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        self.io.lock(&self.dir.join("lock"))
    }

    pub(crate) fn list(&self) -> io::Result<Listing> {
        let names = self.io.list(&self.dir)?;
        let mut bases: Vec<u64> = names.iter().filter_map(|name| segment::base_of(name)).collect();
        bases.sort_unstable();
        let spares = names.into_iter().filter(|name| is_spare(name)).collect();
        Ok(Listing { bases, spares })
    }

    pub(crate) fn segment_path(&self, base: u64) -> PathBuf {
        self.dir.join(segment::name(base))
    }

    pub(crate) fn ballast_path(&self) -> PathBuf {
        self.dir.join("ballast")
    }

    /// A name that no other spare has.
    pub(crate) fn spare_path(&self) -> PathBuf {
        let n = self.n_spares.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!("spare-{n}.pre"))
    }

    /// A free name for the bytes cut from a segment.
    pub(crate) fn torn_path(&self, base: u64) -> io::Result<PathBuf> {
        let names = self.io.list(&self.dir)?;
        let stem = format!("{}.torn-", segment::name(base));
        let n_kept = names.iter().filter(|name| name.starts_with(&stem)).count();
        let mut free =
            (n_kept + 1..).map(|n| format!("{stem}{n}")).filter(|name| !names.contains(name));
        Ok(self.dir.join(free.next().expect("the numbers do not run out")))
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.io.sync_dir(&self.dir)
    }
}

fn is_spare(name: &str) -> bool {
    name.starts_with("spare-") && Path::new(name).extension().is_some_and(|end| end == "pre")
}

fn prepare(io: &dyn Io, dir: &Path) -> io::Result<()> {
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    match io.create_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            prepare(io, parent)?;
            io.create_dir(dir).and_then(|()| io.sync_dir(dir)).and_then(|()| io.sync_dir(parent))
        }
        Ok(()) => io.sync_dir(dir).and_then(|()| sync_above(io, dir)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => sync_above(io, dir),
        Err(error) => Err(error),
    }
}

/// fsync of every folder above: any of them may have been made by a start that ended before its fsync, and then a
/// power cut would take everything below. A folder that we may not even read, or on a disk that we cannot change, is not
/// one we could have made a name in and lost it.
fn sync_above(io: &dyn Io, dir: &Path) -> io::Result<()> {
    for above in dir.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match io.sync_dir(above) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) => {}
            synced => synced?,
        }
    }
    Ok(())
}

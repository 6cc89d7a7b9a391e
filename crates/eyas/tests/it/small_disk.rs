//! A real file system of a few megabytes: an image behind a loop device. Filled to the last byte, or failing for real.
//!
//! Mounting wants root; without it these tests fail and name the command, for a disk that was never filled proves
//! nothing. Invariant: every mount is undone, also those of a run that was killed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate};
use tempfile::TempDir;

const PREFIX: &str = "eyas-disk-";
const MIB: u64 = 1024 * 1024;
const BLOCK_BYTES: u64 = 4096;

/// See the module's page.
pub(crate) struct SmallDisk {
    dir: TempDir,
    /// The image lies on a tmpfs of its own.
    has_tmpfs: bool,
}

impl SmallDisk {
    /// An ext4 of so many MiB.
    pub(crate) fn new(size_mib: u64) -> Self {
        Self::make(size_mib, None)
    }

    /// The same on memory of its own, so that it can be made to fail.
    pub(crate) fn breakable(size_mib: u64) -> Self {
        Self::make(size_mib, Some(2 * size_mib))
    }

    fn make(size_mib: u64, memory_mib: Option<u64>) -> Self {
        undo_left_overs();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a folder");
        let disk = Self { dir, has_tmpfs: memory_mib.is_some() };
        for name in ["backing", "mnt"] {
            fs::create_dir(disk.dir.path().join(name)).unwrap();
        }
        if let Some(memory_mib) = memory_mib {
            let size = format!("size={memory_mib}m");
            run("mount", &["-t", "tmpfs", "-o", &size, "none", text(&disk.backing())]);
        }
        fs::File::create(disk.image()).unwrap().set_len(size_mib * MIB).unwrap();
        let block = BLOCK_BYTES.to_string();
        run("mkfs.ext4", &["-q", "-F", "-b", &block, text(&disk.image())]);
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop,noatime", text(&self.image()), text(&self.root())]);
    }

    /// Its root folder.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("mnt")
    }

    fn backing(&self) -> PathBuf {
        self.dir.path().join("backing")
    }

    fn image(&self) -> PathBuf {
        self.backing().join("image")
    }

    /// Somebody else's file of so many bytes, or until nothing more fits: also the blocks that are kept for root.
    pub(crate) fn fill(&self, name: &str, bytes_max: u64) -> u64 {
        fill_up(&self.root().join(name), bytes_max)
    }

    /// Removes it again.
    pub(crate) fn free(&self, name: &str) {
        fs::remove_file(self.root().join(name)).unwrap();
    }

    /// From now on, whatever is written to `file` from `offset` on fails for real: the image loses those blocks, and the
    /// memory under it has none left.
    pub(crate) fn break_behind(&self, file: &Path, offset: u64) {
        let image = fs::File::options().write(true).open(self.image()).unwrap();
        for (logical, physical, n_blocks) in extents(file) {
            let n_kept = offset.div_ceil(BLOCK_BYTES).saturating_sub(logical);
            if n_kept < n_blocks {
                let start = (physical + n_kept) * BLOCK_BYTES;
                let n_bytes = (n_blocks - n_kept) * BLOCK_BYTES;
                let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                fallocate(&image, how, start, n_bytes).expect("a hole in the image");
            }
        }
        fill_up(&self.backing().join("filler"), u64::MAX);
    }

    /// Whatever is written to it waits, until the guard is dropped.
    pub(crate) fn freeze(&self) -> Frozen {
        run("fsfreeze", &["-f", text(&self.root())]);
        Frozen { root: self.root() }
    }

    /// The disk is whole again, and mounted anew, as after a repair and a reboot.
    pub(crate) fn heal(&self) {
        fs::remove_file(self.backing().join("filler")).unwrap();
        run("umount", &[text(&self.root())]);
        self.mount();
    }
}

/// A disk that does not answer. Order matters: it has to be dropped before whatever waits for it.
pub(crate) struct Frozen {
    root: PathBuf,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        thaw(&self.root);
    }
}

/// Where the blocks of a file lie: first block in the file, first block on the disk, how many.
fn extents(file: &Path) -> Vec<(u64, u64, u64)> {
    let output = Command::new("filefrag").arg("-v").arg(file).output().expect("filefrag runs");
    let listing = String::from_utf8(output.stdout).expect("UTF-8");
    let numbers = |line: &str| -> Option<(u64, u64, u64)> {
        // `   0:        0..     255:      34816..     35071:    256:             last,eof`
        let mut columns = line.split(':').skip(1);
        let mut first = || columns.next()?.split("..").next()?.trim().parse().ok();
        Some((first()?, first()?, first()?))
    };
    let found: Vec<_> = listing.lines().filter_map(numbers).collect();
    assert!(!found.is_empty(), "filefrag found no extent: {listing}");
    found
}

/// A file of so many bytes, or until nothing more fits.
fn fill_up(path: &Path, bytes_max: u64) -> u64 {
    let mut file = fs::File::create(path).unwrap();
    let (mut n_bytes, mut step) = (0, MIB);
    while n_bytes < bytes_max {
        let bytes = vec![7; step.min(bytes_max - n_bytes) as usize];
        match file.write(&bytes).and_then(|n| file.sync_data().map(|()| n)) {
            Ok(n) => n_bytes += n as u64,
            Err(_) if step > BLOCK_BYTES => step /= 4,
            Err(_) => break,
        }
    }
    n_bytes
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        undo(&self.root());
        if self.has_tmpfs {
            undo(&self.backing());
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; install e2fsprogs and mount"));
    assert!(
        output.status.success(),
        "`{program} {}` failed: {}\nThese tests mount a small disk, which wants root: \
         sudo -E env PATH=\"$PATH\" cargo nextest run -p eyas --test it disk",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Does nothing where nothing is frozen.
fn thaw(mount: &Path) {
    let _ = Command::new("fsfreeze").arg("-u").arg(mount).output();
}

/// Lazily, so that a process that still holds a file is no reason to leave the mount behind.
fn undo(mount: &Path) {
    thaw(mount);
    let _ = Command::new("umount").arg("-l").arg(mount).output();
}

/// Mounts of test processes that were killed.
fn undo_left_overs() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    // The newest first: an image lies on its tmpfs.
    for point in points.collect::<Vec<_>>().into_iter().rev() {
        let Some((_, rest)) = point.split_once(PREFIX) else { continue };
        let pid = rest.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            undo(Path::new(point));
        }
    }
}

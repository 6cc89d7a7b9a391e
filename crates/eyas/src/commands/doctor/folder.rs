//! The data directory: whose it is, and what disk it stands on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{Access, access, statfs, statvfs};

use crate::commands::doctor::finding::Finding;
use crate::units;

/// Below this the log would soon refuse.
const FREE_BYTES_FEW: u64 = 2 << 30;
/// Below this it may refuse at once.
const FREE_BYTES_MIN: u64 = 256 << 20;

/// What a file system is good for.
enum Kind {
    Disk,
    Memory,
    Network,
    Layer,
}

/// File systems by the number that Linux gives them (`statfs(2)`).
const FILE_SYSTEMS: &[(u64, &str, Kind)] = &[
    (0xef53, "ext4", Kind::Disk),
    (0x5846_5342, "xfs", Kind::Disk),
    (0x9123_683e, "btrfs", Kind::Disk),
    (0x2fc1_2fc1, "zfs", Kind::Disk),
    (0xf2f5_2010, "f2fs", Kind::Disk),
    (0x0102_1994, "tmpfs", Kind::Memory),
    (0x8584_58f6, "ramfs", Kind::Memory),
    (0x6969, "NFS", Kind::Network),
    (0xff53_4d42, "CIFS", Kind::Network),
    (0xfe53_4d42, "SMB", Kind::Network),
    (0x0102_1997, "9p", Kind::Network),
    (0x6573_5546, "FUSE", Kind::Network),
    (0x00c3_6400, "Ceph", Kind::Network),
    (0x794c_7630, "overlay", Kind::Layer),
];

/// The folder that is there: the data directory, or the nearest parent in which it would be made.
pub(crate) fn existing(data_dir: &Path) -> &Path {
    data_dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"))
}

/// May we write there, and may others read there?
pub(crate) fn permissions(data_dir: &Path) -> Finding {
    let there = existing(data_dir);
    let (name, shown) = (data_dir.display(), there.display());
    if access(there, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let text = format!("this user may not write in {shown}");
        return Finding::fail(
            "data_dir",
            text,
            format!("sudo chown \"$USER\" {shown}, or another --data-dir"),
        );
    }
    if there != data_dir {
        return Finding::ok("data_dir", format!("{name} will be made in {shown}"));
    }
    if !there.is_dir() {
        return Finding::fail(
            "data_dir",
            format!("{name} is no folder"),
            "choose another with --data-dir",
        );
    }
    let mode = there.metadata().map_or(0, |facts| facts.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let text = format!(
            "{name} has mode {mode:03o}: other users of this machine may get at the events"
        );
        return Finding::warn("data_dir", text, format!("chmod 700 {name}"));
    }
    Finding::ok("data_dir", format!("{name}, mode {mode:03o}"))
}

/// Is it a disk that keeps what is written to it?
pub(crate) fn file_system(data_dir: &Path) -> Finding {
    let check = "file_system";
    let facts = match statfs(existing(data_dir)) {
        Ok(facts) => facts,
        Err(error) => {
            return Finding::warn(
                check,
                format!("unknown: {error}"),
                "look at `df -T` of the data directory",
            );
        }
    };
    // The number's type differs between machines; its 32 bits do not.
    let number = (facts.f_type as u64) & 0xffff_ffff;
    match FILE_SYSTEMS.iter().find(|(known, ..)| *known == number) {
        Some((_, name, Kind::Disk)) => Finding::ok(check, *name),
        Some((_, name, Kind::Memory)) => Finding::fail(
            check,
            format!("{name}: it is memory, and nothing in it survives a restart of the machine"),
            "put the data directory on a disk with --data-dir",
        ),
        Some((_, name, Kind::Network)) => Finding::warn(
            check,
            format!("{name}: locks and fsync of a file system in the network cannot be relied on"),
            "put the data directory on a local disk with --data-dir",
        ),
        Some((_, name, Kind::Layer)) => Finding::warn(
            check,
            format!("{name}: a container's own layer, which goes away with the container"),
            "mount a volume, and put the data directory there",
        ),
        None => Finding::ok(check, format!("unknown kind {number:#x}")),
    }
}

/// Is there room?
pub(crate) fn space(data_dir: &Path) -> Finding {
    let check = "disk_space";
    let facts = match statvfs(existing(data_dir)) {
        Ok(facts) => facts,
        Err(error) => {
            return Finding::warn(
                check,
                format!("unknown: {error}"),
                "look at `df` of the data directory",
            );
        }
    };
    let free_bytes = facts.f_bavail.saturating_mul(facts.f_frsize);
    let total_bytes = facts.f_blocks.saturating_mul(facts.f_frsize);
    let text = format!("{} free of {}", units::bytes(free_bytes), units::bytes(total_bytes));
    let fix = "make room, or put the data directory on a larger disk";
    match free_bytes {
        0..FREE_BYTES_MIN => Finding::fail(check, text, fix),
        FREE_BYTES_MIN..FREE_BYTES_FEW => Finding::warn(check, text, fix),
        _ => Finding::ok(check, text),
    }
}

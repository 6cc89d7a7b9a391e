//! The machine: file descriptors, memory, the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use crate::commands::doctor::finding::Finding;
use crate::units;

/// As many connections as a server takes by default, and what it needs besides.
const FILES_ENOUGH: u64 = 21_000;
/// Fewer are hardly a server.
const FILES_FEW: u64 = 1024;
/// What a loaded server uses at most with default limits, roughly: bodies, rings, caches.
const MEMORY_BYTES_ENOUGH: u64 = 512 << 20;
const MEMORY_BYTES_MIN: u64 = 96 << 20;
/// A clock before this was never set: 2025-01-01.
const CLOCK_S_MIN: u64 = 1_735_689_600;
/// And one after this is wrong as well: 2100-01-01.
const CLOCK_S_MAX: u64 = 4_102_444_800;

/// The server raises its soft limit to the hard one, so that one counts.
pub(crate) fn files() -> Finding {
    let (check, fix) =
        ("files", "raise it: `ulimit -Hn 65536`, or LimitNOFILE=65536 in the systemd unit");
    match getrlimit(Resource::Nofile).maximum {
        None => Finding::ok(check, "no limit of open files"),
        Some(n @ 0..FILES_FEW) => Finding::fail(check, format!("at most {n} open files"), fix),
        Some(n @ FILES_FEW..FILES_ENOUGH) => {
            let text = format!("at most {n} open files: as many connections, less a few hundred");
            Finding::warn(check, text, fix)
        }
        Some(n) => Finding::ok(check, format!("at most {n} open files")),
    }
}

/// What is there to be used, by the machine and by the group of processes (container) that we are in.
pub(crate) fn memory() -> Finding {
    let available = std::fs::read_to_string("/proc/meminfo").ok();
    let available = available.as_deref().and_then(available_bytes);
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit: Option<u64> = limit.and_then(|text| text.trim().parse().ok());
    judge_memory(available.into_iter().chain(limit).min())
}

/// What so much memory means.
pub(crate) fn judge_memory(bytes: Option<u64>) -> Finding {
    let (check, fix) =
        ("memory", "more memory, or fewer connections and smaller requests at a time");
    let Some(bytes) = bytes else {
        return Finding::ok(check, "unknown");
    };
    let text = format!("{} can be used", units::bytes(bytes));
    match bytes {
        0..MEMORY_BYTES_MIN => Finding::fail(check, text, fix),
        MEMORY_BYTES_MIN..MEMORY_BYTES_ENOUGH => Finding::warn(check, text, fix),
        _ => Finding::ok(check, text),
    }
}

/// `MemAvailable` of `/proc/meminfo`.
pub(crate) fn available_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Is the clock sane, and does it agree with the server's, if that has said what time it is?
pub(crate) fn clock(now: SystemTime, server: Option<SystemTime>) -> Finding {
    let (check, fix) =
        ("clock", "let the machines keep their time: systemd-timesyncd, chrony or ntpd");
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if !(CLOCK_S_MIN..CLOCK_S_MAX).contains(&since) {
        let text =
            format!("it is {since} s after 1970, which cannot be: received_at would be wrong");
        return Finding::fail(check, text, fix);
    }
    let apart =
        server.map(|server| now.duration_since(server).unwrap_or_else(|early| early.duration()));
    match apart {
        None => Finding::ok(check, "sane"),
        Some(apart) if apart > Duration::from_secs(5) => {
            Finding::warn(check, format!("{} s apart from the server's", apart.as_secs()), fix)
        }
        Some(_) => Finding::ok(check, "sane, and that of the server agrees"),
    }
}

//! File descriptors: as many as this process may have, and how many of them connections may use.
//!
//! Invariant: connections can never use up the descriptors that the log and the database need. A log that cannot open its
//! next segment would have to stop.

use gateway::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the log, the database, and connections that are being turned away; half of all where there are few.
const SPARE: u64 = 512;
/// Fewer connections than this are worth a warning.
const CONNECTIONS_FEW: usize = 1_000;
/// Below this a server would be of no use.
const CONNECTIONS_MIN: u64 = 16;

/// Raises the soft limit to the hard one, and cuts the edge's bounds to what is left of it.
pub(crate) fn edge_limits() -> Limits {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let n_files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let limits = within(n_files);
    if limits.connections_max < CONNECTIONS_FEW {
        tracing::warn!(
            n_files,
            connections_max = limits.connections_max,
            "few file descriptors, so few connections: raise `ulimit -n`, or LimitNOFILE in systemd"
        );
    }
    limits
}

/// The bounds under a limit of `n_files` (`None` is no limit).
pub(crate) fn within(n_files: Option<u64>) -> Limits {
    let limits = Limits::default();
    let n_max = n_files.map_or(u64::MAX, |n_files| {
        n_files.saturating_sub(SPARE).max(n_files / 2).max(CONNECTIONS_MIN)
    });
    let n_max = usize::try_from(n_max).unwrap_or(usize::MAX);
    Limits {
        connections_max: limits.connections_max.min(n_max),
        connections_per_loopback_max: limits.connections_per_loopback_max.min(n_max),
        subscriptions_max: limits.subscriptions_max.min(n_max),
        ..limits
    }
}

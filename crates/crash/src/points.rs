//! A point has a name. The process kills itself the n-th time that it comes to the one that was armed.
//!
//! Invariant: only builds with debug assertions, which are those that the tests start, have any of this. Elsewhere the
//! condition is a constant, and nothing is left of a call, not even the name.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// Set once, before the first thread starts.
static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    point: String,
    n_left: AtomicU64,
}

/// Arms one point for the life of the process. `place` is `<point>:<n>`; without a number it is the first time. Only
/// the first call counts.
pub fn arm(place: &str) {
    if cfg!(debug_assertions) {
        let (point, n) = place.split_once(':').unwrap_or((place, ""));
        let n_left = AtomicU64::new(n.parse().unwrap_or(1));
        let _ = ARMED.set(Armed { point: point.to_owned(), n_left });
    }
}

/// Dies here, if this is the point that was armed and its turn has come. Says so on stderr, so that a test knows.
#[inline]
pub fn at(point: &str) {
    if cfg!(debug_assertions)
        && let Some(armed) = ARMED.get()
        && armed.point == point
        && armed.n_left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        die(point);
    }
}

#[cold]
fn die(point: &str) {
    // One write; where nobody listens there is nobody to tell.
    let _ = std::io::stderr().write_all(format!("killed at {point}\n").as_bytes());
    // It cannot fail, and does not return: a process may always kill itself.
    let _ = kill_process(getpid(), Signal::KILL);
}

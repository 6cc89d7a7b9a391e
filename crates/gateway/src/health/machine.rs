//! What the operating system says of this process, its cores and its disk. Where it says nothing, there is `None`.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// Longest wait of a sample for the file system; one that hangs must not take the sampler along.
const PROBE_WAIT_MAX: Duration = Duration::from_millis(200);

/// The file system of the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// For this user.
    pub(crate) free_bytes: u64,
    pub(crate) total_bytes: u64,
}

impl Disk {
    /// Asks the file system. It may hang as long as the disk does.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let facts = rustix::fs::statvfs(path).ok()?;
        Some(Self {
            free_bytes: facts.f_bavail.saturating_mul(facts.f_frsize),
            total_bytes: facts.f_blocks.saturating_mul(facts.f_frsize),
        })
    }
}

/// Asks for the disk again and again, one question at a time.
#[derive(Debug)]
pub(crate) struct DiskProbe {
    path: PathBuf,
    asked: Option<JoinHandle<Option<Disk>>>,
    last: Option<Disk>,
}

impl DiskProbe {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, asked: None, last: None }
    }

    /// The newest answer that there is.
    pub(crate) async fn look(&mut self) -> Option<Disk> {
        let path = self.path.clone();
        let asked = self.asked.get_or_insert_with(|| spawn_blocking(move || Disk::of(&path)));
        if let Ok(answer) = timeout(PROBE_WAIT_MAX, asked).await {
            self.asked = None;
            self.last = answer.ok().flatten();
        }
        self.last
    }
}

/// What this process holds; `None` where the system does not say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) n_fds: Option<u64>,
    pub(crate) n_fds_max: Option<u64>,
}

impl Process {
    /// Asks the kernel.
    pub(crate) fn now() -> Self {
        let statm = fs::read_to_string("/proc/self/statm").ok();
        // `size resident shared …`, in pages.
        let pages = statm.as_deref().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
        let n_fds = fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as u64);
        Self {
            resident_bytes: pages.map(|n| n * rustix::param::page_size() as u64),
            // The listing itself holds one.
            n_fds: n_fds.map(|n| n - 1),
            n_fds_max: getrlimit(Resource::Nofile).current,
        }
    }
}

/// Time that this process has spent on all cores.
pub(crate) fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Time that all cores together have had, in the kernel's ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreTicks {
    pub(crate) busy: u64,
    pub(crate) all: u64,
}

impl CoreTicks {
    /// The whole machine's, whoever uses it.
    pub(crate) fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`
    pub(crate) fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> =
            line.split_whitespace().take(8).map_while(|n| n.parse().ok()).collect();
        let all = ticks.iter().sum();
        // A core that waits for the disk is free to do something else.
        let idle = ticks.get(3)? + ticks.get(4)?;
        Some(Self { busy: all - idle, all })
    }

    /// The share of the time since `earlier` in which cores were busy.
    pub(crate) fn share_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all);
        if all == 0 { 0.0 } else { self.busy.saturating_sub(earlier.busy) as f64 / all as f64 }
    }
}

/// Cores that this process may use.
pub(crate) fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

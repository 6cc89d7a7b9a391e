//! Readers in threads of their own, whose calls the simulated disk neither counts nor fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder, JoinHandle};

use bytes::Bytes;

use crate::log::Log;
use crate::reader::ReadError;

type Records = Vec<(u64, Bytes)>;

/// Reads all the time while the log is appended to and trimmed.
pub(crate) struct Follower {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Records, String>>,
}

impl Follower {
    pub(crate) fn start(log: Log) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let follow = move || follow(&log, &stopped);
        let thread = Builder::new().name("reader".into()).spawn(follow);
        Self { stop, thread: thread.expect("a thread can be started") }
    }

    /// What it was shown. `Err`: what it should not have met.
    pub(crate) fn stop(self) -> Result<Records, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a reader does not panic")
    }
}

/// Reads from the first record to the head, once.
pub(crate) fn read_beside(log: &Log) -> Result<Records, String> {
    let stop = Arc::new(AtomicBool::new(true));
    let log = log.clone();
    let thread = Builder::new().name("reader".into()).spawn(move || follow(&log, &stop));
    thread.expect("a thread can be started").join().expect("a reader does not panic")
}

/// Reads on until it is stopped and at the head.
fn follow(log: &Log, stop: &AtomicBool) -> Result<Records, String> {
    let (mut reader, mut all) = (log.reader(log.bounds().0), Records::new());
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        match reader.read(50_000) {
            Ok(part) if part.is_empty() && is_last => return Ok(all),
            Ok(part) if part.is_empty() => thread::yield_now(),
            Ok(part) => all.extend(part),
            Err(ReadError::Trimmed { first }) => reader = log.reader(first),
            // The process has been killed: it reads nothing any more.
            Err(ReadError::Io { source, .. }) if source.to_string().contains("killed") => {
                return Ok(all);
            }
            Err(error) => return Err(format!("a reader beside: {error}")),
        }
    }
}

//! The log's last word. After a failed write or fsync nothing can be promised about the file any
//! more, so the log stops for good: a second fsync may answer OK although the data never reached
//! the disk.
//!
//! Invariant: once set, it stays set, and the first reason is kept.

use std::sync::OnceLock;

use tokio::sync::watch;

/// Whether the log is poisoned, and why.
#[derive(Debug)]
pub(crate) struct Poison {
    reason: OnceLock<String>,
    watch: watch::Sender<bool>,
}

impl Poison {
    pub(crate) fn new() -> Self {
        Self { reason: OnceLock::new(), watch: watch::Sender::new(false) }
    }

    /// Stops the log. Later reasons are consequences of the first and are dropped.
    pub(crate) fn set(&self, reason: String) {
        if self.reason.set(reason).is_ok() {
            tracing::error!(reason = self.reason().unwrap_or_default(), "the log is poisoned");
            self.watch.send_replace(true);
        }
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        self.watch.subscribe()
    }
}

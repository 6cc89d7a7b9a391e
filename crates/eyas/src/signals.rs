//! The signals that a server listens to.
//!
//! Order matters: they are listened to from the first moment on. SIGUSR2 would otherwise end a process that has just
//! taken over and is asked to do so again.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT stop, SIGUSR2 hands over, SIGHUP reads the configuration again.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hand_over: Signal,
    reload: Signal,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            hand_over: listen(SignalKind::user_defined2())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            reload: listen(SignalKind::hangup())?,
        })
    }

    /// Waits until somebody wants the end; the signal's name.
    pub(crate) async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits until something is wanted.
    pub(crate) async fn next(&mut self) -> Wanted {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Wanted::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Wanted::Stop("SIGINT"),
            _ = self.hand_over.recv() => Wanted::HandOver,
            _ = self.reload.recv() => Wanted::Reload,
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The end, by the signal of this name.
    Stop(&'static str),
    /// That the program on disk takes over.
    HandOver,
    /// That the configuration is read again, as far as that is possible while the server runs.
    Reload,
}

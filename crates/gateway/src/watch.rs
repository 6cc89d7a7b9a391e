//! The watch over one connection: a client that stalls is cut, at no cost per request.
//!
//! The socket counts bytes ([`Metered`]), the service says what it is doing ([`Phase`]), and every
//! [`tick`](Patience::tick) the connection's own task asks a [`Watchdog`] whether that is still fine. No timer is set,
//! reset or dropped on the path of a request, which is why hyper's own `header_read_timeout` stays off: it
//! arms a timer for every request, and it cuts idle connections after the same 10 s.
//!
//! | what | limit, see [`Patience`] |
//! |---|---|
//! | request head, from its first byte | 10 to 20 s |
//! | body | 1 KiB/s on average after 10 s; answered with 408 |
//! | whole request, head and body | 60 s, 15 minutes where the body is a batch; answered with 408 |
//! | idle connection | 75 s |
//! | answer that the client does not read | 30 s without one byte; 60 s on `/live` |

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::Patience;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Waits for a request, reads its head, or sends an answer.
    Open,
    /// Reads a body.
    Body,
    /// Reads the body of a batch, which may take longer.
    Batch,
    /// Works on an answer.
    Busy,
}

/// Counters of one connection. Its task writes and reads them, so `Relaxed` is enough.
#[derive(Debug)]
pub(crate) struct Watch {
    n_read: AtomicU64,
    n_written: AtomicU64,
    is_write_blocked: AtomicBool,
    phase: AtomicU8,
    n_phases: AtomicU64,
    n_read_before_phase: AtomicU64,
    is_body_too_slow: AtomicBool,
    is_live: AtomicBool,
}

impl Watch {
    /// A new connection.
    pub(crate) fn new() -> Self {
        Self {
            n_read: AtomicU64::new(0),
            n_written: AtomicU64::new(0),
            is_write_blocked: AtomicBool::new(false),
            phase: AtomicU8::new(Phase::Open as u8),
            n_phases: AtomicU64::new(0),
            n_read_before_phase: AtomicU64::new(0),
            is_body_too_slow: AtomicBool::new(false),
            is_live: AtomicBool::new(false),
        }
    }

    /// The connection begins to do something else.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.n_phases.store(self.n_phases.load(Relaxed) + 1, Relaxed);
        self.n_read_before_phase.store(self.n_read.load(Relaxed), Relaxed);
    }

    /// The body being read has fallen behind its pace; the next poll of its reader gives up.
    pub(crate) fn is_body_too_slow(&self) -> bool {
        self.is_body_too_slow.load(Relaxed)
    }

    /// Whether this connection carries live messages.
    pub(crate) fn carries_live(&self) -> bool {
        self.is_live.load(Relaxed)
    }

    /// This connection carries live messages from now on.
    pub(crate) fn is_live(&self) {
        self.is_live.store(true, Relaxed);
    }
}

/// Remembers what it saw at the last tick, and for how long it has been so.
#[derive(Debug)]
pub(crate) struct Watchdog {
    patience: Patience,
    n_phases: u64,
    n_read: u64,
    n_written: u64,
    phase: Duration,
    head: Duration,
    /// Head and body of the request that is being read.
    request: Duration,
    quiet: Duration,
    blocked: Duration,
}

impl Watchdog {
    /// Has seen nothing yet.
    pub(crate) fn new(patience: Patience) -> Self {
        let none = Duration::ZERO;
        Self {
            patience,
            n_phases: 0,
            n_read: 0,
            n_written: 0,
            phase: none,
            head: none,
            request: none,
            quiet: none,
            blocked: none,
        }
    }

    /// While the server drains: no request is being answered, and nothing has moved since the last look. What came
    /// of a head that is not whole is no request yet.
    pub(crate) fn is_still(&mut self, watch: &Watch) -> bool {
        let (n_read, n_written) = (watch.n_read.load(Relaxed), watch.n_written.load(Relaxed));
        let has_moved = (self.n_read, self.n_written) != (n_read, n_written);
        (self.n_read, self.n_written) = (n_read, n_written);
        watch.phase.load(Relaxed) == Phase::Open as u8 && !has_moved
    }

    /// One tick later: `true` cuts the connection.
    pub(crate) fn is_stuck(&mut self, watch: &Watch) -> bool {
        let (n_read, n_written) = (watch.n_read.load(Relaxed), watch.n_written.load(Relaxed));
        let is_same_phase = self.n_phases == watch.n_phases.load(Relaxed);
        let is_quiet = is_same_phase && self.n_read == n_read && self.n_written == n_written;
        let is_blocked = watch.is_write_blocked.load(Relaxed) && self.n_written == n_written;
        let phase = watch.phase.load(Relaxed);
        let n_read_in_phase = n_read - watch.n_read_before_phase.load(Relaxed);
        // While an answer goes out, what has been read may be the next request, waiting its turn.
        let in_head =
            phase == Phase::Open as u8 && n_read_in_phase > 0 && self.n_written == n_written;
        let in_batch = phase == Phase::Batch as u8;
        let in_body = in_batch || phase == Phase::Body as u8;
        // From its head a request comes into its body in two steps; more of them, and it is another request.
        let is_its_body = in_body
            && (is_same_phase
                || (self.head > Duration::ZERO
                    && watch.n_phases.load(Relaxed) == self.n_phases + 2));
        let grow = |time: Duration, goes_on: bool| {
            if goes_on { time + self.patience.tick } else { Duration::ZERO }
        };
        self.request = match (in_head, in_body) {
            (true, _) => grow(self.head, true),
            (_, true) if is_its_body => grow(self.request, true),
            _ => Duration::ZERO,
        };
        self.phase = grow(self.phase, is_same_phase);
        self.head = grow(self.head, in_head);
        self.quiet = grow(self.quiet, is_quiet);
        self.blocked = grow(self.blocked, is_blocked);
        (self.n_phases, self.n_read, self.n_written) =
            (watch.n_phases.load(Relaxed), n_read, n_written);

        let patience = &self.patience;
        if in_body {
            let paced = self.phase.saturating_sub(patience.body_grace).as_millis() as u64;
            let n_bytes_min = paced * patience.body_bytes_per_s_min / 1000;
            let request_max = if in_batch { patience.batch_max } else { patience.request_max };
            if self.request >= request_max || n_read_in_phase < n_bytes_min {
                watch.is_body_too_slow.store(true, Relaxed);
            }
        }
        let is_live = watch.is_live.load(Relaxed);
        let stall_max = if is_live { patience.live_stall_max } else { patience.write_stall_max };
        self.blocked >= stall_max
            || self.head > patience.head_max
            || (phase == Phase::Open as u8 && self.quiet >= patience.idle_max)
    }
}

/// A socket that tells its [`Watch`] what passes through it.
#[derive(Debug)]
pub(crate) struct Metered<Io> {
    io: Io,
    watch: Arc<Watch>,
}

impl<Io> Metered<Io> {
    /// Counts what passes through `io`.
    pub(crate) fn new(io: Io, watch: Arc<Watch>) -> Self {
        Self { io, watch }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.watch.is_write_blocked.store(written.is_pending(), Relaxed);
        if let Poll::Ready(Ok(n_bytes)) = written {
            let n_written = self.watch.n_written.load(Relaxed) + n_bytes as u64;
            self.watch.n_written.store(n_written, Relaxed);
        }
        written
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Metered<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        let n_read = self.watch.n_read.load(Relaxed) + (buffer.filled().len() - before) as u64;
        self.watch.n_read.store(n_read, Relaxed);
        read
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Metered<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

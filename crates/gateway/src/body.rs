//! Reading bodies within bounds: each one, and all of them together.
//!
//! Invariant: bytes are reserved from the process-wide [`Budget`] as they arrive and given back when the
//! request is over. What a client merely announces reserves nothing.

use std::fmt::Display;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use pipeline::{Share, Shares};

use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::watch::Watch;

/// A refused body is still read up to here, so that a client which sends first and reads later sees the answer.
const DISCARD_BYTES_MAX: u64 = 32 << 20;

/// Bodies count among the large ones from here on, and what they have in memory is shared among those who send them in units of
/// this. The connections that a client may have could not fill the budget with small ones.
const LARGE_BYTES: usize = 64 << 10;

/// Memory for all bodies together. Large ones stand in two accounts on purpose: the sum bounds memory and costs one addition
/// for each piece of any body, whoever sends it; the places say whose the large ones are, which costs a name and a lock.
#[derive(Debug)]
pub(crate) struct Budget {
    n_used: AtomicUsize,
    bytes_max: usize,
    /// All of it, for large bodies.
    pub(crate) large: Arc<Shares>,
}

impl Budget {
    /// Room for so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let large = Shares::new(bytes_max / LARGE_BYTES);
        Self { n_used: AtomicUsize::new(0), bytes_max, large }
    }

    /// Bytes in use.
    #[cfg(test)]
    pub(crate) fn n_used(&self) -> usize {
        self.n_used.load(Ordering::Relaxed)
    }
}

/// Whose share a body takes. It is asked for only when it is needed, which is rare.
pub(crate) type Whose<'a> = &'a (dyn Fn() -> Holder + Sync);

/// A part of the budget, given back when dropped.
pub(crate) struct Reserved<'a> {
    budget: &'a Budget,
    whose: Whose<'a>,
    n_bytes: usize,
    share: Option<Share>,
}

impl<'a> Reserved<'a> {
    /// Nothing yet.
    pub(crate) fn none(budget: &'a Budget, whose: Whose<'a>) -> Self {
        Self { budget, whose, n_bytes: 0, share: None }
    }

    /// Takes more of the budget; a refusal leaves what is held for the drop.
    pub(crate) fn grow(&mut self, n_bytes: usize) -> Result<(), Problem> {
        let n_before = self.budget.n_used.fetch_add(n_bytes, Ordering::Relaxed);
        self.n_bytes += n_bytes;
        if n_before + n_bytes > self.budget.bytes_max {
            return Err(Kind::Overloaded
                .problem("Too many bytes of requests are in memory already; nothing was stored."));
        }
        if self.n_bytes < LARGE_BYTES { Ok(()) } else { self.share() }
    }

    /// Who sends large bodies, and does not end them, leaves memory to others.
    fn share(&mut self) -> Result<(), Problem> {
        let n = self.n_bytes / LARGE_BYTES;
        let taken = match &mut self.share {
            Some(share) => share.grow(n - share.n()),
            none => {
                let share = self.budget.large.take((self.whose)().as_str(), n);
                share.map(|share| *none = Some(share))
            }
        };
        taken.map_err(|crowded| {
            let words =
                "Too many bytes of large requests are in memory already (a place is 64 KiB)";
            Kind::Overloaded.problem(format!("{words}: {crowded}; nothing was stored."))
        })
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.budget.n_used.fetch_sub(self.n_bytes, Ordering::Relaxed);
    }
}

/// The whole body, and its share of the budget. One that fits into one frame is not copied.
pub(crate) async fn collect<'a, B>(
    body: &mut B,
    watch: &Watch,
    (budget, whose): (&'a Budget, Whose<'a>),
    bytes_max: usize,
) -> Result<(Bytes, Reserved<'a>), Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let too_large = || {
        Kind::BodyTooLarge
            .problem(format!("The body is longer than the {bytes_max} bytes allowed."))
    };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let mut reserved = Reserved::none(budget, whose);
    let mut first = Bytes::new();
    let mut all = Vec::new();
    let mut n_bytes = 0;
    while !body.is_end_stream() {
        let Some(bytes) = next(body, watch).await? else { break };
        n_bytes += bytes.len();
        if n_bytes > bytes_max {
            return Err(too_large());
        }
        reserved.grow(bytes.len())?;
        if first.is_empty() {
            first = bytes;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&bytes);
        }
    }
    Ok((if all.is_empty() { first } else { Bytes::from(all) }, reserved))
}

/// Reads and forgets what is left of a refused body.
pub(crate) async fn discard<B>(body: &mut B, watch: &Watch)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let mut n_bytes = 0;
    while !body.is_end_stream() && body.size_hint().lower() + n_bytes <= DISCARD_BYTES_MAX {
        match next(body, watch).await {
            Ok(Some(bytes)) => n_bytes += bytes.len() as u64,
            Ok(None) | Err(_) => return,
        }
    }
}

/// The next piece; `None` at the end.
pub(crate) async fn next<B>(body: &mut B, watch: &Watch) -> Result<Option<Bytes>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    loop {
        // No timer here: the connection's watchdog runs in this very task, and hyper polls this future
        // whenever the task runs, so its flag is seen at the next tick.
        let frame = poll_fn(|cx| match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending if watch.is_body_too_slow() => Poll::Ready(Err(())),
            polled => polled.map(Ok),
        });
        match frame.await {
            Ok(None) => return Ok(None),
            // Trailers carry nothing for us.
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = Frame::into_data(frame) {
                    return Ok(Some(bytes));
                }
            }
            Ok(Some(Err(error))) => {
                return Err(Kind::BrokenBody.problem(format!("The body broke off: {error}.")));
            }
            Err(()) => {
                return Err(Kind::TooSlow.problem(
                    "The body came slower than 1 KiB/s, or took longer than 60 s (15 minutes for a batch).",
                ));
            }
        }
    }
}

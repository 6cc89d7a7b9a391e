//! Spans of the few requests that are traced: a request, its append, and the transaction that stored it.
//!
//! ```text
//! request (parent: the caller's, by its traceparent) ──┬── append
//!                                                      ╵ linked from
//!                                                     apply (a trace of its own: one transaction, many requests)
//! ```
//!
//! Invariant: whoever makes a span never waits. Where nobody takes them away fast enough, spans are dropped and counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use model::{Seq, Timestamp};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::clock;

/// Spans that may wait for the exporter.
const WAITING_MAX: usize = 4_096;
/// Traced appends that may wait for their transaction; more are not linked.
const LINKS_MAX: usize = 1_024;

/// Where a span stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Never 0.
    pub trace_id: u128,
    /// Never 0.
    pub span_id: u64,
}

/// What a caller says of its own span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its span.
    pub context: TraceContext,
    /// Whether it is traced; then ours is, too, and else not.
    pub is_sampled: bool,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Itself.
    pub context: TraceContext,
    /// The span that it is part of.
    pub parent: Option<u64>,
    /// What was done: `POST events`, `append`, `apply`.
    pub name: &'static str,
    /// A span that answers a request from outside.
    pub is_server: bool,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Whole numbers by name.
    pub numbers: Vec<(&'static str, u64)>,
    /// Spans of other traces that it did the work of.
    pub links: Vec<TraceContext>,
    /// It did not do what it was to do.
    pub is_error: bool,
}

/// Makes spans.
#[derive(Debug)]
pub struct Traces {
    /// Of 2^32 requests without a caller's word, so many are traced.
    threshold: u64,
    spans: mpsc::Sender<Span>,
    n_dropped: AtomicU64,
    // Traced appends and where each ends. Locked for a push or a few pops, and only for traced requests
    // and once a transaction.
    unapplied: Mutex<VecDeque<(Seq, TraceContext)>>,
}

impl Traces {
    /// Traces the share `ratio` (0 to 1) of requests that nobody has decided about, and hands out the spans.
    pub fn new(ratio: f64) -> (Self, mpsc::Receiver<Span>) {
        let (spans, receiver) = mpsc::channel(WAITING_MAX);
        let threshold = (ratio.clamp(0.0, 1.0) * 2_f64.powi(32)) as u64;
        let traces =
            Self { threshold, spans, n_dropped: AtomicU64::new(0), unapplied: Mutex::default() };
        (traces, receiver)
    }

    /// Begins the span of a request, if it is to be traced.
    pub fn begin(&self, name: &'static str, caller: Option<Caller>) -> Option<Begun> {
        match caller {
            Some(caller) if caller.is_sampled => {
                let Caller { context: TraceContext { trace_id, span_id }, .. } = caller;
                Some(Begun::new(name, trace_id, Some(span_id)))
            }
            Some(_) => None,
            None => {
                let trace_id = Uuid::new_v4().as_u128();
                let is_chosen = (trace_id as u64 & u64::from(u32::MAX)) < self.threshold;
                is_chosen.then(|| Begun::new(name, trace_id, None))
            }
        }
    }

    /// The span has ended.
    pub fn end(
        &self,
        begun: Begun,
        is_server: bool,
        numbers: Vec<(&'static str, u64)>,
        is_error: bool,
    ) {
        let Begun { context, parent, name, start } = begun;
        let (end, links) = (clock::now(), Vec::new());
        self.send(Span { context, parent, name, is_server, start, end, numbers, links, is_error });
    }

    /// A traced request has appended everything up to `last`.
    pub(crate) fn appended(&self, context: TraceContext, last: Seq) {
        let mut unapplied = self.unapplied.lock().unwrap_or_else(PoisonError::into_inner);
        if unapplied.len() < LINKS_MAX {
            unapplied.push_back((last, context));
        }
    }

    /// A transaction has stored everything behind `expected` up to `applied`; it has a span if a traced request is
    /// part of it. One that was faster than the note of its append is not linked.
    pub(crate) fn applied(&self, expected: Seq, applied: Seq, start: Timestamp, n_rows: u64) {
        let links: Vec<TraceContext> = {
            let mut unapplied = self.unapplied.lock().unwrap_or_else(PoisonError::into_inner);
            let (done, waiting) = unapplied.drain(..).partition(|(last, _)| *last <= applied);
            *unapplied = waiting;
            let done: VecDeque<(Seq, TraceContext)> = done;
            let ours = done.into_iter().filter(|(last, _)| *last > expected);
            ours.map(|(_, context)| context).collect()
        };
        if links.is_empty() {
            return;
        }
        let Begun { context, parent, name, .. } =
            Begun::new("apply", Uuid::new_v4().as_u128(), None);
        let numbers = vec![("eyas.rows", n_rows), ("eyas.applied_seq", applied.get())];
        let (end, is_server, is_error) = (clock::now(), false, false);
        self.send(Span { context, parent, name, is_server, start, end, numbers, links, is_error });
    }

    /// How many spans nobody took away in time.
    pub fn n_dropped(&self) -> u64 {
        self.n_dropped.load(Relaxed)
    }

    fn send(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.n_dropped.fetch_add(1, Relaxed);
        }
    }
}

/// A span that has begun.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Begun {
    /// Itself.
    pub context: TraceContext,
    parent: Option<u64>,
    name: &'static str,
    start: Timestamp,
}

impl Begun {
    pub(crate) fn new(name: &'static str, trace_id: u128, parent: Option<u64>) -> Self {
        // Neither half of a random UUID is ever zero: each holds bits that name its kind.
        let span_id = Uuid::new_v4().as_u64_pair().1;
        Self { context: TraceContext { trace_id, span_id }, parent, name, start: clock::now() }
    }

    /// Begins a part of it.
    pub(crate) fn child(name: &'static str, parent: TraceContext) -> Self {
        Self::new(name, parent.trace_id, Some(parent.span_id))
    }
}

impl Caller {
    /// Reads a W3C `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`. What is malformed says nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |text: &str, n: usize| {
            let is_hex = |sign: u8| matches!(sign, b'0'..=b'9' | b'a'..=b'f');
            let value = u128::from_str_radix(text, 16).ok()?;
            (text.len() == n && text.bytes().all(is_hex)).then_some(value)
        };
        let mut parts = text.split('-');
        let mut next = |n| hex(parts.next()?, n);
        let (version, trace_id, span_id, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        // A later version may have more parts; this one has not. Version 255 is forbidden.
        let has_more = parts.next().is_some();
        if version == 255 || (version == 0 && has_more) || trace_id == 0 || span_id == 0 {
            return None;
        }
        let context = TraceContext { trace_id, span_id: span_id as u64 };
        Some(Self { context, is_sampled: flags & 1 == 1 })
    }
}

//! The live messages that are not events. Each is one line of JSON with a `type`.
//!
//! `hello` comes first and `bye` last; between them events, and where it applies `gap`, `progress`, `caught_up`
//! and, once a second, `stats`; `status` when a dead letter is stored after all.

use live::{GapReason, LiveError, Message};
use model::Cursor;
use serde::Serialize;

use crate::auth::refusal::Refusal;
use crate::edge::Edge;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'a> {
    Hello { instance: &'a str, version: &'a str, server_time: String, head: String, oldest: String },
    Gap { from: String, to: String, why: &'static str },
    Progress { cursor: String },
    CaughtUp { head: String },
    Status { seq: u64, cursor: String, state: &'static str },
    StatusGap,
    Stats(Stats),
    Bye { reason: &'a str, cursor: String, retry_after_ms: u64, detail: Option<String> },
}

#[derive(Serialize)]
struct Stats {
    accepted: u64,
    stored: u64,
    invalid: u64,
    duplicate: u64,
    dead: u64,
    head_seq: u64,
    applied_seq: u64,
    lag_records: u64,
    lag_s: f64,
}

/// Why a live connection ends from our side.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The server stops.
    Shutdown,
    /// The subscription cannot go on.
    Failed(LiveError),
    /// Whoever asked may no longer have the answer.
    Refused(Refusal),
    /// The client has read nothing for too long.
    Stalled,
}

impl End {
    /// Whether everybody is sent away, and not only this client.
    pub(crate) fn is_for_all(&self) -> bool {
        matches!(self, Self::Shutdown | Self::Failed(LiveError::Closed))
    }
}

/// Who we are, and what there is to resume from. `oldest`: from there on nothing is missing.
pub(crate) fn hello(edge: &Edge, oldest: Cursor) -> String {
    let head = edge.live.head();
    text(&Written::Hello {
        instance: &edge.options.instance,
        version: &edge.options.version,
        server_time: pipeline::now().to_string(),
        head: head.to_string(),
        oldest: oldest.to_string(),
    })
}

/// The write path's numbers.
pub(crate) fn stats(edge: &Edge) -> String {
    let (counts, log) = (edge.meters.counts(), edge.intake.log());
    let lag = edge.meters.lag(log.last, pipeline::now());
    text(&Written::Stats(Stats {
        accepted: counts.accepted,
        stored: counts.stored,
        invalid: counts.invalid,
        duplicate: counts.duplicate,
        dead: counts.dead,
        head_seq: log.last.get(),
        applied_seq: edge.meters.applied().get(),
        lag_records: lag.records,
        lag_s: lag.seconds,
    }))
}

/// Goodbye, with where to go on and when.
pub(crate) fn bye(end: &End, cursor: Cursor, retry_after_ms: u64) -> String {
    let (reason, detail) = match end {
        End::Shutdown | End::Failed(LiveError::Closed) => ("shutdown", None),
        End::Failed(error) => ("error", Some(error.to_string())),
        End::Refused(refusal) => (refusal.code(), None),
        End::Stalled => ("stalled", None),
    };
    text(&Written::Bye { reason, cursor: cursor.to_string(), retry_after_ms, detail })
}

/// A message that is no event, and the position that it stands for, if any: a reader may resume from there.
pub(crate) fn mark(message: &Message) -> Option<(String, Option<Cursor>)> {
    match message {
        Message::Event { .. } => None,
        Message::Gap { from, to, why } => {
            let written =
                Written::Gap { from: from.to_string(), to: to.to_string(), why: why.as_str() };
            // Retention leaves something in its gaps: whoever resumed behind one would miss that.
            let stands_at = if *why == GapReason::Retention { from } else { to };
            Some((text(&written), Some(*stands_at)))
        }
        Message::Progress { cursor } => {
            Some((text(&Written::Progress { cursor: cursor.to_string() }), Some(*cursor)))
        }
        Message::CaughtUp { head } => {
            Some((text(&Written::CaughtUp { head: head.to_string() }), Some(*head)))
        }
        Message::Status { cursor, is_valid } => {
            let state = if *is_valid { "stored" } else { "invalid" };
            let (seq, cursor) = (cursor.seq.get(), cursor.to_string());
            Some((text(&Written::Status { seq, cursor, state }), None))
        }
        Message::StatusGap => Some((text(&Written::StatusGap), None)),
    }
}

fn text(written: &Written<'_>) -> String {
    serde_json::to_string(written).expect("texts and numbers always have a JSON form")
}

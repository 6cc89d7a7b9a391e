//! What an event must look like. Pure: receives `now`, touches nothing.
//!
//! A broken rule of form ([`Fault`]) refuses the event at the edge. A broken rule of content keeps it,
//! marked invalid with its reasons: an event is never lost because it is odd. (What a schema says of its data
//! is found elsewhere, see [`crate::schemas`]; there a key may be told to refuse.)

use std::borrow::Cow;

use model::names::{ID_BYTES_MAX, LABEL_BYTES_MAX, check_label};
use model::{ContentHash, StreamName, Timestamp};

use crate::schemas::reason::Reason;

/// How far a client's clock may run ahead of ours before its event counts as being in the future.
pub(crate) const FUTURE_US_MAX: i64 = 5 * 60 * 1_000_000;

/// One event as the edge parsed it: the fields as given, not yet checked.
#[derive(Clone, Debug, Default)]
pub struct NewEvent<'a> {
    /// The client's id, if it chose one.
    pub id: Option<Cow<'a, str>>,
    /// Session label.
    pub session_id: Option<Cow<'a, str>>,
    /// Category label.
    pub category: Option<Cow<'a, str>>,
    /// Name label.
    pub name: Option<Cow<'a, str>>,
    /// When it happened, as written.
    pub timestamp: Option<Cow<'a, str>>,
    /// Exactly one JSON value, as written; `None` reads as `null`.
    pub data: Option<&'a str>,
}

/// Why an event is refused. `pointer` is relative to the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer, e.g. `/timestamp`.
    pub pointer: Cow<'static, str>,
    /// Stable code.
    pub code: &'static str,
    /// One sentence.
    pub detail: String,
    /// What to do.
    pub hint: &'static str,
}

/// An event whose form is right.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) hash: ContentHash,
    /// The broken rule of content, if it is broken.
    pub(crate) reason: Option<Reason>,
}

/// Checks form and content of one event.
pub(crate) fn check(
    stream: &StreamName,
    event: &NewEvent<'_>,
    now: Timestamp,
) -> Result<Checked, Fault> {
    let has_envelope = stream.as_str() == StreamName::EVENTS;
    label("/id", event.id.as_deref(), ID_BYTES_MAX)?;
    label("/session_id", event.session_id.as_deref(), LABEL_BYTES_MAX)?;
    for (pointer, text) in [("/category", &event.category), ("/name", &event.name)] {
        if has_envelope && text.is_none() {
            return Err(Fault {
                pointer: pointer.into(),
                code: "missing_field",
                detail: format!("an event of the stream \"events\" needs {}", &pointer[1..]),
                hint: "send {\"category\":\"…\",\"name\":\"…\",\"data\":…}, or POST any other JSON to /streams/{stream}",
            });
        }
        label(pointer, text.as_deref(), LABEL_BYTES_MAX)?;
    }
    let timestamp = event.timestamp.as_deref().map(Timestamp::parse).transpose();
    let timestamp = timestamp.map_err(|error| Fault {
        pointer: "/timestamp".into(),
        code: "bad_timestamp",
        detail: format!("timestamp is not a point in time: {error}"),
        hint: "use RFC 3339 in UTC, or leave the timestamp out to use the time of receipt",
    })?;
    Ok(Checked { timestamp, hash: hash(event), reason: judge(timestamp, now) })
}

fn label(pointer: &'static str, text: Option<&str>, bytes_max: usize) -> Result<(), Fault> {
    let Some(text) = text else { return Ok(()) };
    check_label(text, bytes_max).map_err(|error| Fault {
        pointer: pointer.into(),
        code: "bad_label",
        detail: format!("{} {error}", &pointer[1..]),
        hint: "labels are short printable texts; put everything else inside data",
    })
}

/// The fields as given, so that two spellings of one time are two contents.
fn hash(event: &NewEvent<'_>) -> ContentHash {
    ContentHash::of(&[
        event.session_id.as_deref().map(str::as_bytes),
        event.category.as_deref().map(str::as_bytes),
        event.name.as_deref().map(str::as_bytes),
        event.timestamp.as_deref().map(str::as_bytes),
        event.data.map(str::as_bytes),
    ])
}

/// The rule of content, which needs no schema.
pub(crate) fn judge(timestamp: Option<Timestamp>, now: Timestamp) -> Option<Reason> {
    let ahead_us = timestamp.map_or(0, |at| at.micros() - now.micros());
    let ahead_s = ahead_us / 1_000_000;
    (ahead_us > FUTURE_US_MAX).then(|| Reason {
        pointer: "/timestamp".to_owned(),
        rule: "not_in_the_future".to_owned(),
        message: format!(
            "timestamp is {ahead_s} seconds ahead of the time of receipt, more than 300"
        ),
    })
}

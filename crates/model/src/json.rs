//! An event's public JSON object, the same in pages, exports, WebSocket and SSE.
//!
//! ```json
//! {"id":"…","seq":1,"cursor":"0a1b2c3d.1","stream":"events","application":null,"session_id":null,
//!  "category":"…","name":"…","timestamp":null,"received_at":"2026-11-01T08:00:00.000000Z",
//!  "valid":true,"errors":[],"schema_version":null,"data":{…}}
//! ```
//!
//! Invariant: the bytes of `data` go out as they came in. The one exception is [`Breaks::ToSpaces`]:
//! where one event is one line, CR and LF become spaces. In JSON they can only stand between tokens,
//! so no value changes.

use std::io::Write as _;

use crate::event::Event;
use crate::seq::{Cursor, LogId, Seq};
use crate::time::Timestamp;

/// What happens to CR and LF inside `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaks {
    /// One event is one line: pages, exports, live messages.
    ToSpaces,
    /// Byte for byte: `GET /events/{id}`.
    Keep,
}

/// Appends the event's JSON object. `prefix` holds whole members that come first, each with its
/// comma (`"type":"event",`), or is empty.
pub fn write_event(
    out: &mut Vec<u8>,
    event: &Event,
    seq: Seq,
    log: LogId,
    prefix: &str,
    breaks: Breaks,
) {
    out.reserve(event.record().len() + 384);
    write_fields(out, event, seq, log, prefix);
    out.extend_from_slice(b",\"data\":");
    write_value(out, event.data(), breaks);
    out.push(b'}');
}

/// The same for lists on screens, one event a line: `"preview":"…","data_bytes":n` in place of `data`. The
/// event's `data` is the beginning of a text of `data_bytes` bytes.
pub fn write_preview(out: &mut Vec<u8>, event: &Event, seq: Seq, log: LogId, data_bytes: u64) {
    out.reserve(event.record().len() + 384);
    write_fields(out, event, seq, log, "");
    out.extend_from_slice(b",\"preview\":");
    write_string(out, event.data());
    let _ = write!(out, ",\"data_bytes\":{data_bytes}}}");
}

/// One JSON value as it stands, or on one line.
pub fn write_value(out: &mut Vec<u8>, value: &str, breaks: Breaks) {
    let from = out.len();
    out.extend_from_slice(value.as_bytes());
    if breaks == Breaks::ToSpaces {
        for byte in &mut out[from..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }
}

/// All members but `data`; the object stays open.
fn write_fields(out: &mut Vec<u8>, event: &Event, seq: Seq, log: LogId, prefix: &str) {
    out.push(b'{');
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(b"\"id\":");
    write_string(out, event.id());
    let cursor = Cursor { log, seq };
    let _ = write!(out, ",\"seq\":{seq},\"cursor\":\"{cursor}\",\"stream\":");
    write_string(out, event.stream());
    for (key, label) in [
        ("application", event.application()),
        ("session_id", event.session_id()),
        ("category", event.category()),
        ("name", event.name()),
    ] {
        let _ = write!(out, ",\"{key}\":");
        match label {
            Some(text) => write_string(out, text),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b",\"timestamp\":");
    write_time(out, event.timestamp());
    out.extend_from_slice(b",\"received_at\":");
    write_time(out, Some(event.received_at()));
    out.extend_from_slice(if event.valid() { b",\"valid\":true" } else { b",\"valid\":false" });
    out.extend_from_slice(b",\"errors\":");
    out.extend_from_slice(event.errors().as_bytes());
    let _ = match event.schema_version() {
        Some(version) => write!(out, ",\"schema_version\":{version}"),
        None => write!(out, ",\"schema_version\":null"),
    };
}

fn write_time(out: &mut Vec<u8>, time: Option<Timestamp>) {
    let _ = match time {
        Some(time) => write!(out, "\"{time}\""),
        None => write!(out, "null"),
    };
}

/// Appends a JSON string. Quotes, backslashes and control characters are escaped, all else stays.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a text always has a JSON form, and a Vec takes it");
}

//! Events as CSV (RFC 4180): one header row, one event a row, rows end with CR LF.
//!
//! Spreadsheets run cells that begin like a formula. So a text of a client that begins with one of
//! `= + - @ '`, TAB or CR gets a `'` in front; who takes one leading `'` away has the text as it was sent.
//! `data` and `errors` are JSON, which begins like a formula only where it is a negative number: they
//! stand as they are, line breaks between their tokens as spaces.

use std::io::Write as _;

use model::json::{self, Breaks};
use model::{Cursor, LogId, Timestamp};
use store::Listed;

/// The header row; with previews the last column is another.
pub(crate) fn header(is_preview: bool) -> Vec<u8> {
    let data = if is_preview { "preview,data_bytes" } else { "data" };
    format!(
        "id,seq,cursor,stream,application,session_id,category,name,timestamp,received_at,valid,errors,{data}\r\n"
    )
    .into_bytes()
}

/// One row.
pub(crate) fn write_event(out: &mut Vec<u8>, listed: &Listed, log: LogId, is_preview: bool) {
    let Listed { seq, event, data_bytes } = listed;
    out.reserve(event.record().len() + 256);
    write_text(out, Some(event.id()));
    let _ = write!(out, ",{seq},{}", Cursor { log, seq: *seq });
    for text in [
        Some(event.stream()),
        event.application(),
        event.session_id(),
        event.category(),
        event.name(),
    ] {
        out.push(b',');
        write_text(out, text);
    }
    let time = |time: Option<Timestamp>| time.map_or(String::new(), |time| time.to_string());
    let (timestamp, received_at) = (time(event.timestamp()), time(Some(event.received_at())));
    let _ = write!(out, ",{timestamp},{received_at},{},", event.valid());
    write_json(out, event.errors());
    out.push(b',');
    write_json(out, event.data());
    if is_preview {
        let _ = write!(out, ",{data_bytes}");
    }
    out.extend_from_slice(b"\r\n");
}

/// A text that a client chose; nothing where there is none.
pub(crate) fn write_text(out: &mut Vec<u8>, text: Option<&str>) {
    let text = text.unwrap_or_default();
    let is_like_formula = text.starts_with(['=', '+', '-', '@', '\'', '\t', '\r']);
    if is_like_formula {
        write_cell(out, format!("'{text}").as_bytes());
    } else {
        write_cell(out, text.as_bytes());
    }
}

/// JSON on one line.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &str) {
    let mut line = Vec::with_capacity(value.len());
    json::write_value(&mut line, value, Breaks::ToSpaces);
    write_cell(out, &line);
}

/// Quoted where a reader could otherwise take a part of it for the end.
fn write_cell(out: &mut Vec<u8>, cell: &[u8]) {
    let is_plain = !cell.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'))
        && !cell.starts_with(b" ")
        && !cell.ends_with(b" ");
    if is_plain {
        return out.extend_from_slice(cell);
    }
    out.push(b'"');
    for &byte in cell {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

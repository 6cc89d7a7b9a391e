//! `Content-Type` of a write, and `Accept` of a list.

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use pipeline::RowFormat;

use crate::encoding::weight;
use crate::error::Kind;
use crate::problem::Problem;

/// How a body is cut into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON value; an array is many events.
    Json,
    /// One JSON value a line.
    Lines,
    /// One `CloudEvent`.
    CloudEvent,
    /// An array of CloudEvents.
    CloudEvents,
}

/// What a list is wanted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// A page.
    Json,
    /// Everything, one event a line.
    Lines,
    /// Everything, one event a row.
    Csv,
}

/// Whether a client wants lines back.
pub(crate) fn wants_lines(accept: &[u8]) -> bool {
    media_types(accept).any(is_lines)
}

/// Whether an `Accept` names one of these.
pub(crate) fn names(accept: &[u8], wanted: &[&str]) -> bool {
    media_types(accept)
        .any(|given| wanted.iter().any(|name| given.eq_ignore_ascii_case(name.as_bytes())))
}

fn media_types(accept: &[u8]) -> impl Iterator<Item = &[u8]> {
    accept
        .split(|&sign| sign == b',')
        .map(|range| range.split(|&sign| sign == b';').next().unwrap_or_default().trim_ascii())
}

/// The first of those that the client likes best; a page where it names nothing that we have.
pub(crate) fn output(headers: &HeaderMap) -> Output {
    let (mut best, mut best_weight) = (Output::Json, 0);
    for value in headers.get_all(ACCEPT) {
        for range in value.as_bytes().split(|&sign| sign == b',') {
            let mut parts = range.split(|&sign| sign == b';').map(<[u8]>::trim_ascii);
            let output = match parts.next().unwrap_or_default() {
                lines if is_lines(lines) => Output::Lines,
                csv if csv.eq_ignore_ascii_case(b"text/csv") => Output::Csv,
                json if json.eq_ignore_ascii_case(b"application/json") => Output::Json,
                _ => continue,
            };
            let weight = parts.find_map(weight).unwrap_or(1000);
            if weight > best_weight {
                (best, best_weight) = (output, weight);
            }
        }
    }
    best
}

/// Reads the `Content-Type` of a batch, which has to have one.
pub(crate) fn rows(headers: &HeaderMap) -> Result<RowFormat, Problem> {
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let unsupported = || {
        let shown = String::from_utf8_lossy(given);
        Kind::UnsupportedMediaType.problem(format!("The body has Content-Type {shown:?}.")).hint(
            "send rows as application/x-ndjson, application/json (one array) or text/csv, in UTF-8",
        )
    };
    let mut parts = given.split(|&sign| sign == b';').map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default();
    if !parts.all(is_utf8_if_said) {
        return Err(unsupported());
    }
    match media_type {
        lines if is_lines(lines) => Ok(RowFormat::Ndjson),
        json if json.eq_ignore_ascii_case(b"application/json") => Ok(RowFormat::JsonArray),
        csv if csv.eq_ignore_ascii_case(b"text/csv") => Ok(RowFormat::Csv),
        _ => Err(unsupported()),
    }
}

/// Reads `Content-Type`. None means JSON.
pub(crate) fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(Format::Json) };
    let given = given.as_bytes();
    if given == b"application/json" {
        return Ok(Format::Json);
    }
    let unsupported = || {
        let shown = String::from_utf8_lossy(given);
        Kind::UnsupportedMediaType.problem(format!("The body has Content-Type {shown:?}."))
    };
    let mut parts = given.split(|&sign| sign == b';').map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default();
    for parameter in parts {
        if !is_utf8_if_said(parameter) {
            return Err(
                unsupported().hint("JSON is sent as UTF-8: charset=utf-8, or no charset at all")
            );
        }
    }
    if media_type.eq_ignore_ascii_case(b"application/json") {
        Ok(Format::Json)
    } else if is_lines(media_type) {
        Ok(Format::Lines)
    } else if media_type.eq_ignore_ascii_case(b"application/cloudevents+json") {
        Ok(Format::CloudEvent)
    } else if media_type.eq_ignore_ascii_case(b"application/cloudevents-batch+json") {
        Ok(Format::CloudEvents)
    } else {
        Err(unsupported())
    }
}

fn is_lines(media_type: &[u8]) -> bool {
    ["application/x-ndjson", "application/ndjson", "application/jsonl"]
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether a parameter says nothing else than UTF-8 about the charset.
fn is_utf8_if_said(parameter: &[u8]) -> bool {
    let is_charset = parameter.len() >= 8 && parameter[..8].eq_ignore_ascii_case(b"charset=");
    !is_charset || is_utf8(&parameter[8..])
}

fn is_utf8(charset: &[u8]) -> bool {
    let bare = charset.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let bare = bare.unwrap_or(charset);
    bare.eq_ignore_ascii_case(b"utf-8") || bare.eq_ignore_ascii_case(b"utf8")
}

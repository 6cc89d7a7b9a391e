//! `wire/media`: what a body may be called.

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::wire::media::{Format, format, wants_lines};

fn of(
    content_type: Option<&'static str>,
    encoding: Option<&'static str>,
) -> Result<Format, &'static str> {
    let mut headers = HeaderMap::new();
    for (name, value) in [(CONTENT_TYPE, content_type), (CONTENT_ENCODING, encoding)] {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    format(&headers).map_err(|problem| problem.facts().code)
}

#[test]
fn content_types_are_read_as_written() {
    for (content_type, expected) in [
        (None, Ok(Format::Json)),
        (Some("application/json"), Ok(Format::Json)),
        (Some("Application/JSON; charset=UTF-8"), Ok(Format::Json)),
        (Some("application/json;charset=\"utf-8\"; x=y"), Ok(Format::Json)),
        (Some("application/json; charset=latin1"), Err("unsupported_media_type")),
        (Some("application/x-ndjson"), Ok(Format::Lines)),
        (Some("application/ndjson; charset=utf-8"), Ok(Format::Lines)),
        (Some("application/jsonl"), Ok(Format::Lines)),
        (Some("text/plain"), Err("unsupported_media_type")),
        (Some("application/x-www-form-urlencoded"), Err("unsupported_media_type")),
        (Some("application/jsonx"), Err("unsupported_media_type")),
        (Some(""), Err("unsupported_media_type")),
    ] {
        assert_eq!(of(content_type, None), expected, "{content_type:?}");
    }
}

#[test]
fn compressed_bodies_are_refused() {
    assert_eq!(of(None, Some("gzip")), Err("unsupported_encoding"));
    assert_eq!(of(None, Some("identity")), Ok(Format::Json));
}

#[test]
fn lines_come_when_accept_asks_for_them() {
    for (accept, expected) in [
        ("application/x-ndjson", true),
        ("text/html, application/x-ndjson;q=0.9", true),
        ("application/json", false),
        ("*/*", false),
        ("", false),
    ] {
        assert_eq!(wants_lines(accept.as_bytes()), expected, "{accept}");
    }
}

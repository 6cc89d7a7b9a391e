//! `wire/media`: what a body may be called, and what a list is wanted as.

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::wire::media::{Format, Output, format, output};

fn of(content_type: Option<&'static str>) -> Result<Format, &'static str> {
    let mut headers = HeaderMap::new();
    if let Some(value) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
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
        (Some("application/cloudevents+json; charset=UTF-8"), Ok(Format::CloudEvent)),
        (Some("application/cloudevents-batch+json"), Ok(Format::CloudEvents)),
        (Some("application/cloudevents+xml"), Err("unsupported_media_type")),
        (Some("text/plain"), Err("unsupported_media_type")),
        (Some("application/x-www-form-urlencoded"), Err("unsupported_media_type")),
        (Some("application/jsonx"), Err("unsupported_media_type")),
        (Some(""), Err("unsupported_media_type")),
    ] {
        assert_eq!(of(content_type), expected, "{content_type:?}");
    }
}

#[test]
fn a_list_comes_as_accept_likes_it_best() {
    for (accept, expected) in [
        ("application/x-ndjson", Output::Lines),
        ("text/html, application/x-ndjson;q=0.9", Output::Lines),
        ("text/csv", Output::Csv),
        ("Text/CSV; header=present", Output::Csv),
        ("text/csv;q=0.5, application/x-ndjson", Output::Lines),
        ("text/csv;q=0, application/json;q=0.1", Output::Json),
        ("application/json, text/csv", Output::Json),
        ("text/csv, application/json", Output::Csv),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Output::Json),
        ("*/*", Output::Json),
        ("", Output::Json),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(output(&headers), expected, "{accept}");
    }
    assert_eq!(output(&HeaderMap::new()), Output::Json);
}

//! A list of events on its way out: the three forms that it can take, and a page's cursor.

use std::io::Write as _;

use axum::body::Body;
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue, LINK};
use hyper::http::request::Parts;
use model::LogId;
use model::json::{self, Breaks};
use store::Listed;

use crate::csv;
use crate::query::with_after;
use crate::wire::media::Output;

/// How events are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) output: Output,
    pub(crate) log: LogId,
    /// `data=preview`
    pub(crate) is_preview: bool,
}

impl Form {
    /// What stands before the first event of an export.
    pub(crate) fn header(self) -> Vec<u8> {
        if self.output == Output::Csv { csv::header(self.is_preview) } else { Vec::new() }
    }

    /// One event of an export.
    pub(crate) fn write(self, out: &mut Vec<u8>, listed: &Listed) {
        if self.output == Output::Csv {
            return csv::write_event(out, listed, self.log, self.is_preview);
        }
        self.write_json(out, listed);
        out.push(b'\n');
    }

    fn write_json(self, out: &mut Vec<u8>, listed: &Listed) {
        let Listed { seq, event, data_bytes } = listed;
        if self.is_preview {
            json::write_preview(out, event, *seq, self.log, *data_bytes);
        } else {
            json::write_event(out, event, *seq, self.log, "", Breaks::ToSpaces);
        }
    }

    /// A page with its cursor, and a link to the next one.
    pub(crate) fn page(self, events: &[Listed], parts: &Parts, next: Option<&str>) -> Response {
        let mut out = Vec::with_capacity(64 + events.len() * 512);
        out.extend_from_slice(b"{\"events\":[");
        for (at, listed) in events.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.write_json(&mut out, listed);
        }
        match next {
            Some(next) => {
                let _ = write!(out, "],\"next\":\"{next}\"}}");
            }
            None => out.extend_from_slice(b"],\"next\":null}"),
        }
        let mut response = Response::new(Body::from(out));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let link = next.map(|next| {
            let query = with_after(parts.uri.query(), next);
            format!("<{}?{query}>; rel=\"next\"", parts.uri.path())
        });
        if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
            headers.insert(LINK, link);
        }
        response
    }
}

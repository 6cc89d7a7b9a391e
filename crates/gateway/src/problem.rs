//! The one shape of every refusal: RFC 9457 `application/problem+json`.
//!
//! ```json
//! {"type":"about:blank","title":"Unprocessable Entity","status":422,"code":"unknown_field",
//!  "detail":"…one sentence.","pointer":"/3/colour","position":{"line":4,"column":1,"offset":210},
//!  "hint":"what to do","outcome":"rejected","request_id":"…"}
//! ```
//!
//! Which code has which status stands in [`crate::error`], nowhere else. Handlers return a `Problem`; the
//! service turns it into bytes at the very end, because only there the request id is at hand.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::reply::Reply;

/// One refusal. Boxed, so that a `Result` stays small on the path where nothing is refused.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Facts>);

/// What a [`Problem`] says, in the order in which it is written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Facts {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<Position>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) hint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<&'static str>,
    /// Position of the event that has this id already (`id_conflict`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    /// The unfinished job (`job_running`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// Where an id is found more than once (`ambiguous_id`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) streams: Vec<String>,
    /// What `on_error=skip` left out (`nothing_accepted`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rejected: Vec<Rejected>,
    /// The batch that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<Box<RawValue>>,
    /// The first rows that are wrong, and how many there are (`rows_rejected`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n_errors: Option<u64>,
    /// What the log says in place of the detail: words that are not for the eyes of whoever asks.
    #[serde(skip)]
    pub(crate) logged: Option<String>,
    /// The detail for those who are no administrators, where it tells of the machines behind this one.
    #[serde(skip)]
    pub(crate) for_outsiders: Option<&'static str>,
    #[serde(skip)]
    pub(crate) retry_after_s: Option<u16>,
    /// Whether another token would help (401): the answer says how one is sent.
    #[serde(skip)]
    pub(crate) is_challenge: bool,
    #[serde(skip)]
    pub(crate) allow: Option<HeaderValue>,
    /// What else is said in the head.
    #[serde(skip)]
    pub(crate) headers: Vec<(&'static str, HeaderValue)>,
}

/// A place in a body. Lines and columns count from 1, columns and offsets in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Position {
    pub(crate) line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<usize>,
}

impl Position {
    /// The place of the byte at `offset` of `body`.
    pub(crate) fn of(body: &[u8], offset: usize) -> Self {
        let before = &body[..offset.min(body.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        Self {
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: Some(before.len() - line_start + 1),
            offset: Some(before.len()),
        }
    }
}

/// One event that `on_error=skip` left out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rejected {
    /// Its place in the request, from 0.
    pub(crate) index: usize,
    /// Its line, where the request has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) pointer: Option<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    facts: &'a Facts,
    request_id: &'a str,
}

impl Problem {
    /// Only [`crate::error`] calls this.
    pub(crate) fn new(status: u16, code: &'static str, hint: &'static str, detail: String) -> Self {
        let phrase = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        Self(Box::new(Facts {
            kind: "about:blank",
            title: phrase.unwrap_or("Error"),
            status,
            code,
            detail,
            pointer: None,
            position: None,
            hint,
            outcome: None,
            seq: None,
            job: None,
            streams: Vec::new(),
            rejected: Vec::new(),
            batch: None,
            errors: None,
            n_errors: None,
            logged: None,
            for_outsiders: None,
            retry_after_s: None,
            is_challenge: false,
            allow: None,
            headers: Vec::new(),
        }))
    }

    /// Changes what it says.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.0);
        self
    }

    /// Names the member at fault, as a JSON pointer.
    pub(crate) fn pointer(self, pointer: impl Into<String>) -> Self {
        self.with(|facts| facts.pointer = Some(pointer.into()))
    }

    /// Names the place at fault.
    pub(crate) fn position(self, position: Position) -> Self {
        self.with(|facts| facts.position = Some(position))
    }

    /// Another hint than the code's own.
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        self.with(|facts| facts.hint = hint)
    }

    /// Says that nothing was stored, unless it says something else about that already.
    pub(crate) fn rejected(self) -> Self {
        self.with(|facts| facts.outcome = facts.outcome.or(Some("rejected")))
    }

    /// As whoever is no administrator may read it. The log has it whole.
    pub(crate) fn for_outsiders(self) -> Self {
        self.with(|facts| {
            if let Some(short) = facts.for_outsiders {
                facts.logged = Some(std::mem::replace(&mut facts.detail, short.to_owned()));
            }
        })
    }

    /// What it says.
    pub(crate) fn facts(&self) -> &Facts {
        &self.0
    }

    /// The whole answer as it goes over the wire, for a connection that is closed behind it.
    pub(crate) fn bytes(&self, request_id: &str) -> Vec<u8> {
        let Facts { status, title, retry_after_s, .. } = &*self.0;
        let written = Written { facts: &self.0, request_id };
        let body = serde_json::to_vec(&written).expect("texts and numbers always have a JSON form");
        let retry_after = retry_after_s.unwrap_or(1);
        let head = format!(
            "HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
             x-request-id: {request_id}\r\nretry-after: {retry_after}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    /// The whole response.
    pub(crate) fn render(&self, request_id: &str) -> hyper::Response<Reply> {
        let written = Written { facts: &self.0, request_id };
        let body = serde_json::to_vec(&written).expect("texts and numbers always have a JSON form");
        let mut response = hyper::Response::new(Reply::once(Bytes::from(body)));
        *response.status_mut() = StatusCode::from_u16(self.0.status).expect("a status of error.rs");
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, "application/problem+json"),
            (CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("x-content-type-options"), "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.code == "unsupported_encoding" {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
        }
        if self.0.is_challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(methods) = &self.0.allow {
            headers.insert(ALLOW, methods.clone());
        }
        for (name, value) in &self.0.headers {
            headers.insert(*name, value.clone());
        }
        response
    }
}

/// Lets axum handlers return a `Problem`: it travels as an extension, and the service renders it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

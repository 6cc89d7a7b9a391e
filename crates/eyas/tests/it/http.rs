//! A plain HTTP client, and an event as answers show it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// No connection came about, so nothing was sent.
    NotSent,
    /// It was sent, perhaps in part; why there is no answer is for people.
    Lost(#[expect(dead_code, reason = "shown by Debug where a test fails")] String),
}

/// Keeps connections open between requests. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    addr: SocketAddr,
    /// Header fields of every request.
    always: Vec<(String, String)>,
}

impl Http {
    /// Talks to this address.
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self::with(HttpConnector::new(), addr)
    }

    /// The same, calling from this address of the machine.
    pub(crate) fn calling_from(&self, address: IpAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(address));
        Self::with(connector, self.addr)
    }

    fn with(connector: HttpConnector, addr: SocketAddr) -> Self {
        // No retries behind our back: the journal has to know what was sent.
        let client = Client::builder(TokioExecutor::new())
            .retry_canceled_requests(false)
            .pool_max_idle_per_host(64)
            .build(connector);
        Self { client, addr, always: Vec::new() }
    }

    /// The same, saying this in every request.
    pub(crate) fn saying(mut self, name: &str, value: &str) -> Self {
        self.always.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, with a token in every request.
    pub(crate) fn bearing(self, token: &str) -> Self {
        self.saying("authorization", &format!("Bearer {token}"))
    }

    /// The same client without its connections.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.addr)
    }

    /// A request that may fail.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, NoAnswer> {
        let response = self.open(method, path, headers, body).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| NoAnswer::Lost(error.to_string()))?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
    }

    /// The head of the answer; its body is still to be read.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let mut request =
            Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        for (name, value) in &self.always {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a well-formed request");
        self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                NoAnswer::NotSent
            } else {
                NoAnswer::Lost(format!("{error:?}"))
            }
        })
    }

    /// A request that must be answered.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let sent = self.try_send(method.clone(), path, headers, body);
        let answer = tokio::time::timeout(Duration::from_secs(30), sent).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer in 30 s: {method} {path}"));
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    /// GET as a browser or a script would.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// GET with an `Accept`.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        self.send(Method::GET, path, &[("accept", accept)], "").await
    }

    /// POST with a `Content-Type`.
    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send(Method::POST, path, &[("content-type", content_type)], body).await
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("answers are UTF-8")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header field, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("header fields are ASCII"))
    }

    /// Expects a 202 and returns its JSON.
    pub(crate) fn accepted(&self) -> Value {
        assert_eq!(self.status, 202, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The body as one event.
    pub(crate) fn row(&self) -> Row {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        Row::parse(self.text())
    }

    /// The body as a page.
    pub(crate) fn page(&self) -> Page {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A page of events.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    /// In order.
    pub(crate) events: Vec<Row>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// An event as every answer shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) seq: u64,
    pub(crate) cursor: String,
    pub(crate) stream: String,
    pub(crate) session_id: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) timestamp: Option<String>,
    pub(crate) received_at: String,
    pub(crate) valid: bool,
    pub(crate) errors: Vec<Value>,
    /// The very bytes.
    pub(crate) data: Box<RawValue>,
    /// What else there is (`state`, `type`).
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, Value>,
}

impl Row {
    /// Reads one JSON object.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("no event ({error}): {text}"))
    }

    /// `data` as it was sent.
    pub(crate) fn data(&self) -> &str {
        self.data.get()
    }
}

/// A segment of a path or a value of a query, percent-encoded.
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

//! The HTTP client of the client commands: one server, plain HTTP/1.1, every wait and every answer bounded.
//!
//! Invariant: [`ClientError::Connect`] is only said when no byte of the request can have reached the
//! server. After everything else the server may have done what it was asked.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::dial::{Dial, Dialling};
use crate::exit::CommandError;
use crate::outgoing::Outgoing;
use crate::printable::{printable, printable_start};

/// How long a connection may take to come about.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long an answer may take, from the first byte sent to the last one read.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// A connection that was idle for longer is not used again: the server may be closing it this moment,
/// and then nobody could tell whether the request was carried out.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// The longest answer read into memory: every line of the largest request refused with a long reason.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How much of an answer that is no problem document is shown.
const EXCERPT_CHARS_MAX: usize = 200;

/// Whom a client command talks to, and as whom.
#[derive(Clone)]
pub(crate) struct Server {
    /// `http://host:port`, with a path if need be.
    pub(crate) url: String,
    /// What `EYAS_TOKEN` holds. Never an argument: every user of the machine can read those.
    pub(crate) token: Option<String>,
}

/// A client of one server. Connections are kept and used again.
#[derive(Debug)]
pub(crate) struct Client {
    pool: Pool,
    base: String,
    /// How people know the server.
    shown: String,
    /// Marked as sensitive, so that it is never printed.
    bearer: Option<HeaderValue>,
}

/// Connections that are kept.
#[derive(Debug)]
enum Pool {
    Network(Pooled<HttpConnector, Outgoing>),
    Local(Pooled<Dial, Outgoing>),
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its head.
    pub(crate) headers: HeaderMap,
    /// How long the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Its body.
    pub(crate) body: Bytes,
}

/// No answer came.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// There is no connection: nothing was sent.
    Connect(String),
    /// The connection broke: the request may have been carried out.
    Lost(String),
    /// The answer did not come in time: the request may have been carried out.
    Late(String),
}

impl ClientError {
    /// Why, in a few words.
    pub(crate) fn cause(&self) -> &str {
        let (Self::Connect(cause) | Self::Lost(cause) | Self::Late(cause)) = self;
        cause
    }

    /// Whether the server may have done what it was asked.
    pub(crate) fn is_unknown(&self) -> bool {
        !matches!(self, Self::Connect(_))
    }
}

impl Client {
    /// A client of this server. Connects to nothing yet.
    pub(crate) fn new(server: &Server) -> Result<Self, CommandError> {
        let base_url = server.url.as_str();
        let wrong = |why: &str| {
            let url = printable(base_url);
            let fix = "write it as http://127.0.0.1:8080";
            CommandError::Config(format!("the address {url:?} of the server {why}: {fix}"))
        };
        let uri: Uri = base_url.parse().map_err(|_| wrong("cannot be read"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("is https, which this eyas does not speak")),
            _ => return Err(wrong("does not begin with http://")),
        }
        if uri.query().is_some() {
            return Err(wrong("has a query"));
        }
        let bearer = server.token.as_deref().map(bearer).transpose()?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_WAIT));
        connector.set_nodelay(true);
        let mut pool = Pooled::builder(TokioExecutor::new());
        let pool = Pool::Network(pool.pool_idle_timeout(IDLE_MAX).build(connector));
        let base = base_url.trim_end_matches('/').to_owned();
        Ok(Self { pool, shown: printable(&base), base, bearer })
    }

    /// A client of the server that `dial` connects to, without a token. Connects to nothing yet.
    pub(crate) fn local(shown: &str, dial: impl Fn() -> Dialling + Send + Sync + 'static) -> Self {
        let mut pool = Pooled::builder(TokioExecutor::new());
        let pool = Pool::Local(pool.pool_idle_timeout(IDLE_MAX).build(Dial::new(dial)));
        // Nobody looks at the host of a request that comes this way.
        let base = "http://localhost".to_owned();
        Self { pool, base, shown: printable(shown), bearer: None }
    }

    /// Asks with any method, with a JSON `body` or without, and reads the whole answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Answer, ClientError> {
        let kind = [(CONTENT_TYPE.as_str(), "application/json")];
        let headers = if body.is_some() { &kind[..] } else { &[] };
        self.ask(method, path, headers, body.unwrap_or_default()).await
    }

    /// Posts `body` to `path` (with its query) and reads the whole answer.
    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let headers = [(CONTENT_TYPE.as_str(), content_type)];
        self.ask(Method::POST, path, &headers, body).await
    }

    /// Asks with any method, headers and body, and reads the whole answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, "application/json, application/problem+json");
        for &(name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Outgoing::whole(body));
        let request = request.map_err(|error| ClientError::Connect(error.to_string()))?;
        let answer = async { Answer::read(self.send(request).await?).await };
        tokio::time::timeout(ANSWER_WAIT, answer).await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// Posts pieces as they come, for as long as they come, and reads the whole answer.
    pub(crate) async fn stream(
        &self,
        path: &str,
        content_type: &'static str,
        pieces: mpsc::Receiver<Bytes>,
    ) -> Result<Answer, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, content_type)
            .header(ACCEPT, "application/json, application/problem+json")
            .body(Outgoing::Pieces(pieces))
            .map_err(|error| ClientError::Connect(error.to_string()))?;
        Answer::read(self.send(request).await?).await
    }

    /// Gets `path` (with its query) and reads the whole answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        let answer = async { Answer::read(self.open(path, "application/json").await?).await };
        tokio::time::timeout(ANSWER_WAIT, answer).await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// Opens `path` (with its query) as a stream of what `accept` names. Waits for the head of the answer only.
    pub(crate) async fn open(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = Request::builder()
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, accept)
            .body(Outgoing::whole(Bytes::new()))
            .map_err(|error| ClientError::Connect(error.to_string()))?;
        let response = self.send(request);
        tokio::time::timeout(ANSWER_WAIT, response).await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// The words for a server that is not there.
    pub(crate) fn unreachable(&self, cause: &str) -> CommandError {
        CommandError::Unreachable(format!(
            "{} cannot be reached: {cause}\nis it running? start it with `eyas serve`, or set --url or EYAS_URL",
            self.shown
        ))
    }

    async fn send(
        &self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, ClientError> {
        if let Some(bearer) = &self.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let asked = match &self.pool {
            Pool::Network(pool) => pool.request(request),
            Pool::Local(pool) => pool.request(request),
        };
        asked.await.map_err(|error| {
            let cause = root_cause(&error);
            if error.is_connect() {
                ClientError::Connect(cause)
            } else {
                ClientError::Lost(format!("the connection broke: {cause}"))
            }
        })
    }
}

impl Answer {
    /// Reads an answer to its end.
    pub(crate) async fn read(response: Response<Incoming>) -> Result<Self, ClientError> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| ClientError::Lost(root_cause(&*error)))?.to_bytes();
        let retry_after = retry_after(&head.headers);
        Ok(Self { status: head.status, headers: head.headers, retry_after, body })
    }
}

/// What a server said when it did not do what it was asked (RFC 9457). Members that it left out are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    title: String,
    detail: String,
    /// What to do.
    pub(crate) hint: String,
    request_id: String,
    /// The stable code.
    pub(crate) code: String,
    /// The member at fault; in a request of many events it begins with the event's index.
    pub(crate) pointer: String,
    /// `rejected`: nothing was stored.
    pub(crate) outcome: String,
    /// The place at fault in the request's body.
    pub(crate) position: Option<Position>,
    /// Every event that `on_error=skip` left out, when it left out all.
    pub(crate) rejected: Vec<Rejected>,
}

/// A place in a request's body.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Position {
    /// Counts from 1.
    pub(crate) line: usize,
    /// Counts from 1, in bytes.
    pub(crate) column: Option<usize>,
}

/// One event of many that was left out.
#[derive(Debug, Deserialize)]
pub(crate) struct Rejected {
    /// Its place in the request, from 0.
    pub(crate) index: usize,
    /// Stable code.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) detail: String,
}

impl Problem {
    /// The problem in an answer that is no success. A body that is no problem document is quoted.
    pub(crate) fn of(answer: &Answer) -> Self {
        let problem: Self = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !problem.title.is_empty() {
            return problem;
        }
        let body = String::from_utf8_lossy(&answer.body);
        Self {
            title: answer.status.to_string(),
            detail: printable_start(body.trim(), EXCERPT_CHARS_MAX),
            hint: "this is no answer of an Eyas server: check --url and EYAS_URL".to_owned(),
            ..Self::default()
        }
    }

    /// `title: detail at /pointer (hint) [code, request id]`, without what is missing.
    pub(crate) fn text(&self) -> String {
        let mut text = self.title.clone();
        for (before, part, after) in [
            (": ", self.detail.trim_end_matches('.'), ""),
            (", at ", self.pointer.as_str(), ""),
            (" (", self.hint.as_str(), ")"),
        ] {
            if !part.is_empty() {
                text.extend([before, part, after]);
            }
        }
        let marks: Vec<&str> = [self.code.as_str(), self.request_id.as_str()]
            .into_iter()
            .filter(|mark| !mark.is_empty())
            .collect();
        if !marks.is_empty() {
            text.extend([" [", &marks.join(", "), "]"]);
        }
        printable(&text)
    }
}

/// What names the token in a request.
fn bearer(token: &str) -> Result<HeaderValue, CommandError> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.trim()));
    let mut value = value.map_err(|_| {
        CommandError::Config(
            "EYAS_TOKEN is no token: set it to what `eyas token create` has printed".to_owned(),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn no_answer() -> ClientError {
    ClientError::Late(format!("no answer within {} s", ANSWER_WAIT.as_secs()))
}

/// `Retry-After` in seconds. Its other form, a date, is not used by our servers.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// The innermost cause: "Connection refused (os error 111)" says more than "client error (Connect)".
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

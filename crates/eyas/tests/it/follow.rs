//! A subscriber to `/live`, over WebSocket, SSE or NDJSON: one message after the other.
//!
//! Invariant: all ways hand out the same messages, so tests are written once.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::app::{DEADLINE, TestApp};
use crate::http::{Http, Row};

/// How to subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    WebSocket,
    Sse,
    Lines,
}

impl Way {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::WebSocket, Self::Sse, Self::Lines];

    /// What is asked for, and what comes.
    fn media_type(self) -> &'static str {
        if self == Self::Sse { "text/event-stream" } else { "application/x-ndjson" }
    }
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Its `type`.
    pub(crate) kind: String,
    /// As it came.
    pub(crate) text: String,
    /// The `id:` line of SSE.
    pub(crate) sse_id: Option<String>,
}

/// The only member that all messages have. (Numbers in `data` may be too large for a general reader.)
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

impl Message {
    fn new(text: String, sse_id: Option<String>) -> Self {
        let typed: Typed =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("no message: {text}"));
        Self { kind: typed.kind, text, sse_id }
    }

    /// Its JSON. Not for `data`: numbers become doubles here.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The event in it.
    pub(crate) fn row(&self) -> Row {
        assert_eq!(self.kind, "event", "{}", self.text);
        Row::parse(&self.text)
    }
}

/// What a subscriber heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Message),
    /// The connection is over; WebSocket says with which code.
    End(Option<u16>),
}

/// A subscription in progress.
pub(crate) enum Follower {
    WebSocket(Box<WebSocketStream<TcpStream>>),
    Http { way: Way, body: Incoming, buffer: Vec<u8> },
}

impl Follower {
    /// Subscribes. `query` is what stands behind `/live?`.
    pub(crate) async fn open(
        addr: SocketAddr,
        way: Way,
        query: &str,
        last_event_id: Option<&str>,
    ) -> Result<Self, String> {
        Self::open_as(addr, way, query, last_event_id, None).await
    }

    /// The same, with a token.
    pub(crate) async fn open_as(
        addr: SocketAddr,
        way: Way,
        query: &str,
        last_event_id: Option<&str>,
        token: Option<&str>,
    ) -> Result<Self, String> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let bearer = bearer.as_deref().map(|bearer| ("authorization", bearer));
        if way == Way::WebSocket {
            let headers: Vec<_> = bearer.into_iter().collect();
            let knocked = knock(addr, query, &headers).await;
            let (socket, _) = knocked.map_err(|error| error.to_string())?;
            return Ok(Self::WebSocket(Box::new(socket)));
        }
        let mut headers = vec![("accept", way.media_type())];
        headers.extend(last_event_id.map(|id| ("last-event-id", id)));
        headers.extend(bearer);
        let opened =
            Http::new(addr).open(Method::GET, &format!("/live?{query}"), &headers, "").await;
        let response = opened.map_err(|error| format!("{error:?}"))?;
        let content_type = response.headers().get("content-type").map(|v| v.to_str().unwrap());
        if response.status() != 200 || content_type != Some(way.media_type()) {
            return Err(format!("{} {content_type:?}", response.status()));
        }
        Ok(Self::Http { way, body: response.into_body(), buffer: Vec::new() })
    }

    /// The next message, without a deadline. Safe to drop between two messages.
    pub(crate) async fn hear(&mut self) -> Heard {
        match self {
            Self::WebSocket(socket) => hear_frames(socket).await,
            Self::Http { way, body, buffer } => loop {
                let message = if *way == Way::Sse { cut(buffer) } else { cut_line(buffer) };
                if let Some(message) = message {
                    return Heard::Message(message);
                }
                match body.frame().await {
                    Some(Ok(frame)) => {
                        buffer.extend_from_slice(&frame.into_data().unwrap_or_default());
                    }
                    _ => return Heard::End(None),
                }
            },
        }
    }

    /// The next message, which must come.
    pub(crate) async fn next(&mut self) -> Message {
        match timeout(DEADLINE, self.hear()).await {
            Ok(Heard::Message(message)) => message,
            Ok(Heard::End(code)) => panic!("the connection ended ({code:?})"),
            Err(late) => panic!("nothing was said: {late}"),
        }
    }

    /// The next message of a kind; the others before it are passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Message {
        loop {
            let message = self.next().await;
            if message.kind == kind {
                return message;
            }
        }
    }

    /// The next event. A gap must not come before it.
    pub(crate) async fn next_event(&mut self) -> Row {
        loop {
            let message = self.next().await;
            assert_ne!(message.kind, "gap", "{}", message.text);
            if message.kind == "event" {
                return message.row();
            }
        }
    }

    /// So many events.
    pub(crate) async fn events(&mut self, n: usize) -> Vec<Row> {
        let mut rows = Vec::with_capacity(n);
        while rows.len() < n {
            rows.push(self.next_event().await);
        }
        rows
    }

    /// What is said until the connection is over, and the code with which it closed.
    pub(crate) async fn until_end(&mut self) -> (Vec<Message>, Option<u16>) {
        let mut messages = Vec::new();
        loop {
            let heard = timeout(DEADLINE, self.hear()).await;
            match heard.unwrap_or_else(|_| panic!("no end after {messages:?}")) {
                Heard::Message(message) => messages.push(message),
                Heard::End(code) => return (messages, code),
            }
        }
    }

    /// Says something. Only a WebSocket can.
    pub(crate) async fn say(&mut self, frame: Frame) {
        let Self::WebSocket(socket) = self else { panic!("only a WebSocket can speak") };
        // The server may have hung up by now, which is what the test then sees.
        let _ = socket.send(frame).await;
    }
}

impl TestApp {
    /// Subscribes, and waits for the `hello`.
    pub(crate) async fn follow(&self, way: Way, query: &str) -> Follower {
        let follower = Follower::open(self.addr, way, query, None).await;
        let mut follower = follower.unwrap_or_else(|error| panic!("{way:?} {query}: {error}"));
        let hello = follower.next().await;
        assert_eq!(hello.kind, "hello", "{}", hello.text);
        follower
    }

    /// Over WebSocket.
    pub(crate) async fn live_ws(&self, query: &str) -> Follower {
        self.follow(Way::WebSocket, query).await
    }

    /// Over SSE.
    pub(crate) async fn live_sse(&self, query: &str) -> Follower {
        self.follow(Way::Sse, query).await
    }
}

/// What a WebSocket handshake comes to.
pub(crate) type Knock =
    Result<(WebSocketStream<TcpStream>, Response<Option<Vec<u8>>>), tungstenite::Error>;

/// A WebSocket handshake with header fields of one's own.
pub(crate) async fn knock(addr: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Knock {
    let mut request = format!("ws://{addr}/live?{query}").into_client_request()?;
    for (name, value) in headers {
        let name = tungstenite::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(addr).await.map_err(tungstenite::Error::Io)?;
    client_async(request, stream).await
}

async fn hear_frames(socket: &mut WebSocketStream<TcpStream>) -> Heard {
    loop {
        match socket.next().await {
            Some(Ok(Frame::Text(text))) => {
                return Heard::Message(Message::new(text.as_str().to_owned(), None));
            }
            Some(Ok(Frame::Close(close))) => {
                return Heard::End(close.map(|close| u16::from(close.code)));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Heard::End(None),
        }
    }
}

/// Takes the first whole line that is a message out of the buffer.
fn cut_line(buffer: &mut Vec<u8>) -> Option<Message> {
    loop {
        let at = buffer.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = buffer.drain(..=at).collect();
        // An empty line keeps the connection awake.
        if at > 0 {
            let line = String::from_utf8(line).expect("UTF-8");
            return Some(Message::new(line.trim_end().to_owned(), None));
        }
    }
}

/// Takes the first whole message out of the buffer.
fn cut(buffer: &mut Vec<u8>) -> Option<Message> {
    loop {
        let at = buffer.windows(2).position(|window| window == b"\n\n")?;
        let block: Vec<u8> = buffer.drain(..at + 2).collect();
        let block = String::from_utf8(block).expect("UTF-8");
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        // A block without data is a comment that keeps the connection awake, or a `retry:`.
        if let Some(data) = field("data: ") {
            return Some(Message::new(data.to_owned(), field("id: ").map(str::to_owned)));
        }
    }
}

//! Live messages as server-sent events. `id:` is the cursor, so a browser resumes by itself.
//!
//! The body is a stream that hyper polls only while there is room to write: a slow client costs no memory.
//! One that reads nothing for 60 s is cut by the connection's watchdog ([`crate::watch`]).

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use live::{Message, Subscription};
use model::{Cursor, LogId};

use crate::edge::Edge;
use crate::routes::ask::Ask;
use crate::routes::message::{self, End};
use crate::routes::ticks::Ticks;

/// Comment that keeps proxies from closing a quiet connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const SECOND: Duration = Duration::from_secs(1);

/// The endless answer.
pub(crate) fn response(edge: Arc<Edge>, ask: Ask) -> Response {
    let feed = Feed::new(edge, ask);
    let chunks = stream::unfold(feed, async |mut feed| {
        let chunk = feed.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), feed))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

struct Feed {
    subscription: Subscription,
    log: LogId,
    keep_alive: Ticks,
    stats: Ticks,
    has_begun: bool,
    has_ended: bool,
    edge: Arc<Edge>,
}

impl Feed {
    fn new(edge: Arc<Edge>, ask: Ask) -> Self {
        Self {
            subscription: edge.live.subscribe(ask.since, ask.filter),
            log: edge.intake.log().log,
            keep_alive: Ticks::every(KEEP_ALIVE),
            stats: if ask.has_stats { Ticks::every(SECOND) } else { Ticks::never() },
            has_begun: false,
            has_ended: false,
            edge,
        }
    }

    /// The next bytes; `None` after the goodbye.
    async fn next(&mut self) -> Option<Bytes> {
        if self.has_ended {
            return None;
        }
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            out.extend_from_slice(b"retry: 1000\n\n");
            put(&mut out, None, message::hello(&self.edge).as_bytes());
            return Some(Bytes::from(out));
        }
        tokio::select! {
            () = self.edge.drain.cancelled() => self.end(&mut out, &End::Shutdown),
            messages = self.subscription.next() => match messages {
                Ok(messages) => self.put_all(&mut out, &messages),
                Err(error) => self.end(&mut out, &End::Failed(error)),
            },
            () = self.keep_alive.next() => out.extend_from_slice(b":\n\n"),
            () = self.stats.next() => {
                put(&mut out, None, message::stats(&self.edge).as_bytes());
            }
        }
        Some(Bytes::from(out))
    }

    fn put_all(&self, out: &mut Vec<u8>, messages: &[Message]) {
        for message in messages {
            match message {
                Message::Event { seq, text } => {
                    put(out, Some(Cursor { log: self.log, seq: *seq }), text);
                }
                other => {
                    if let Some((text, cursor)) = message::mark(other) {
                        put(out, Some(cursor), text.as_bytes());
                    }
                }
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>, end: &End) {
        self.has_ended = true;
        put(out, None, message::bye(end, self.subscription.cursor()).as_bytes());
    }
}

/// `text` has no line breaks: every message is one line.
fn put(out: &mut Vec<u8>, id: Option<Cursor>, text: &[u8]) {
    if let Some(cursor) = id {
        let _ = writeln!(out, "id: {cursor}");
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\n\n");
}

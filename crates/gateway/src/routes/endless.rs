//! Live messages as the endless body of an HTTP answer: server-sent events, or lines.
//!
//! The body is a stream that hyper polls only while there is room to write: a slow client costs no memory.
//! One that reads nothing for 60 s is cut by the connection's watchdog ([`crate::watch`]), and resumes by its cursor.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::routes::ask::Ask;
use crate::routes::feed::Feed;
use crate::routes::outbox::{Outbox, Spelling};

/// The endless answer.
pub(crate) fn response(
    edge: Arc<Edge>,
    principal: &Principal,
    ask: Ask,
    spelling: Spelling,
) -> Response {
    let keep_alive = edge.options.limits.patience.live_keep_alive;
    let feed = Some(Feed::new(edge, principal, ask, keep_alive));
    let chunks = stream::unfold(feed, move |feed| async move {
        let mut feed = feed?;
        let mut out = Outbox::new(spelling);
        let rest = match feed.next(&mut out).await {
            None => Some(feed),
            Some(end) => {
                feed.bye(&end, feed.cursor(), &mut out);
                None
            }
        };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(out.into_bytes())), rest))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let content_type = match spelling {
        Spelling::Sse => "text/event-stream",
        Spelling::Lines | Spelling::WebSocket => "application/x-ndjson",
    };
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

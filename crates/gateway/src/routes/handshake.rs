//! The opening of a WebSocket (RFC 6455, section 4.2), and the bytes that come after it.

use axum::body::Body;
use axum::response::Response;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::error::Kind;
use crate::problem::Problem;

/// The one subprotocol that we speak. A browser that offers some wants one of them back.
const SUBPROTOCOL: &str = "eyas.v1";

/// Checks the client's half, and makes ours. The connection itself comes when the answer has been written.
pub(crate) fn open(parts: &mut Parts) -> Result<(Response, OnUpgrade), Problem> {
    let headers = &parts.headers;
    if parts.method != Method::GET || !has_word(headers, &CONNECTION, "upgrade") {
        return Err(refuse("a GET with Connection: Upgrade is wanted"));
    }
    if !has_word(headers, &UPGRADE, "websocket") {
        return Err(refuse("Upgrade names no WebSocket"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(refuse("Sec-WebSocket-Version is not 13"));
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        return Err(refuse("Sec-WebSocket-Key is missing"));
    };
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| refuse("Sec-WebSocket-Key cannot be used"))?;
    let is_known = has_word(headers, &SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
        return Err(refuse("this connection cannot be upgraded"));
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if is_known {
        answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok((response, upgrade))
}

fn refuse(why: &str) -> Problem {
    Kind::BadUpgrade.problem(format!("This cannot become a WebSocket: {why}."))
}

/// Whether one of a header's comma-separated words is this one.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let words =
        headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    words.into_iter().any(|given| given.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

//! Who a request comes from, by its head.
//!
//! ```text
//!   a principal already in the extensions   the socket of this machine's administrator: only our own code can put it there
//!   before the first token, on loopback     everybody is a guest, who may everything
//!   Authorization: Bearer eyas_…            the token's application
//!   Sec-WebSocket-Protocol: eyas.bearer.…   the same, where a browser opens a WebSocket: it can send no other header
//! ```

use hyper::header::{AUTHORIZATION, HeaderMap, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use hyper::http::Extensions;

use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::auth::registry::Registry;

/// The subprotocol that carries a token.
const BEARER_PROTOCOL: &[u8] = b"eyas.bearer.";

/// Finds out who asks. Whoever cannot be known is nobody, with the reason.
pub(crate) fn identify(
    registry: &Registry,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Principal {
    if let Some(principal) = extensions.get::<Principal>() {
        return principal.clone();
    }
    if registry.is_open() {
        return Principal::guest();
    }
    let found = match token(headers) {
        Ok(Some(text)) => registry.resolve(text),
        Ok(None) => Err(Refusal::Missing),
        Err(refusal) => Err(refusal),
    };
    found.unwrap_or_else(Principal::nobody)
}

/// The token that a request names.
fn token(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(offered(headers)),
        (Some(only), None) => bearer(only.as_bytes()).map(Some).ok_or(Refusal::Malformed),
        (Some(_), Some(_)) => Err(Refusal::Malformed),
    }
}

/// `Bearer <token>`; the word in any case (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (word, rest) = value.split_at_checked(b"Bearer ".len())?;
    let token = rest.trim_ascii();
    let is_one = !token.is_empty() && !token.contains(&b' ');
    (word.eq_ignore_ascii_case(b"Bearer ") && is_one).then_some(token)
}

/// The token among the subprotocols that a WebSocket offers.
fn offered(headers: &HeaderMap) -> Option<&[u8]> {
    if !headers.contains_key(UPGRADE) {
        return None;
    }
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut words = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.find_map(|word| word.trim_ascii().strip_prefix(BEARER_PROTOCOL))
}

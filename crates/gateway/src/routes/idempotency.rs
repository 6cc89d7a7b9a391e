//! `Idempotency-Key`: makes it safe to send again what has no ids of its own.
//!
//! The key becomes the event's id, or `<key>/<index>` for the events of an array or of lines. So the same
//! request sent twice is stored once, by the same rule as for ids that clients choose, and for as long.

use std::borrow::Cow;

use hyper::header::HeaderMap;
use pipeline::NewEvent;

use crate::error::Kind;
use crate::problem::Problem;
use crate::wire::body::Place;

/// Longest key: with a slash and the largest index it still is an id.
const KEY_BYTES_MAX: usize = 120;

/// The key, if the request has one. Quotes around it, as RFC drafts write them, are no part of it.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(value) = given.next() else { return Ok(None) };
    let bad = |why: &str| Kind::BadIdempotencyKey.problem(format!("The Idempotency-Key {why}."));
    if given.next().is_some() {
        return Err(bad("is given more than once"));
    }
    let key = value.to_str().map_err(|_| bad("is not ASCII"))?.trim();
    let bare = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
    if !(1..=KEY_BYTES_MAX).contains(&bare.len()) {
        return Err(bad(&format!("has {} bytes, not 1 to {KEY_BYTES_MAX}", bare.len())));
    }
    // The slash stands between the key and an index: `a/0` must not name two events.
    if !bare.bytes().all(|sign| sign.is_ascii_graphic() && sign != b'/') {
        return Err(bad("has a space or a slash"));
    }
    Ok(Some(bare))
}

/// Gives the event its id, unless it has one.
pub(crate) fn name(event: &mut NewEvent<'_>, key: Option<&str>, place: Place) {
    let (Some(key), None) = (key, &event.id) else { return };
    event.id = Some(Cow::Owned(match place {
        Place::Only => key.to_owned(),
        Place::Index(index) | Place::Line { index, .. } => format!("{key}/{index}"),
    }));
}

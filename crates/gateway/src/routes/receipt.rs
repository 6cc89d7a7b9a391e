//! What a write is answered with: ids and positions, and what the database made of them where that was waited for.

use std::io::Write as _;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use model::{Seq, json};
use pipeline::{Accepted, Item};
use store::Fate;

use crate::problem::Rejected;
use crate::reply::Reply;
use crate::routes::wait::{self, Waited};

/// The answer with this body; its status says how far the events came.
pub(crate) fn response(body: Vec<u8>, waited: Option<&Waited>) -> Response<Reply> {
    let mut response = Response::new(Reply::once(Bytes::from(body)));
    *response.status_mut() = waited.map_or(StatusCode::ACCEPTED, Waited::status);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(Waited { seconds, .. }) = waited {
        let applied = HeaderValue::from_str(&format!("wait={seconds}"));
        headers.insert("preference-applied", applied.expect("digits are ASCII"));
    }
    response
}

/// `{"id":"…","seq":1,"durability":"disk"}`, with `"duplicate":true` for a repetition, and with
/// `"state":"stored"` where it was waited for.
pub(crate) fn one(accepted: &Accepted, fates: Option<&[Fate]>) -> Vec<u8> {
    let (id, seq, is_new) = match accepted.items.first() {
        Some(Item::Appended { id, seq }) => (id, *seq, true),
        Some(Item::Duplicate { id, seq }) => (id, *seq, false),
        Some(Item::Conflict { .. }) | None => {
            unreachable!("append answers one pushed event with one")
        }
    };
    let mut out = Vec::with_capacity(96 + id.len());
    out.extend_from_slice(b"{\"id\":");
    json::write_string(&mut out, id);
    let duplicate = if is_new { "" } else { ",\"duplicate\":true" };
    let _ = write!(out, ",\"seq\":{seq},\"durability\":\"{}\"{duplicate}", accepted.durability);
    if let Some(&[fate]) = fates {
        let _ = write!(out, ",\"state\":\"{}\"", wait::word(fate));
    }
    out.push(b'}');
    out
}

/// `{"accepted":2,"duplicates":0,"first_seq":1,"last_seq":2,"ids":["…","…"],"durability":"disk","rejected":[]}`,
/// with `"states":["stored","…"]` where it was waited for.
pub(crate) fn many(accepted: &Accepted, rejected: &[Rejected], fates: Option<&[Fate]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + accepted.items.len() * 40);
    let (mut n_duplicates, mut first, mut last) = (0_usize, None::<Seq>, None::<Seq>);
    for item in &accepted.items {
        match item {
            Item::Appended { seq, .. } => {
                first = first.or(Some(*seq));
                last = Some(*seq);
            }
            Item::Duplicate { .. } | Item::Conflict { .. } => n_duplicates += 1,
        }
    }
    let number = |seq: Option<Seq>| seq.map_or_else(|| "null".to_owned(), |seq| seq.to_string());
    let _ = write!(
        out,
        "{{\"accepted\":{},\"duplicates\":{n_duplicates},\"first_seq\":{},\"last_seq\":{},\"ids\":",
        accepted.items.len(),
        number(first),
        number(last),
    );
    for (at, item) in accepted.items.iter().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        json::write_string(&mut out, item.id());
    }
    let _ = write!(out, "],\"durability\":\"{}\",\"rejected\":", accepted.durability);
    serde_json::to_writer(&mut out, rejected).expect("texts and numbers always have a JSON form");
    if let Some(fates) = fates {
        let states: Vec<&str> = fates.iter().map(|fate| wait::word(*fate)).collect();
        let _ = write!(out, ",\"states\":[\"{}\"]", states.join("\",\""));
    }
    out.push(b'}');
    out
}

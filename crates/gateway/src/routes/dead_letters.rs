//! `/dead-letters`: what the database refused, and what people do about it.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use model::{Cursor, Seq, Timestamp};
use pipeline::{JobWish, REPLAY};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{DeadAct, DeadLetter, DeadState, Extent};

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::{PAGE_LIMIT, Query};
use crate::routes::audit;
use crate::routes::dead_wish::{self, KNOWN, present};
use crate::routes::document::{self, Whole};
use crate::routes::event::segment;
use crate::routes::jobs::{self, RATE_MAX, within};
use crate::routes::status::json;

/// Bytes of `data` that a list shows of each.
const PREVIEW_BYTES: usize = 512;
/// Events a second of a replay that does not say.
const RATE: u32 = 200;
/// Failures after which a replay stops that does not say.
const STOP_AFTER: u32 = 50;
/// Most of them.
const STOP_AFTER_MAX: u32 = 1_000_000;
/// Longest note, in bytes.
const NOTE_BYTES_MAX: usize = 1_000;

#[derive(Serialize)]
struct Groups {
    groups: Vec<Group>,
    counts: Counts,
}

#[derive(Serialize)]
struct Group {
    reason: String,
    application: Option<String>,
    stream: String,
    category: Option<String>,
    name: Option<String>,
    count: u64,
    first_seen: String,
    last_seen: String,
    sample: Sample,
}

#[derive(Serialize)]
struct Sample {
    seq: u64,
    detail: String,
}

#[derive(Serialize)]
struct Counts {
    open: u64,
    replayed: u64,
    discarded: u64,
}

#[derive(Serialize)]
struct List {
    dead_letters: Vec<Letter>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Letter {
    seq: u64,
    cursor: String,
    id: String,
    stream: String,
    application: Option<String>,
    session_id: Option<String>,
    category: Option<String>,
    name: Option<String>,
    reason: String,
    detail: String,
    state: &'static str,
    attempts: u32,
    dead_at: String,
    state_at: Option<String>,
    acted_by: Option<String>,
    note: Option<String>,
    data_bytes: usize,
    preview: String,
}

#[derive(Serialize)]
struct WithData {
    #[serde(flatten)]
    letter: Letter,
    timestamp: Option<String>,
    received_at: String,
    data: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayWish {
    #[serde(default, deserialize_with = "present")]
    seqs: Option<Vec<Whole>>,
    #[serde(default, deserialize_with = "present")]
    filter: Option<dead_wish::Filter>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default, deserialize_with = "present")]
    rate: Option<Whole>,
    #[serde(default, deserialize_with = "present")]
    stop_after: Option<Whole>,
    #[serde(default)]
    include_repeated: bool,
}

#[derive(Serialize)]
struct Preview {
    count: u64,
    oldest: Option<String>,
    newest: Option<String>,
    left_out: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiscardWish {
    #[serde(default, deserialize_with = "present")]
    seqs: Option<Vec<Whole>>,
    #[serde(default, deserialize_with = "present")]
    filter: Option<dead_wish::Filter>,
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RestoreWish {
    #[serde(default, deserialize_with = "present")]
    seqs: Option<Vec<Whole>>,
    #[serde(default, deserialize_with = "present")]
    filter: Option<dead_wish::Filter>,
}

/// What there is, by what it has in common.
pub(crate) async fn groups(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let filter = dead_wish::filter(&mut query)?;
    query.end(KNOWN)?;
    let counts = edge.stores.dead_letters.dead_counts(filter.clone()).await?;
    let groups = edge.stores.dead_letters.dead_groups(filter).await?;
    let group = |group: store::DeadGroup| Group {
        reason: group.reason,
        application: group.application,
        stream: group.stream,
        category: group.category,
        name: group.name,
        count: group.count,
        first_seen: group.first_at.to_string(),
        last_seen: group.last_at.to_string(),
        sample: Sample { seq: group.sample.get(), detail: group.sample_detail },
    };
    let store::DeadCounts { open, replayed, discarded } = counts;
    let counts = Counts { open, replayed, discarded };
    Ok(json(&Groups { groups: groups.into_iter().map(group).collect(), counts }))
}

/// One by one, newest first.
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let filter = dead_wish::filter(&mut query)?;
    let before = query.take_as("after", "next of an earlier answer, such as 42", parse_seq)?;
    let limit = query.limit()?.unwrap_or(PAGE_LIMIT);
    query.end(&format!("{KNOWN}, after, limit"))?;
    let bytes_max = Extent::PAGE.bytes_max;
    let page = edge.stores.dead_letters.dead_page(filter, before, limit, bytes_max).await?;
    let next = page.next.map(|seq| seq.to_string());
    let dead_letters = page.events.iter().map(|letter| shown(&edge, letter)).collect();
    Ok(json(&List { dead_letters, next }))
}

/// One with all of its data, in whatever state.
pub(crate) async fn one(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let text = segment(request.uri().path(), "/dead-letters/")?;
    let not_found = || Kind::NotFound.problem(format!("There is no dead letter at {text:?}."));
    let seq = parse_seq(&text).ok_or_else(not_found)?;
    let letter = edge.stores.dead_letters.dead_letter(seq).await?.ok_or_else(not_found)?;
    let event = &letter.stored.event;
    let data = RawValue::from_string(event.data().to_owned());
    Ok(json(&WithData {
        letter: shown(&edge, &letter),
        timestamp: event.timestamp().as_ref().map(Timestamp::to_string),
        received_at: event.received_at().to_string(),
        data: data.expect("what was accepted is JSON"),
    }))
}

/// Starts a job that tries them again, or counts what it would try.
pub(crate) async fn replay(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let wish: ReplayWish = document::read(&edge, &parts, body).await?;
    let rate = within("rate", wish.rate, RATE, RATE_MAX)?;
    let stop_after = within("stop_after", wish.stop_after, STOP_AFTER, STOP_AFTER_MAX)?;
    let filter = dead_wish::selection(wish.seqs, wish.filter, DeadState::Open)?;
    let plan =
        pipeline::plan_replay(&*edge.stores.dead_letters, filter, wish.include_repeated).await?;
    if wish.dry_run {
        return Ok(json(&Preview {
            count: plan.sum.count,
            oldest: plan.sum.oldest.as_ref().map(Timestamp::to_string),
            newest: plan.sum.newest.as_ref().map(Timestamp::to_string),
            left_out: plan.n_left_out,
        }));
    }
    let actor = principal.actor().to_owned();
    let (kind, total, spec) = (REPLAY, plan.sum.count, plan.spec);
    let wish = JobWish { kind, spec, total, rate, stop_after, actor };
    jobs::begin(&edge, principal, wish, "dead_letter.replay").await
}

/// Gives them up, with a reason. They stay in their place.
pub(crate) async fn discard(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let DiscardWish { seqs, filter, note } = document::read(&edge, &parts, body).await?;
    if note.trim().is_empty() || note.len() > NOTE_BYTES_MAX {
        let words = format!("note says why, in 1 to {NOTE_BYTES_MAX} bytes.");
        return Err(Kind::BadValue.problem(words).pointer("/note"));
    }
    let filter = dead_wish::selection(seqs, filter, DeadState::Open)?;
    let (at, actor) = (pipeline::now(), principal.actor().to_owned());
    let act = DeadAct { filter, at, actor, note: Some(note.clone()) };
    let act = |edge: Arc<Edge>| async move {
        let n = edge.stores.dead_letters.discard(act).await?;
        let detail = serde_json::json!({ "discarded": n, "note": note }).to_string();
        audit::done(&edge, &principal, "dead_letter.discard", "", detail).await;
        Ok::<_, Problem>(n)
    };
    let n = edge.carry_out(act).await?;
    Ok(json(&serde_json::json!({ "discarded": n })))
}

/// Opens discarded ones again.
pub(crate) async fn restore(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let RestoreWish { seqs, filter } = document::read(&edge, &parts, body).await?;
    let filter = dead_wish::selection(seqs, filter, DeadState::Discarded)?;
    let (at, actor) = (pipeline::now(), principal.actor().to_owned());
    let act = |edge: Arc<Edge>| async move {
        let n = edge.stores.dead_letters.restore(DeadAct { filter, at, actor, note: None }).await?;
        let detail = serde_json::json!({ "restored": n }).to_string();
        audit::done(&edge, &principal, "dead_letter.restore", "", detail).await;
        Ok::<_, Problem>(n)
    };
    let n = edge.carry_out(act).await?;
    Ok(json(&serde_json::json!({ "restored": n })))
}

fn parse_seq(text: &str) -> Option<Seq> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let seq = if is_plain { text.parse().ok() } else { None };
    seq.and_then(Seq::new)
}

fn shown(edge: &Edge, letter: &DeadLetter) -> Letter {
    let (seq, event) = (letter.stored.seq, &letter.stored.event);
    let text = |text: Option<&str>| text.map(str::to_owned);
    let data = event.data();
    Letter {
        seq: seq.get(),
        cursor: Cursor { log: edge.intake.log().log, seq }.to_string(),
        id: event.id().to_owned(),
        stream: event.stream().to_owned(),
        application: text(event.application()),
        session_id: text(event.session_id()),
        category: text(event.category()),
        name: text(event.name()),
        reason: letter.reason.clone(),
        detail: letter.detail.clone(),
        state: letter.state.as_str(),
        attempts: letter.attempts,
        dead_at: letter.dead_at.to_string(),
        state_at: letter.state_at.as_ref().map(Timestamp::to_string),
        acted_by: letter.acted_by.clone(),
        note: letter.note.clone(),
        data_bytes: data.len(),
        preview: data[..data.floor_char_boundary(PREVIEW_BYTES)].to_owned(),
    }
}

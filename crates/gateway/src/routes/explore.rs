//! What a screen asks about many events at once: facets, a histogram, a count. Each below `/events` and below
//! `/streams/{stream}`, with the filter of pages.
//!
//! Invariant: the work of one answer is bounded by an [`Effort`]; where that was met, `complete` is false and the numbers
//! are lower bounds, of the newest events.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::Uri;
use model::{Filter, Pattern, StreamName, Timestamp};
use serde::Serialize;
use store::{Effort, FacetValue, Moment};

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::problem::Problem;
use crate::query::{FILTER_NAMES, Query};
use crate::routes::ingest::stream_name;
use crate::routes::status::json;

/// What facets and a histogram are worth: they are drawn anew at every change of a filter.
const SUMMARY: Effort = Effort { rows_max: 200_000, time_max: Duration::from_secs(1) };
/// What a count is worth, which somebody has asked for.
pub(crate) const COUNT: Effort = Effort { rows_max: 1_000_000, time_max: Duration::from_secs(2) };
/// Buckets of a histogram that does not say.
const BUCKETS: usize = 60;
/// Most of them.
const BUCKETS_MAX: usize = 500;
/// What a histogram shows where nothing was found and nothing was said.
const DAY_US: i64 = 86_400_000_000;

#[derive(Serialize)]
struct Counted {
    count: u64,
    complete: bool,
}

#[derive(Serialize)]
struct Faceted {
    facets: Facets,
    examined: u64,
    complete: bool,
}

#[derive(Serialize)]
struct Facets {
    application: Vec<Value<Option<String>>>,
    category: Vec<Value<Option<String>>>,
    name: Vec<Value<Option<String>>>,
    stream: Vec<Value<Option<String>>>,
    valid: Vec<Value<bool>>,
}

#[derive(Serialize)]
struct Value<T> {
    value: T,
    count: u64,
}

#[derive(Serialize)]
struct Drawn {
    start: String,
    step_s: u64,
    valid: Vec<u64>,
    invalid: Vec<u64>,
    examined: u64,
    complete: bool,
}

/// `GET /events/count`.
pub(crate) async fn count(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut query, stream, known) = asked(request.uri(), &principal)?;
    let filter = Filter { stream, ..query.filter()? };
    query.end(&known)?;
    let (count, examined) = edge.stores.explore.count(filter, COUNT).await?;
    Ok(json(&Counted { count, complete: examined.is_complete }))
}

/// `GET /events/facets`.
pub(crate) async fn facets(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut query, stream, known) = asked(request.uri(), &principal)?;
    let filter = Filter { stream, ..query.filter()? };
    query.end(&known)?;
    let (found, examined) = edge.stores.explore.facets(filter, SUMMARY).await?;
    let values = |values: Vec<FacetValue>| {
        values.into_iter().map(|FacetValue { value, count }| Value { value, count }).collect()
    };
    let mut valid = vec![(true, found.n_valid), (false, found.n_invalid)];
    valid.retain(|(_, count)| *count > 0);
    valid.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let facets = Facets {
        application: values(found.application),
        category: values(found.category),
        name: values(found.name),
        stream: values(found.stream),
        valid: valid.into_iter().map(|(value, count)| Value { value, count }).collect(),
    };
    Ok(json(&Faceted { facets, examined: examined.n_rows, complete: examined.is_complete }))
}

/// `GET /events/histogram`.
pub(crate) async fn histogram(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut query, stream, known) = asked(request.uri(), &principal)?;
    let filter = Filter { stream, ..query.filter()? };
    let n_buckets = query.number("buckets", BUCKETS_MAX)?.unwrap_or(BUCKETS);
    query.end(&format!("{known}, buckets"))?;
    let range = (filter.from, filter.to);
    let (moments, examined) = edge.stores.explore.moments(filter, SUMMARY).await?;
    let bars = draw(&moments, range, pipeline::now(), n_buckets);
    Ok(json(&Drawn {
        start: bars.start.to_string(),
        step_s: bars.step_s,
        valid: bars.valid,
        invalid: bars.invalid,
        examined: examined.n_rows,
        complete: examined.is_complete,
    }))
}

/// The query; the streams: that of the path, else those that `stream=` names, else `events`, as of a page; and the
/// names that the query may have. Only streams that `principal` may read.
fn asked<'a>(
    uri: &'a Uri,
    principal: &Principal,
) -> Result<(Query<'a>, Vec<Pattern>, String), Problem> {
    let mut query = Query::parse(uri.query())?;
    if let Some(rest) = uri.path().strip_prefix("/streams/") {
        let name = stream_name(rest.rsplit_once('/').map_or(rest, |(name, _)| name))?;
        let streams = vec![Pattern::Exact(name.as_str().to_owned())];
        return Ok((query, principal.narrow(streams)?, FILTER_NAMES.to_owned()));
    }
    let mut streams = query.patterns("stream")?;
    if streams.is_empty() {
        streams.push(Pattern::Exact(StreamName::EVENTS.to_owned()));
    }
    Ok((query, principal.narrow(streams)?, format!("stream, {FILTER_NAMES}")))
}

/// A histogram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bars {
    pub(crate) start: Timestamp,
    pub(crate) step_s: u64,
    pub(crate) valid: Vec<u64>,
    pub(crate) invalid: Vec<u64>,
}

/// At most `n_buckets` buckets of whole seconds. Where `from` or `to` is open, the range ends with the moments; from a
/// given beginning on it reaches up to now, and without moments it is a day.
pub(crate) fn draw(
    moments: &[Moment],
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
    n_buckets: usize,
) -> Bars {
    let micros = |moment: &Moment| moment.at.micros();
    let first = moments.iter().map(micros).min();
    let behind = moments.iter().map(micros).max().map(|last| last.saturating_add(1));
    let (from, to) = (from.map(Timestamp::micros), to.map(Timestamp::micros));
    let end = to.unwrap_or_else(|| match (from, behind) {
        (Some(_), Some(behind)) => behind.max(now.micros()),
        (None, Some(behind)) => behind,
        (_, None) => now.micros(),
    });
    let start = from.or(first).unwrap_or(end.saturating_sub(DAY_US));
    // 128 bits, because two times may be as far apart as 64 bits hold.
    let span_us = (i128::from(end) - i128::from(start)).max(0) as u128;
    let step_s = span_us.div_ceil(n_buckets as u128 * 1_000_000).max(1);
    let step_us = step_s * 1_000_000;
    let n_bars = span_us.div_ceil(step_us) as usize;
    let (mut valid, mut invalid) = (vec![0; n_bars], vec![0; n_bars]);
    for moment in moments {
        let behind_us = i128::from(moment.at.micros()) - i128::from(start);
        let bar = usize::try_from(behind_us / step_us as i128).ok().filter(|_| behind_us >= 0);
        let bars = if moment.is_valid { &mut valid } else { &mut invalid };
        if let Some(bar) = bar.and_then(|bar| bars.get_mut(bar)) {
            *bar += 1;
        }
    }
    Bars { start: Timestamp::from_micros(start), step_s: step_s as u64, valid, invalid }
}

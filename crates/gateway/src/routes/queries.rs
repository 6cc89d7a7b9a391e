//! `GET <path of a query>`, and `GET /queries`, which lists them.
//!
//! JSON and CSV are whole before the answer begins: they have an `ETag`, and what goes wrong gets a proper refusal. Lines go out
//! as the database gives them, in bounded memory. Nothing that a client can send is answered 5xx: what costs too much, or
//! fails in the database, is a 422.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Method, StatusCode, Uri};
use pipeline::{Crowded, Share};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::{SqlAsk, SqlError, SqlLimits, SqlPiece, SqlRows, SqlValue};

use crate::auth::principal::{Need, Principal};
use crate::auth::standing;
use crate::edge::Edge;
use crate::encoding::Flow;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::queries::describe::{kind_name, scope_name};
use crate::queries::published::{Counts, Query, QueryAccess, ROOM_BYTES};
use crate::queries::shape::Shape;
use crate::queries::values::from_query;
use crate::routes::status::json;
use crate::wire::media::{Output, output};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// What a request for a query says, apart from who sent it.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    /// The path ended with `.csv`.
    pub(crate) is_csv: bool,
    pub(crate) holder: &'a Holder,
}

/// Answers a request for a query.
pub(crate) async fn answer(
    edge: &Arc<Edge>,
    query: &Arc<Query>,
    principal: &Principal,
    asked: Asked<'_>,
) -> Result<Response, Problem> {
    if !matches!(*asked.method, Method::GET | Method::HEAD) {
        let detail = format!("{} is not a method of {}.", asked.method, asked.uri.path());
        let problem = Kind::MethodNotAllowed.problem(detail);
        return Err(problem.with(|facts| facts.allow = Some(METHODS)));
    }
    let begun = Instant::now();
    let is_welcome = principal.check(query.need());
    let values = is_welcome.and_then(|()| from_query(asked.uri.query(), &query.options.params));
    let values = values.inspect_err(|_| query.count_refused())?;
    let answered = rows(edge, query, principal, &asked, values).await;
    let mut response = answered.inspect_err(|_| query.count_failed())?;
    query.count(begun.elapsed());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, cache(query));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Has the database answer for these values.
async fn rows(
    edge: &Arc<Edge>,
    query: &Arc<Query>,
    principal: &Principal,
    asked: &Asked<'_>,
    values: Vec<SqlValue>,
) -> Result<Response, Problem> {
    let output = if asked.is_csv { Output::Csv } else { output(asked.headers) };
    let statement = Arc::clone(&query.options.statement);
    let mut ask =
        SqlAsk { statement, values, limits: query.options.limits, plan: query.options.plan };
    let mut stream = None;
    if output == Output::Lines {
        stream = Some(stream_place(edge, asked.holder, ask.limits.time_max).await?);
        ask.limits = SqlLimits { rows_max: u64::MAX, bytes_max: u64::MAX, ..ask.limits };
    }
    let statement = statement_place(edge, asked.holder, ask.limits.time_max).await?;
    let rows = edge.stores.sql.read_sql(ask).await;
    let rows = rows.map_err(|error| refusal(query, principal, error))?;
    match stream {
        Some(stream) => lines(edge, query, principal, rows, [stream, statement]).await,
        None => whole(edge, query, principal, output, rows, asked).await,
    }
}

/// All rows in one piece.
async fn whole(
    edge: &Edge,
    query: &Query,
    principal: &Principal,
    output: Output,
    mut rows: SqlRows,
    asked: &Asked<'_>,
) -> Result<Response, Problem> {
    let columns = Arc::clone(&rows.columns);
    let (mut shape, mut out) = Shape::begin(output, &query.options.name, &columns);
    while let Some(piece) = rows.next().await.map_err(|error| refusal(query, principal, error))? {
        if piece.is_cut {
            let rows_max = query.options.limits.rows_max;
            return Err(
                Kind::ResultTooLarge.problem(format!("The answer has more than {rows_max} rows."))
            );
        }
        shape.write(&mut out, &piece);
        fits(&out, &query.options.limits).map_err(|error| refusal(query, principal, error))?;
    }
    shape.end(&mut out);
    let tag = etag(&out);
    let is_known = is_known(asked.headers, &tag);
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(held(edge, asked.holder, out)?))
    };
    let media_type = match output {
        Output::Csv => "text/csv; charset=utf-8; header=present",
        Output::Json | Output::Lines => "application/json",
    };
    let headers = response.headers_mut();
    if !is_known {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    headers.insert(ETAG, tag);
    Ok(response)
}

/// What the values come to with their names, quotes and escapes. No piece comes to more than a few times what it holds.
pub(crate) fn fits(out: &[u8], limits: &SqlLimits) -> Result<(), SqlError> {
    if out.len() as u64 > limits.bytes_max {
        return Err(SqlError::TooBig(limits.bytes_max));
    }
    Ok(())
}

/// A long answer takes room until the client has it.
fn held(edge: &Edge, holder: &Holder, out: Vec<u8>) -> Result<Bytes, Problem> {
    struct Held(Vec<u8>, #[expect(dead_code, reason = "given back when dropped")] Share);
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let n_units = out.len() / ROOM_BYTES;
    if n_units == 0 {
        return Ok(Bytes::from(out));
    }
    let room = edge.queries.room.take(holder.as_str(), n_units).map_err(|crowded| {
        let words = "There is no room for one more long answer (a place is 64 KiB)";
        Kind::TooManyExports.problem(format!("{words}: {crowded}."))
    })?;
    Ok(Bytes::from_owner(Held(out, room)))
}

/// A place for one more answer of lines. Those that wait for it have no connection yet, and stand in nobody's way.
async fn stream_place(edge: &Edge, holder: &Holder, wait_max: Duration) -> Result<Share, Problem> {
    let place = edge.queries.streams.take_within(holder.as_str(), wait_max).await;
    place.map_err(|crowded| {
        let words = "There is no place for one more answer of lines";
        Kind::TooManyExports.problem(format!("{words}: {crowded}."))
    })
}

/// A place for one more statement, whose connection then is there at once. Whoever asks much at a time waits behind itself, not
/// in front of others.
pub(crate) async fn statement_place(
    edge: &Edge,
    holder: &Holder,
    wait_max: Duration,
) -> Result<Share, Problem> {
    let place = edge.statements.take_within(holder.as_str(), wait_max).await;
    place.map_err(|crowded: Crowded| {
        let words = "The database has no place for one more query";
        Kind::TooManyQueries.problem(format!("{words}: {crowded}."))
    })
}

/// The rows as they come. The first piece is read before the answer begins.
async fn lines(
    edge: &Arc<Edge>,
    query: &Arc<Query>,
    principal: &Principal,
    mut rows: SqlRows,
    places: [Share; 2],
) -> Result<Response, Problem> {
    let columns = Arc::clone(&rows.columns);
    let (mut shape, _) = Shape::begin(Output::Lines, &query.options.name, &columns);
    let mut write = move |piece: &SqlPiece| {
        let mut out = Vec::with_capacity(piece.size_bytes() * 2);
        shape.write(&mut out, piece);
        Bytes::from(out)
    };
    let first = rows
        .next()
        .await
        .map_err(|error| refusal(query, principal, error))?
        .map(|piece| write(&piece));
    let who = (query.need() != Need::Nothing).then(|| principal.clone());
    let state = Some((rows, write, Arc::clone(edge), Arc::clone(query), who, places));
    let rest = stream::unfold(state, async |state| {
        let (mut rows, mut write, edge, query, who, places) = state?;
        let lost = who.as_ref().is_some_and(|who| standing::look(&edge, who).is_err());
        let next = if lost {
            Err("the right to it has ended".to_owned())
        } else {
            rows.next().await.map_err(|error| error.to_string())
        };
        match next {
            Ok(None) => None,
            Ok(Some(piece)) => {
                let bytes = write(&piece);
                Some((Ok(bytes), Some((rows, write, edge, query, who, places))))
            }
            // A connection that breaks off is taken for no end.
            Err(words) => {
                let name = &query.options.name;
                tracing::warn!(query = name, "the lines of a query broke off: {words}");
                Some((Err(io::Error::other(words)), None))
            }
        }
    });
    let first = first.filter(|bytes| !bytes.is_empty()).map(Ok);
    let mut response = Response::new(Body::from_stream(stream::iter(first).chain(rest)));
    response.extensions_mut().insert(Flow);
    let lines = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, lines);
    Ok(response)
}

/// Why a query has no answer. The database's words name tables, columns, values and hosts: administrators see them, for
/// everybody else they stand in the log, under the id of the request.
fn refusal(query: &Query, principal: &Principal, error: SqlError) -> Problem {
    let name = &query.options.name;
    let in_the_log = |kind: Kind, detail: &str, words: &str| {
        let logged = format!("query {name}: {words}");
        kind.problem(detail).with(|facts| facts.logged = Some(logged))
    };
    let is_outsider = principal.check(Need::Admin).is_err();
    match error {
        // Not the client's fault, and not for its eyes.
        SqlError::Refused(words) => {
            tracing::error!(query = name, "the database does not take the query: {words}");
            Kind::QueryBroken
                .problem("The database does not take this query; the server's log says why.")
        }
        SqlError::Failed(words) if is_outsider => {
            in_the_log(Kind::SqlFailed, "The database has no answer for these values.", &words)
        }
        SqlError::Unavailable(words) if is_outsider => {
            in_the_log(Kind::DatabaseUnavailable, "The database did not answer.", &words)
        }
        other => problem(other),
    }
}

/// Why a statement has no answer.
pub(crate) fn problem(error: SqlError) -> Problem {
    match error {
        SqlError::Refused(words) => {
            Kind::SqlRefused.problem(format!("The database refuses: {words}."))
        }
        SqlError::Failed(words) => Kind::SqlFailed.problem(format!("The database says: {words}.")),
        SqlError::Timeout(after) => Kind::QueryTimeout
            .problem(format!("The database had no answer after {} ms.", after.as_millis())),
        SqlError::TooBig(bytes_max) => {
            Kind::ResultTooLarge.problem(format!("The answer has more than {bytes_max} bytes."))
        }
        SqlError::Unavailable(words) => {
            Kind::DatabaseUnavailable.problem(format!("The database did not answer: {words}."))
        }
        busy @ SqlError::Busy(_) => {
            Kind::TooManyQueries.problem(format!("The query cannot begin: {busy}."))
        }
    }
}

/// Names these very bytes.
fn etag(body: &[u8]) -> HeaderValue {
    let hash = Sha256::digest(body);
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in &hash[..16] {
        tag.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        tag.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    tag.push('"');
    HeaderValue::try_from(tag).expect("hexadecimal is ASCII")
}

fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|known| {
        known.as_bytes().split(|&sign| sign == b',').any(|known| {
            let known = known.trim_ascii();
            known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == tag.as_bytes()
        })
    })
}

fn cache(query: &Query) -> HeaderValue {
    let whose = if query.options.access == QueryAccess::Public { "public" } else { "private" };
    match query.options.cache {
        None => HeaderValue::from_static("no-cache"),
        Some(cache) => HeaderValue::try_from(format!("{whose}, max-age={}", cache.as_secs()))
            .expect("words and digits"),
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    queries: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    path: &'a str,
    description: &'a str,
    params: Vec<Param<'a>>,
    public: bool,
    scope: Option<&'static str>,
    cache_s: Option<u64>,
    timeout_ms: u64,
    rows_max: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'a str>,
    calls: u64,
    mean_ms: Option<f64>,
    p99_ms: Option<f64>,
    refused: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Param<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    optional: bool,
    default: Option<&'a [String]>,
    description: &'a str,
}

/// `GET /queries`. What they run is for administrators.
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
) -> Response {
    let shows_sql = principal.check(Need::Admin).is_ok();
    let queries = edge.queries.all().iter().map(|query| shown(query, shows_sql)).collect();
    json(&Answer { queries })
}

fn shown(query: &Query, shows_sql: bool) -> Shown<'_> {
    let options = &query.options;
    let params = options.params.iter().map(|param| Param {
        name: &param.name,
        kind: kind_name(param.kind),
        optional: param.is_optional || param.default.is_some(),
        default: param.default.as_ref().map(|(_, texts)| texts.as_slice()),
        description: &param.description,
    });
    let Counts { took_us, n_refused, n_failed } = query.counts();
    let ms = |us: f64| us / 1_000.0;
    Shown {
        name: &options.name,
        path: &options.path,
        description: &options.description,
        params: params.collect(),
        public: options.access == QueryAccess::Public,
        scope: scope_name(options.access),
        cache_s: options.cache.map(|cache| cache.as_secs()),
        timeout_ms: u64::try_from(options.limits.time_max.as_millis()).unwrap_or(u64::MAX),
        rows_max: options.limits.rows_max,
        sql: shows_sql.then_some(options.sql.as_str()),
        calls: took_us.count(),
        mean_ms: took_us.mean().map(ms),
        p99_ms: took_us.quantile(0.99).map(|us| ms(us as f64)),
        refused: n_refused,
        failed: n_failed,
    }
}

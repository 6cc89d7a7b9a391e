//! `GET /status/history`: the metric history, by column.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use model::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::edge::Edge;
use crate::health::history::{COLUMNS, History, Series, number};
use crate::problem::Problem;
use crate::query::{Query, bad};
use crate::routes::status::json;

#[derive(Serialize)]
struct Answer {
    range: &'static str,
    step_s: u32,
    start: String,
    columns: Map<String, Value>,
    marks: Vec<Mark>,
}

#[derive(Serialize)]
struct Mark {
    at: String,
    what: String,
}

/// One ring: `?range=5m|1h|24h|30d`, by itself `5m`.
pub(crate) async fn history(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let range = query.take("range")?;
    query.end("range")?;
    let range = range.as_deref().unwrap_or(History::ranges()[0]);
    let series = edge.health.series(range, pipeline::now());
    let series = series
        .ok_or_else(|| bad("range", &format!("must be one of {}", History::ranges().join(", "))))?;
    Ok(json(&answer(series)))
}

fn answer(series: Series) -> Answer {
    let column = |at: usize| {
        let value = |point: &Option<_>| {
            point
                .and_then(|values: [Option<f64>; COLUMNS.len()]| values[at])
                .map_or(Value::Null, number)
        };
        series.points.iter().map(value).collect::<Vec<_>>()
    };
    let columns = COLUMNS.iter().enumerate();
    let columns = columns.map(|(at, name)| ((*name).to_owned(), column(at).into())).collect();
    let mark = |mark: store::HistoryMark| Mark { at: mark.at.to_string(), what: mark.what };
    Answer {
        range: series.range,
        step_s: series.step_s,
        start: Timestamp::from_micros(series.start_s * 1_000_000).to_string(),
        columns,
        marks: series.marks.into_iter().map(mark).collect(),
    }
}

//! What a live connection asks for, out of its query string.

use std::str::FromStr;

use live::Since;
use model::{Cursor, Filter};

use crate::problem::Problem;
use crate::query::Query;

const KNOWN: &str =
    "stream, application, category, name, session_id, valid, from, to, clock, since, stats";

/// What a live connection wants.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) filter: Filter,
    pub(crate) since: Since,
    pub(crate) has_stats: bool,
}

/// Reads the query string.
pub(crate) fn parse(query: Option<&str>) -> Result<Ask, Problem> {
    let mut query = Query::parse(query)?;
    let filter = Filter { stream: query.patterns("stream")?, ..query.filter()? };
    let since = query.take_as(
        "since",
        "now, beginning or a cursor such as 0a1b2c3d.42",
        |text| match text {
            "now" => Some(Since::Now),
            "beginning" => Some(Since::Beginning),
            cursor => Cursor::from_str(cursor).ok().map(Since::After),
        },
    )?;
    let has_stats = query.take_as("stats", "0 or 1", |text| match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    })?;
    query.end(KNOWN)?;
    Ok(Ask { filter, since: since.unwrap_or(Since::Now), has_stats: has_stats.unwrap_or(false) })
}

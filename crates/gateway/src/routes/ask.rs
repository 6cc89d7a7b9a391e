//! What a live connection asks for, out of its query string.

use std::str::FromStr;

use live::Since;
use model::{Cursor, Filter};

use crate::problem::Problem;
use crate::query::{Query, bad};
use crate::routes::frames::RATE_MAX;

const KNOWN: &str = "stream, application, category, name, session_id, q, valid, from, to, clock, since, stats, frames, max_rate";

/// How events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Every event, one a message.
    Each,
    /// Many in one message.
    Frames {
        /// Most events a second; `None` shows every one.
        rate: Option<u32>,
    },
}

/// What a live connection wants.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) filter: Filter,
    pub(crate) since: Since,
    pub(crate) has_stats: bool,
    pub(crate) manner: Manner,
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
    let has_stats = switch(&mut query, "stats")?;
    let has_frames = switch(&mut query, "frames")?;
    let allowed = format!("a number of events a second, from 1 to {RATE_MAX}");
    let rate = query.take_as("max_rate", &allowed, |text| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let rate = if is_plain { text.parse().ok() } else { None };
        rate.filter(|rate| (1..=RATE_MAX).contains(rate))
    })?;
    query.end(KNOWN)?;
    let manner = match (has_frames, rate) {
        (true, rate) => Manner::Frames { rate },
        (false, None) => Manner::Each,
        (false, Some(_)) => return Err(bad("max_rate", "wants frames=1 beside it")),
    };
    Ok(Ask { filter, since: since.unwrap_or(Since::Now), has_stats, manner })
}

fn switch(query: &mut Query<'_>, name: &str) -> Result<bool, Problem> {
    let given = query.take_as(name, "0 or 1", |text| match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    })?;
    Ok(given.unwrap_or(false))
}

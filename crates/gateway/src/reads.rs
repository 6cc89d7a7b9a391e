//! Places for requests that read what the database has of events, sessions, dead letters and batches. Its connections for that
//! are few and serve in the order of arrival, so a client that asks for a thousand pages at once would stand before all others.
//!
//! Invariant: a place is held until the answer begins, never while a client takes its time with it.

use hyper::Method;
use pipeline::Share;

use crate::edge::Edge;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;

/// Requests that read at once, shared among those who ask: one alone keeps the four readers of SQLite busy, and half of the
/// eight connections to PostgreSQL.
pub(crate) const READS_MAX: usize = 8;
/// First segments of the paths that read.
const READING: [&str; 6] = ["events", "streams", "sessions", "dead-letters", "invalid", "batches"];

/// A place for a request, where it needs one.
pub(crate) async fn place(
    edge: &Edge,
    holder: &Holder,
    (method, path): (&Method, &str),
) -> Result<Option<Share>, Problem> {
    if !matches!(*method, Method::GET | Method::HEAD) || !is_read(path) {
        return Ok(None);
    }
    let place = edge.reads.take_within(holder.as_str(), edge.options.limits.read_wait_max).await;
    place.map(Some).map_err(|crowded| {
        let words = "The database has no place for one more read";
        Kind::TooManyReads.problem(format!("{words}: {crowded}."))
    })
}

/// Whether a look at the path needs a place.
pub(crate) fn is_read(path: &str) -> bool {
    READING.contains(&path.split('/').nth(1).unwrap_or_default())
}

//! `Prefer: wait=N` (RFC 7240): the answer to a write that waits until the database has it.
//!
//! Invariant: waiting takes nothing back. What the answer would have been without it is what it is when the
//! time is over, and a client that goes away while it waits has its events stored all the same.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use model::StreamName;
use pipeline::Accepted;
use store::Fate;

use crate::edge::Edge;

/// Requests that wait at once; further ones are answered without waiting.
pub(crate) const WAITERS_MAX: usize = 4096;
/// Longest wait.
const WAIT_S_MAX: u64 = 60;

/// A wish that was granted.
pub(crate) struct Waited {
    /// What was waited for at most.
    pub(crate) seconds: u64,
    /// What became of each accepted event; `None` if the time was over before.
    pub(crate) fates: Option<Vec<Fate>>,
}

/// Seconds that the client would wait. What is no number of at least 1 is as if it were not there, as the RFC
/// wants it; more than [`WAIT_S_MAX`] is that.
pub(crate) fn wanted(headers: &HeaderMap) -> Option<u64> {
    let all = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = |preference: &str| {
        // Parameters of a preference follow a semicolon; `wait` has none.
        let (name, value) = preference.split(';').next().unwrap_or_default().split_once('=')?;
        let is_wait = name.trim().eq_ignore_ascii_case("wait");
        let seconds = value.trim().trim_matches('"').parse().ok().filter(|&seconds| seconds >= 1);
        seconds.filter(|_| is_wait).map(|seconds: u64| seconds.min(WAIT_S_MAX))
    };
    all.flat_map(|value| value.split(',')).find_map(wait)
}

/// Waits; `None` where nobody asked for it, or too many do.
pub(crate) async fn wait(
    edge: &Edge,
    wanted: Option<u64>,
    (stream, application): (&StreamName, Option<&str>),
    accepted: &Accepted,
) -> Option<Waited> {
    let seconds = wanted?;
    let _permit = edge.waiters.try_acquire().ok()?;
    let decided = async {
        edge.intake.applied_through(accepted.last()).await;
        edge.intake.fates(accepted, stream, application).await
    };
    let fates = tokio::select! {
        fates = tokio::time::timeout(Duration::from_secs(seconds), decided) => fates,
        // A server that stops has better things to do than to wait.
        () = edge.drain.cancelled() => return None,
    };
    let Ok(fates) = fates else { return Some(Waited { seconds, fates: None }) };
    // The database has them and cannot say so now: the answer makes no claim.
    let fates = fates.ok()?.into_iter().collect::<Option<Vec<Fate>>>()?;
    Some(Waited { seconds, fates: Some(fates) })
}

impl Waited {
    /// 201 when all events are rows, 200 when one is a dead letter, 202 when it is not known yet.
    pub(crate) fn status(&self) -> StatusCode {
        match &self.fates {
            None => StatusCode::ACCEPTED,
            Some(fates) if fates.contains(&Fate::Dead) => StatusCode::OK,
            Some(_) => StatusCode::CREATED,
        }
    }
}

/// The word for it in answers.
pub(crate) fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Stored => "stored",
        Fate::Invalid => "invalid",
        Fate::Dead => "dead",
    }
}

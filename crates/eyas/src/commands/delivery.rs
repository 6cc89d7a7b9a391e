//! One request brought to the server, sent again as long as that is safe and sensible.
//!
//! | what happened | events with ids | raw streams |
//! |---|---|---|
//! | no connection, 429, 503 `rejected` | again | again |
//! | connection lost, any other 5xx | again: the id makes it at most once | reported: it may be stored |
//! | any other refusal | reported | reported |
//!
//! Invariant: a request that may have been carried out is only sent again when each of its events has an id.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::time::Instant;

use crate::client::{Answer, Client, ClientError, Problem};
use crate::commands::backoff::Backoff;
use crate::exit::CommandError;

/// How long a request is sent again and again, from its first failure on.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where requests go, and how.
pub(crate) struct Delivery<'a> {
    /// To whom.
    pub(crate) client: &'a Client,
    /// Path and query.
    pub(crate) path: String,
    /// What the bodies are.
    pub(crate) content_type: &'static str,
    /// Each event has an id, so that sending it again stores nothing twice.
    pub(crate) is_repeatable: bool,
    /// Takes words for people.
    pub(crate) say: &'a (dyn Fn(&str) + Send + Sync),
}

/// Why a request did not succeed.
pub(crate) enum Undelivered {
    /// The server refused it: nothing of it is stored.
    Refused(Box<Problem>),
    /// Not delivered in time. Nothing of it is stored, unless `may_be_stored`.
    GaveUp {
        /// What the last attempt said.
        cause: String,
        /// Some attempt may have been carried out.
        may_be_stored: bool,
    },
}

enum Failure {
    Final(Undelivered),
    Again { cause: String, is_unknown: bool, retry_after: Option<Duration> },
}

impl Delivery<'_> {
    /// Sends `body` until the server has taken it, refuses it, or 60 s have passed since the first failure.
    /// A server that is not there at `is_first` contact is not waited for: the address is probably wrong.
    pub(crate) async fn send(&self, body: Bytes, is_first: bool) -> Result<Answer, Undelivered> {
        let mut backoff = Backoff::new();
        let mut give_up_at = None;
        let mut may_be_stored = false;
        loop {
            let posted = self.client.post(&self.path, self.content_type, body.clone()).await;
            let has_no_server = matches!(posted, Err(ClientError::Connect(_)));
            let (cause, retry_after) = match judge(posted) {
                Ok(answer) => {
                    if give_up_at.is_some() {
                        (self.say)("the server has answered, going on");
                    }
                    return Ok(answer);
                }
                Err(Failure::Final(end)) => return Err(end),
                Err(Failure::Again { cause, is_unknown, retry_after }) => {
                    may_be_stored |= is_unknown;
                    (cause, retry_after)
                }
            };
            let wait = backoff.next(retry_after);
            let is_hopeless = is_first && has_no_server && give_up_at.is_none();
            let give_up_at = *give_up_at.get_or_insert_with(|| Instant::now() + PATIENCE);
            let is_unsafe = may_be_stored && !self.is_repeatable;
            if is_hopeless || is_unsafe || Instant::now() + wait > give_up_at {
                return Err(Undelivered::GaveUp { cause, may_be_stored });
            }
            (self.say)(&format!("{cause}; sending again in {:.1} s", wait.as_secs_f64()));
            tokio::time::sleep(wait).await;
        }
    }
}

impl Undelivered {
    /// The end of the command. `what` names the request: "the event", "line 7 of x.ndjson".
    pub(crate) fn into_error(self, client: &Client, what: &str) -> CommandError {
        match self {
            Self::Refused(problem) => {
                CommandError::Refused(format!("{what} was refused: {}", problem.text()))
            }
            Self::GaveUp { cause, may_be_stored: false } => {
                client.unreachable(&format!("{cause}; {what} was not stored"))
            }
            Self::GaveUp { cause, may_be_stored: true } => {
                client.unreachable(&format!("{cause}; whether {what} was stored is not known"))
            }
        }
    }
}

fn judge(posted: Result<Answer, ClientError>) -> Result<Answer, Failure> {
    let answer = match posted {
        Ok(answer) if answer.status.is_success() => return Ok(answer),
        Ok(answer) => answer,
        Err(error) => {
            let is_unknown = error.is_unknown();
            let cause = error.cause().to_owned();
            return Err(Failure::Again { cause, is_unknown, retry_after: None });
        }
    };
    let problem = Problem::of(&answer);
    let is_turned_away = answer.status == StatusCode::TOO_MANY_REQUESTS;
    if is_turned_away || answer.status.is_server_error() {
        return Err(Failure::Again {
            cause: problem.text(),
            is_unknown: !is_turned_away && problem.outcome != "rejected",
            retry_after: answer.retry_after,
        });
    }
    Err(Failure::Final(Undelivered::Refused(Box::new(problem))))
}

//! One sender: takes the next request when it is due, and does not rest before its outcome is known.
//!
//! | what happened | what the sender does |
//! |---|---|
//! | 2xx | accepted |
//! | 4xx, 429, 503 `rejected`, no connection | refused: nothing of it is stored |
//! | connection lost, no answer, any other 5xx | the same ids again, for at most 30 s; then unknown |
//!
//! Once an attempt may have been carried out, no later refusal can make the outcome certain again.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::client::{Answer, Client, ClientError, Problem};
use crate::commands::backoff::Backoff;
use crate::commands::load::event::Shape;
use crate::commands::load::ledger::{Fate, Ledger};
use crate::commands::load::pace::Pace;
use crate::commands::load::tally::Tally;
use crate::commands::receipt::Receipt;

/// How long a request of unknown outcome is sent again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all senders of a run share.
pub(crate) struct Run {
    /// To whom.
    pub(crate) client: Client,
    /// What.
    pub(crate) shape: Shape,
    /// When.
    pub(crate) pace: Pace,
    /// What became of each event.
    pub(crate) ledger: Ledger,
    /// What became of all.
    pub(crate) tally: Tally,
    /// Events in one request.
    pub(crate) n_per_request: u64,
}

/// What one attempt came to.
enum Attempt {
    Accepted(Receipt),
    Refused(String),
    Unknown { kind: String, retry_after: Option<Duration> },
}

impl Run {
    /// Sends until the run is over.
    pub(crate) async fn send(&self) {
        while let Some(number) = self.pace.next().await {
            let first = number * self.n_per_request;
            let fate = self.settle(first, self.pace.due(number)).await;
            self.ledger.settle(first, self.n_per_request, fate);
            let count = match fate {
                Fate::Accepted => &self.tally.n_accepted,
                Fate::Absent => &self.tally.n_refused,
                Fate::Unknown => &self.tally.n_unknown,
            };
            Tally::add(count, self.n_per_request);
        }
    }

    async fn settle(&self, first: u64, due: Instant) -> Fate {
        let body = self.shape.body(first, self.n_per_request);
        Tally::add(&self.tally.n_requests, 1);
        let mut backoff = Backoff::new();
        let mut give_up_at = None;
        loop {
            let answer = self.client.post("/events", "application/x-ndjson", body.clone()).await;
            let retry_after = match judge(answer, self.n_per_request) {
                Attempt::Accepted(receipt) => {
                    self.tally.took(due.elapsed());
                    let last = receipt.range().map_or(0, |(_, last)| last);
                    self.tally.last_seq.fetch_max(last, Relaxed);
                    return Fate::Accepted;
                }
                Attempt::Refused(kind) => {
                    self.tally.failed(kind);
                    if give_up_at.is_none() {
                        return Fate::Absent;
                    }
                    None
                }
                Attempt::Unknown { kind, retry_after } => {
                    self.tally.failed(kind);
                    retry_after
                }
            };
            let wait = backoff.next(retry_after);
            let give_up_at = *give_up_at.get_or_insert_with(|| Instant::now() + PATIENCE);
            if Instant::now() + wait > give_up_at {
                return Fate::Unknown;
            }
            tokio::time::sleep(wait).await;
            Tally::add(&self.tally.n_retries, 1);
        }
    }
}

fn judge(answer: Result<Answer, ClientError>, n_events: u64) -> Attempt {
    let answer = match answer {
        Ok(answer) if answer.status.is_success() => {
            return match Receipt::read(&answer.body) {
                Ok(receipt) if receipt.n_accepted() == n_events => Attempt::Accepted(receipt),
                Ok(_) | Err(_) => {
                    Attempt::Unknown { kind: "no receipt".to_owned(), retry_after: None }
                }
            };
        }
        Ok(answer) => answer,
        Err(ClientError::Connect(_)) => return Attempt::Refused("no connection".to_owned()),
        Err(ClientError::Late(_)) => {
            return Attempt::Unknown { kind: "timeout".to_owned(), retry_after: None };
        }
        Err(ClientError::Lost(_)) => {
            return Attempt::Unknown { kind: "connection lost".to_owned(), retry_after: None };
        }
    };
    let problem = Problem::of(&answer);
    let kind = format!("{} {}", answer.status.as_u16(), problem.code).trim_end().to_owned();
    if answer.status.is_server_error() && problem.outcome != "rejected" {
        return Attempt::Unknown { kind, retry_after: answer.retry_after };
    }
    Attempt::Refused(kind)
}

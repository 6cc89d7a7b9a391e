//! What the producer of a world writes down: what it was about to send, and what it was told.

use std::mem;

use model::StreamName;
use pipeline::{Accepted, Intake, IntakeError, Item as Placed, NewEvent, OnConflict};

use crate::journal::{Attempt, Intent, Outcome, fingerprint};
use crate::seeded::Rng;

/// Some events are so large that a few of them fill a segment.
const LARGE_BYTES: u64 = 30_000;

/// One event.
#[derive(Clone)]
pub(crate) struct Item {
    id: Option<String>,
    data: String,
}

/// See the module's page.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) attempts: Vec<Attempt>,
    /// Sent, and no answer yet.
    pub(crate) unanswered: Vec<Item>,
    /// Acknowledged, with ids of their own.
    remembered: Vec<Item>,
    n_contents: u64,
}

impl Notes {
    fn item(&mut self, rng: &mut Rng) -> Item {
        self.n_contents += 1;
        let n = self.n_contents;
        let is_large = rng.one_in(4);
        let pad = "x".repeat(rng.below(if is_large { LARGE_BYTES } else { 300 }) as usize);
        let id = rng.one_in(2).then(|| format!("id-{n}"));
        Item { id, data: format!(r#"{{"n":{n},"pad":"{pad}"}}"#) }
    }

    /// New ones, for one request.
    pub(crate) fn items(&mut self, rng: &mut Rng) -> Vec<Item> {
        (0..=rng.below(4)).map(|_| self.item(rng)).collect()
    }

    /// An acknowledged one again, or another content under its id.
    pub(crate) fn repetition(&mut self, rng: &mut Rng) -> Option<Item> {
        let n = (self.remembered.len() as u64).checked_sub(1)?;
        let mut item = self.remembered[rng.below(n + 1) as usize].clone();
        if rng.one_in(2) {
            item.data = self.item(rng).data;
        }
        Some(item)
    }

    /// What has no answer, where its id makes it safe to send it again.
    pub(crate) fn take_unanswered(&mut self) -> Vec<Item> {
        let unanswered = mem::take(&mut self.unanswered).into_iter();
        unanswered.filter(|item| item.id.is_some()).collect()
    }

    /// Before sending. Answers where the attempts stand.
    pub(crate) fn intend(&mut self, items: &[Item]) -> usize {
        let first = self.attempts.len();
        for (item, order) in items.iter().zip(first as u64..) {
            let (id, hash) = (item.id.clone(), fingerprint(&item.data));
            let intent = Intent { order, session: "s".to_owned(), id, hash };
            self.attempts.push(Attempt { intent, outcome: Outcome::Unknown });
        }
        first
    }

    /// After the answer.
    pub(crate) fn conclude(
        &mut self,
        first: usize,
        items: Vec<Item>,
        answer: Result<Accepted, IntakeError>,
    ) {
        let outcomes: Vec<Outcome> = match answer {
            Ok(accepted) => accepted.items.into_iter().map(outcome).collect(),
            Err(IntakeError::Unknown(_)) => {
                self.unanswered = items;
                return;
            }
            Err(_) => vec![Outcome::Rejected; items.len()],
        };
        for ((at, outcome), item) in (first..).zip(outcomes).zip(items) {
            if matches!(outcome, Outcome::Accepted { .. }) && item.id.is_some() {
                self.remembered.push(item);
            }
            self.attempts[at].outcome = outcome;
        }
    }
}

/// Sends them.
pub(crate) async fn append(intake: Intake, items: Vec<Item>) -> Result<Accepted, IntakeError> {
    let mut batch = intake.batch(&StreamName::new("events").unwrap(), None);
    for item in &items {
        let event = NewEvent {
            id: item.id.as_deref().map(Into::into),
            session_id: Some("s".into()),
            category: Some("c".into()),
            name: Some("n".into()),
            data: Some(&item.data),
            ..NewEvent::default()
        };
        batch.push(&event).unwrap();
    }
    intake.append(batch, OnConflict::RefuseAll).await
}

fn outcome(placed: Placed) -> Outcome {
    match placed {
        Placed::Appended { id, seq } | Placed::Duplicate { id, seq } => {
            Outcome::Accepted { id, seq: Some(seq.get()) }
        }
        Placed::Conflict { .. } => Outcome::Rejected,
    }
}

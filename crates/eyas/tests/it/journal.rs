//! A producer's own journal: what it was about to send, fsynced before it is sent, and what it was answered.
//!
//! One JSON object a line. An attempt without an outcome counts as unknown, as it would after a crash of
//! the producer. Invariant: the checker believes this file and nothing that a producer remembers.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Names a content: no two events of a run have the same `data`, but for deliberate repetitions.
pub(crate) fn fingerprint(data: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    hasher.finish()
}

/// One attempt to send one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Rises with every attempt of this journal.
    pub(crate) order: u64,
    /// Whose order it keeps: events of one session are sent one after the other.
    pub(crate) session: String,
    /// The client's id; `None` leaves it to the server.
    pub(crate) id: Option<String>,
    /// Fingerprint of `data`.
    pub(crate) hash: u64,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// 202.
    Accepted {
        id: String,
        /// Where the answer says so.
        seq: Option<u64>,
    },
    /// Refused for certain, or never sent.
    Rejected,
    /// No answer, or one that says `unknown`.
    Unknown,
}

/// An attempt and what it came to.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) intent: Intent,
    pub(crate) outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Intent(Intent),
    Conclusion { order: u64, outcome: Outcome },
}

/// The journal of one producer.
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// A new file.
    pub(crate) fn create(path: &Path) -> Self {
        Self { file: File::create_new(path).expect("a new journal") }
    }

    /// Before sending: on disk when this returns.
    pub(crate) fn intend(&mut self, intents: &[Intent]) {
        self.write(intents.iter().cloned().map(Line::Intent));
        self.file.sync_data().expect("the journal can be fsynced");
    }

    /// After the answer.
    pub(crate) fn conclude(&mut self, outcomes: impl Iterator<Item = (u64, Outcome)>) {
        self.write(outcomes.map(|(order, outcome)| Line::Conclusion { order, outcome }));
    }

    fn write(&mut self, lines: impl Iterator<Item = Line>) {
        let mut text = String::new();
        for line in lines {
            text.push_str(&serde_json::to_string(&line).unwrap());
            text.push('\n');
        }
        self.file.write_all(text.as_bytes()).expect("the journal can be written");
    }
}

/// All attempts of a journal, in their order.
pub(crate) fn read(path: &Path) -> Vec<Attempt> {
    let text = std::fs::read_to_string(path).expect("the journal can be read");
    let (mut attempts, mut places) = (Vec::new(), HashMap::new());
    for line in text.lines() {
        match serde_json::from_str(line).expect("a line of the journal") {
            Line::Intent(intent) => {
                places.insert(intent.order, attempts.len());
                attempts.push(Attempt { intent, outcome: Outcome::Unknown });
            }
            Line::Conclusion { order, outcome } => attempts[places[&order]].outcome = outcome,
        }
    }
    attempts
}

#[test]
fn a_journal_reads_back_what_was_intended_and_what_came_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let intent = |order| Intent { order, session: "s".into(), id: None, hash: u64::MAX - order };
    let mut journal = Journal::create(&path);
    journal.intend(&[intent(0), intent(1)]);
    journal.conclude([(1, Outcome::Rejected)].into_iter());
    journal.intend(&[intent(2), intent(3)]);
    let accepted = Outcome::Accepted { id: "x".into(), seq: Some(7) };
    journal.conclude([(2, accepted.clone())].into_iter());
    let attempts = read(&path);
    let outcomes: Vec<Outcome> = attempts.iter().map(|attempt| attempt.outcome.clone()).collect();
    assert_eq!(outcomes, [Outcome::Unknown, Outcome::Rejected, accepted, Outcome::Unknown]);
    assert_eq!(attempts[3].intent, intent(3));
}

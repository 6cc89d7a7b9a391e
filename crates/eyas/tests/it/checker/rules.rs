//! What must hold of every history, crash or no crash.
//!
//! | an event that was | must be |
//! |---|---|
//! | acknowledged, at least once | kept exactly once: as an event or as a dead letter, bytes equal, with the id of the answer |
//! | never acknowledged, but unknown at least once | kept at most once |
//! | rejected every time | absent |
//!
//! Per session, acknowledged events stand in the order in which they were first sent. A transcript strictly
//! rises and equals the events and dead letters of its filter, without a gap message.
//!
//! Where the database had outages a transcript may show one thing more, which the guarantees admit: an event that was sent
//! again under its own id, behind the place where it is kept, and no more often than it was sent again.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::checker::history::{History, Kept, Transcript};
use crate::journal::{Attempt, Outcome};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Acknowledged, and nowhere to be found.
    Lost { id: String, hash: u64 },
    /// Kept more than once.
    Doubled { hash: u64, seqs: Vec<u64> },
    /// Two events with one id in one stream.
    SharedId { stream: String, id: String },
    /// Rejected every time, and kept.
    RejectedButKept { seq: u64 },
    /// Nobody ever sent this: invented, or changed.
    NeverSent { seq: u64, id: String },
    /// Kept under another id or `Seq` than the answer said.
    OtherPlace { seq: u64, said: String },
    /// An event stands before one that its session sent earlier.
    Reordered { session: String, seq: u64, before: u64 },
    /// The export's `Seq` does not rise.
    ExportNotRising { seq: u64 },
    /// A subscriber's `Seq` does not rise: a repetition, or an event out of order.
    NotRising { transcript: String, seq: u64 },
    /// A subscriber missed an event.
    Hole { transcript: String, seq: u64 },
    /// A subscriber was shown what is not kept.
    Phantom { transcript: String, seq: u64 },
    /// A subscriber was told of a gap.
    Gap { transcript: String, text: String },
}

/// Everything that is wrong with a history; nothing when all promises were kept.
pub(crate) fn check(history: &History) -> Vec<Violation> {
    let mut wrong = Vec::new();
    check_export(history, &mut wrong);
    let mut kept: HashMap<u64, Vec<&Kept>> = HashMap::new();
    for event in history.events.iter().chain(&history.dead) {
        kept.entry(event.hash).or_default().push(event);
    }
    let mut tried: HashMap<u64, Vec<&Attempt>> = HashMap::new();
    for attempt in &history.attempts {
        tried.entry(attempt.intent.hash).or_default().push(attempt);
    }
    for (hash, attempts) in &tried {
        check_content(*hash, attempts, kept.get(hash).map_or(&[], Vec::as_slice), &mut wrong);
    }
    for event in history.events.iter().chain(&history.dead) {
        if !tried.contains_key(&event.hash) {
            wrong.push(Violation::NeverSent { seq: event.seq, id: event.id.clone() });
        }
    }
    check_order(history, &mut wrong);
    let n_repeated = n_repeated(history);
    for transcript in &history.transcripts {
        check_transcript(transcript, history, &n_repeated, &mut wrong);
    }
    wrong
}

fn check_export(history: &History, wrong: &mut Vec<Violation>) {
    for pair in history.events.windows(2) {
        if pair[1].seq <= pair[0].seq {
            wrong.push(Violation::ExportNotRising { seq: pair[1].seq });
        }
    }
    let mut ids = HashSet::new();
    for event in &history.events {
        if !ids.insert((&event.stream, &event.id)) {
            let (stream, id) = (event.stream.clone(), event.id.clone());
            wrong.push(Violation::SharedId { stream, id });
        }
    }
}

/// All attempts to send one content, and where it is kept.
fn check_content(hash: u64, attempts: &[&Attempt], kept: &[&Kept], wrong: &mut Vec<Violation>) {
    let is_unknown = attempts.iter().any(|attempt| attempt.outcome == Outcome::Unknown);
    let accepted: Vec<(&String, Option<u64>)> = (attempts.iter())
        .filter_map(|attempt| match &attempt.outcome {
            Outcome::Accepted { id, seq } => Some((id, *seq)),
            _ => None,
        })
        .collect();
    let Some(first) = kept.first() else {
        if let Some((id, _)) = accepted.first() {
            wrong.push(Violation::Lost { id: (*id).clone(), hash });
        }
        return;
    };
    if kept.len() > 1 {
        let seqs = kept.iter().map(|event| event.seq).collect();
        wrong.push(Violation::Doubled { hash, seqs });
    }
    if accepted.is_empty() && !is_unknown {
        wrong.push(Violation::RejectedButKept { seq: first.seq });
    }
    let said_seq = accepted.iter().filter_map(|(_, seq)| *seq).min();
    let is_said_seq = said_seq.is_none_or(|said| {
        // An attempt without an answer may have been the one that is kept, before the answered ones.
        said == first.seq || (said > first.seq && is_unknown)
    });
    let is_said_id = accepted.iter().all(|(id, _)| **id == first.id);
    if !is_said_seq || !is_said_id {
        let said = format!("{accepted:?}");
        wrong.push(Violation::OtherPlace { seq: first.seq, said });
    }
}

fn check_order(history: &History, wrong: &mut Vec<Violation>) {
    let seqs: HashMap<u64, u64> =
        history.events.iter().map(|event| (event.hash, event.seq)).collect();
    let accepted: HashSet<u64> = (history.attempts.iter())
        .filter(|attempt| matches!(attempt.outcome, Outcome::Accepted { .. }))
        .map(|attempt| attempt.intent.hash)
        .collect();
    let mut sessions: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for Attempt { intent, .. } in &history.attempts {
        // Only the first attempt counts; a repetition later on moves nothing.
        if accepted.contains(&intent.hash) && seen.insert(intent.hash) {
            let session = sessions.entry(&intent.session).or_default();
            session.extend(seqs.get(&intent.hash).map(|&seq| (intent.order, seq)));
        }
    }
    for (session, mut sent) in sessions {
        sent.sort_unstable();
        for pair in sent.windows(2) {
            let (before, seq) = (pair[0].1, pair[1].1);
            if seq <= before {
                wrong.push(Violation::Reordered { session: session.to_owned(), seq, before });
            }
        }
    }
}

/// How often each content may be shown once more: so often was it sent again under an id of the client's while the
/// database may have been away.
fn n_repeated(history: &History) -> HashMap<u64, usize> {
    let mut n_sent = HashMap::new();
    let may_stand_in_the_log =
        |attempt: &&Attempt| attempt.intent.id.is_some() && attempt.outcome != Outcome::Rejected;
    for attempt in history.attempts.iter().filter(|_| history.has_outages) {
        if may_stand_in_the_log(&attempt) {
            *n_sent.entry(attempt.intent.hash).or_insert(0) += 1;
        }
    }
    for n_sent in n_sent.values_mut() {
        *n_sent -= 1;
    }
    n_sent
}

fn check_transcript(
    transcript: &Transcript,
    history: &History,
    n_repeated: &HashMap<u64, usize>,
    wrong: &mut Vec<Violation>,
) {
    let name = || transcript.name.clone();
    for text in &transcript.gaps {
        wrong.push(Violation::Gap { transcript: name(), text: text.clone() });
    }
    for pair in transcript.shown.windows(2) {
        if pair[1].seq <= pair[0].seq {
            wrong.push(Violation::NotRising { transcript: name(), seq: pair[1].seq });
        }
    }
    let wanted = |kept: &&Kept| transcript.wants(kept);
    let place = |kept: &Kept| (kept.seq, kept.hash);
    let allowed: HashSet<(u64, u64)> =
        history.events.iter().chain(&history.dead).filter(wanted).map(place).collect();
    let shown: HashSet<(u64, u64)> =
        transcript.shown.iter().map(|shown| (shown.seq, shown.hash)).collect();
    let kept_at: HashMap<u64, u64> = allowed.iter().map(|&(seq, hash)| (hash, seq)).collect();
    let mut left = n_repeated.clone();
    for &(seq, hash) in shown.difference(&allowed) {
        let is_behind = kept_at.get(&hash).is_some_and(|&kept| kept < seq);
        match left.get_mut(&hash).filter(|left| is_behind && **left > 0) {
            Some(left) => *left -= 1,
            None => wrong.push(Violation::Phantom { transcript: name(), seq }),
        }
    }
    for kept in history.events.iter().chain(&history.dead).filter(wanted) {
        if !shown.contains(&place(kept)) {
            wrong.push(Violation::Hole { transcript: name(), seq: kept.seq });
        }
    }
}

//! The checker is checked: a true history passes, and each defect that is put into it is caught.

use crate::checker::history::{History, Kept, Shown, Transcript};
use crate::checker::rules::{Violation, check};
use crate::journal::{Attempt, Intent, Outcome};
use crate::seeded::Rng;

/// A run as it should be: four producers, one session each, some answers lost, some events refused, some
/// sent twice, one dead letter, two subscribers.
fn true_history(seed: u64) -> History {
    let mut rng = Rng::new(seed);
    let mut history = History::default();
    let mut seq = 0;
    let category = |producer: u64| Some(format!("c{}", producer % 2));
    for round in 0..100 {
        let producer = rng.below(4);
        let (hash, order) = (round * 1000 + producer, round * 10);
        let id = format!("e{hash}");
        let intent = |order| {
            let session = format!("s{producer}");
            Intent { order, session, id: Some(id.clone()), hash }
        };
        let attempt = |order, outcome| Attempt { intent: intent(order), outcome };
        let mut keep = |is_dead: bool| {
            // Seq is sparse.
            seq += 1 + rng.below(3);
            let stream = "events".to_owned();
            let kept = Kept { seq, stream, id: id.clone(), category: category(producer), hash };
            (if is_dead { &mut history.dead } else { &mut history.events }).push(kept);
            seq
        };
        let accepted = |seq| Outcome::Accepted { id: id.clone(), seq: Some(seq) };
        let attempts = match round % 10 {
            0 => vec![attempt(order, Outcome::Rejected)],
            1 => vec![attempt(order, Outcome::Unknown)],
            2 => {
                keep(false);
                vec![attempt(order, Outcome::Unknown)]
            }
            3 => {
                let seq = keep(false);
                // Kept by the first attempt, whose answer was lost.
                vec![attempt(order, Outcome::Unknown), attempt(order + 1, accepted(seq))]
            }
            4 => {
                let seq = keep(false);
                vec![attempt(order, accepted(seq)), attempt(order + 1, accepted(seq))]
            }
            5 if round == 55 => {
                let seq = keep(true);
                vec![attempt(order, accepted(seq))]
            }
            _ => {
                let seq = keep(false);
                vec![attempt(order, accepted(seq))]
            }
        };
        history.attempts.extend(attempts);
    }
    history.transcripts = vec![transcript(&history, None), transcript(&history, category(1))];
    history
}

fn transcript(history: &History, category: Option<String>) -> Transcript {
    let name = format!("{category:?}");
    let mut transcript = Transcript { name, category, ..Transcript::default() };
    let kept = history.events.iter().chain(&history.dead).filter(|kept| transcript.wants(kept));
    transcript.shown = kept.map(|kept| Shown { seq: kept.seq, hash: kept.hash }).collect();
    transcript.shown.sort_by_key(|shown| shown.seq);
    transcript
}

/// Puts a defect into true histories and expects it to be caught every time.
fn caught(defect: impl Fn(&mut History, &mut Rng), is_it: impl Fn(&Violation) -> bool) {
    for seed in 0..50 {
        let mut history = true_history(seed);
        defect(&mut history, &mut Rng::new(seed + 1000));
        let wrong = check(&history);
        assert!(wrong.iter().any(&is_it), "seed {seed}: {wrong:?}");
    }
}

/// An event that was acknowledged by its only attempt.
fn acknowledged(history: &History, rng: &mut Rng) -> usize {
    loop {
        let at = rng.below(history.events.len() as u64) as usize;
        let hash = history.events[at].hash;
        let mut attempts = history.attempts.iter().filter(|attempt| attempt.intent.hash == hash);
        let first = attempts.next().unwrap();
        if attempts.next().is_none() && matches!(first.outcome, Outcome::Accepted { .. }) {
            return at;
        }
    }
}

#[test]
fn a_true_history_passes() {
    for seed in 0..50 {
        assert_eq!(check(&true_history(seed)), [], "seed {seed}");
    }
}

#[test]
fn a_lost_event_is_caught() {
    let lose = |history: &mut History, rng: &mut Rng| {
        let at = acknowledged(history, rng);
        history.events.remove(at);
    };
    caught(lose, |wrong| matches!(wrong, Violation::Lost { .. }));
    // A subscriber that saw it is a witness, too: it was pushed, and is not kept.
    caught(lose, |wrong| matches!(wrong, Violation::Phantom { .. }));
}

#[test]
fn a_doubled_event_is_caught() {
    let double = |history: &mut History, rng: &mut Rng| {
        let at = rng.below(history.events.len() as u64) as usize;
        let mut again = history.events[at].clone();
        again.seq = 100_000;
        history.events.push(again);
    };
    caught(double, |wrong| matches!(wrong, Violation::Doubled { .. }));
    caught(double, |wrong| matches!(wrong, Violation::SharedId { .. }));
    // Once as an event and once as a dead letter is twice.
    let bury = |history: &mut History, rng: &mut Rng| {
        let at = rng.below(history.events.len() as u64) as usize;
        let again = history.events[at].clone();
        history.dead.push(again);
    };
    caught(bury, |wrong| matches!(wrong, Violation::Doubled { .. }));
}

#[test]
fn a_changed_event_is_caught() {
    let change = |history: &mut History, rng: &mut Rng| {
        let at = acknowledged(history, rng);
        history.events[at].hash ^= 1 << 40;
    };
    caught(change, |wrong| matches!(wrong, Violation::Lost { .. }));
    caught(change, |wrong| matches!(wrong, Violation::NeverSent { .. }));
    let rename = |history: &mut History, rng: &mut Rng| {
        let at = acknowledged(history, rng);
        history.events[at].id.push('!');
    };
    caught(rename, |wrong| matches!(wrong, Violation::OtherPlace { .. }));
}

#[test]
fn a_reordered_session_is_caught() {
    let reorder = |history: &mut History, rng: &mut Rng| {
        // Two of one session change places: every event that lies between them stays where it is.
        let session = |history: &History, at: usize| history.events[at].hash % 1000;
        let (one, other) = loop {
            let (one, other) = (acknowledged(history, rng), acknowledged(history, rng));
            if one != other && session(history, one) == session(history, other) {
                break (one, other);
            }
        };
        let (a, b) = (history.events[one].clone(), history.events[other].clone());
        (history.events[one].hash, history.events[other].hash) = (b.hash, a.hash);
        (history.events[one].id, history.events[other].id) = (b.id, a.id);
    };
    caught(reorder, |wrong| matches!(wrong, Violation::Reordered { .. }));
    let swap = |history: &mut History, _: &mut Rng| history.events.swap(10, 11);
    caught(swap, |wrong| matches!(wrong, Violation::ExportNotRising { .. }));
}

#[test]
fn a_rejected_event_that_is_kept_is_caught() {
    let keep = |history: &mut History, _: &mut Rng| {
        let rejected = |attempt: &&Attempt| attempt.outcome == Outcome::Rejected;
        let intent = history.attempts.iter().find(rejected).unwrap().intent.clone();
        history.events.push(Kept {
            seq: 100_000,
            stream: "events".to_owned(),
            id: intent.id.unwrap(),
            category: None,
            hash: intent.hash,
        });
    };
    caught(keep, |wrong| matches!(wrong, Violation::RejectedButKept { .. }));
}

#[test]
fn an_event_elsewhere_than_the_answer_said_is_caught() {
    let shift = |history: &mut History, rng: &mut Rng| {
        let at = acknowledged(history, rng);
        history.events[at].seq += 1;
    };
    caught(shift, |wrong| matches!(wrong, Violation::OtherPlace { .. }));
}

#[test]
fn a_faulty_transcript_is_caught() {
    let any = |history: &History, rng: &mut Rng, of: usize| {
        1 + rng.below(history.transcripts[of].shown.len() as u64 - 1) as usize
    };
    for of in [0, 1] {
        let miss = |history: &mut History, rng: &mut Rng| {
            let seq = history.transcripts[of].shown[any(history, rng, of)].seq;
            history.transcripts[of].shown.retain(|shown| shown.seq != seq);
        };
        caught(miss, |wrong| matches!(wrong, Violation::Hole { .. }));
        let repeat = |history: &mut History, rng: &mut Rng| {
            let at = any(history, rng, of);
            let again = history.transcripts[of].shown[at];
            history.transcripts[of].shown.insert(at, again);
        };
        caught(repeat, |wrong| matches!(wrong, Violation::NotRising { .. }));
        let swap = |history: &mut History, rng: &mut Rng| {
            let at = any(history, rng, of);
            history.transcripts[of].shown.swap(at - 1, at);
        };
        caught(swap, |wrong| matches!(wrong, Violation::NotRising { .. }));
        let invent = |history: &mut History, rng: &mut Rng| {
            let at = any(history, rng, of);
            history.transcripts[of].shown[at].hash ^= 1;
        };
        caught(invent, |wrong| matches!(wrong, Violation::Phantom { .. }));
        let gap = |history: &mut History, _: &mut Rng| {
            history.transcripts[of].gaps.push("{\"type\":\"gap\"}".to_owned());
        };
        caught(gap, |wrong| matches!(wrong, Violation::Gap { .. }));
    }
}

/// What was sent twice is shown a second time, behind everything else; so is what was sent once.
fn show_again(history: &mut History, n_sent: usize, n_more: u64) {
    let n_attempts = |kept: &&Kept| {
        history.attempts.iter().filter(|attempt| attempt.intent.hash == kept.hash).count()
    };
    let kept = history.events.iter().find(|kept| n_attempts(kept) == n_sent).unwrap();
    let shown = (0..n_more).map(|n| Shown { seq: 100_000 + n, hash: kept.hash });
    history.transcripts[0].shown.extend(shown);
}

#[test]
fn a_resend_during_an_outage_may_be_shown_twice_and_nothing_else_may() {
    let mut history = true_history(1);
    history.has_outages = true;
    show_again(&mut history, 2, 1);
    assert_eq!(check(&history), []);
    for (n_sent, n_more, has_outages) in [(2, 2, true), (1, 1, true), (2, 1, false)] {
        let show = |history: &mut History, _: &mut Rng| {
            history.has_outages = has_outages;
            show_again(history, n_sent, n_more);
        };
        caught(show, |wrong| matches!(wrong, Violation::Phantom { .. }));
    }
}

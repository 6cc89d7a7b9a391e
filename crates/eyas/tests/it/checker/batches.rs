//! What must hold of batches, crash or no crash: all rows or none, at every look, and each batch once.
//!
//! | a batch | at every look | in the end |
//! |---|---|---|
//! | that is good and was accepted at least once | no row, or all rows, and never none again | all rows, committed as the one batch that the answers named |
//! | that is good and was cancelled | no row | no row, cancelled |
//! | that is good and was cancelled, and is the same as one before whose answer was lost | as that one | as that one |
//! | of which a row is wrong | no row | no row, rejected |
//! | whose body never came to its end | no row | no row |
//!
//! While the database cannot be asked, an answer may name another id; that one is cancelled as the same as the first.

use std::collections::{BTreeMap, HashMap};

/// What a batch should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Committed,
    /// Its sender was told that it is cancelled.
    Cancelled,
    Rejected,
    /// Cut off.
    Nothing,
}

/// A batch as its sender knows it. Its rows carry its name.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) n_rows: u64,
    pub(crate) wanted: Wanted,
    /// The ids that answers gave to it, one for each answer.
    pub(crate) ids: Vec<String>,
}

/// One look at the table: how many rows of each batch that was asked for; a batch without rows may be missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(crate) asked: Vec<String>,
    pub(crate) n_rows: HashMap<String, u64>,
}

/// A batch as the server lists it in the end.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: String,
    /// The batch that came before it with the same key and rows.
    pub(crate) same_as: Option<String>,
}

/// Everything about one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchHistory {
    pub(crate) sent: Vec<Sent>,
    /// In the order of time.
    pub(crate) looks: Vec<Look>,
    pub(crate) listed: Vec<Listed>,
    /// All rows in the end, by the name that they carry.
    pub(crate) table: BTreeMap<String, u64>,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Some rows, but not as many as the batch has.
    Part { name: String, n_rows: u64 },
    /// Rows of a batch that must have none.
    Unwanted { name: String, n_rows: u64 },
    /// Its rows were there, and then they were not.
    Vanished { name: String },
    /// Accepted, and not there in the end.
    Missing { name: String },
    /// Answers, or the list, know it under several ids, or under none.
    Ids { name: String, ids: Vec<String> },
    /// It stands as something else than what it came to.
    State { name: String, state: String },
    /// Rows that nobody sent.
    Invented { name: String },
}

/// Everything that is wrong; nothing when all promises were kept.
pub(crate) fn check(history: &BatchHistory) -> Vec<Broken> {
    let mut wrong = Vec::new();
    let batches: Vec<Sent> =
        history.sent.iter().map(|one| as_it_was(one, &history.listed)).collect();
    let sent: HashMap<&str, &Sent> =
        batches.iter().map(|batch| (batch.name.as_str(), batch)).collect();
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for look in &history.looks {
        for name in &look.asked {
            let n_rows = look.n_rows.get(name).copied().unwrap_or(0);
            let before = seen.insert(name, n_rows).unwrap_or(0);
            if n_rows == 0 && before > 0 {
                wrong.push(Broken::Vanished { name: name.clone() });
            }
            if let Some(batch) = sent.get(name.as_str()) {
                wrong.extend(judge(batch, n_rows));
            }
        }
    }
    for batch in &batches {
        let n_rows = history.table.get(&batch.name).copied().unwrap_or(0);
        wrong.extend(judge(batch, n_rows));
        if batch.wanted == Wanted::Committed && n_rows == 0 {
            wrong.push(Broken::Missing { name: batch.name.clone() });
        }
        wrong.extend(judge_identity(batch, &history.listed));
    }
    let unknown = history.table.keys().filter(|name| !sent.contains_key(name.as_str()));
    wrong.extend(unknown.map(|name| Broken::Invented { name: name.clone() }));
    wrong
}

/// Cancelling the same rows a second time ends that second batch, and not the first: so the list says.
fn as_it_was(batch: &Sent, listed: &[Listed]) -> Sent {
    let is_second = |one: &Listed| batch.ids.contains(&one.id) && one.same_as.is_some();
    let was_first_kept = batch.wanted == Wanted::Cancelled && listed.iter().any(is_second);
    let wanted = if was_first_kept { Wanted::Committed } else { batch.wanted };
    Sent { wanted, ..batch.clone() }
}

fn judge(batch: &Sent, n_rows: u64) -> Option<Broken> {
    let name = batch.name.clone();
    match batch.wanted {
        _ if n_rows == 0 => None,
        Wanted::Committed if n_rows == batch.n_rows => None,
        Wanted::Committed => Some(Broken::Part { name, n_rows }),
        _ => Some(Broken::Unwanted { name, n_rows }),
    }
}

/// Who was sent again with the same key is one batch, and stands as what it came to.
fn judge_identity(batch: &Sent, listed: &[Listed]) -> Option<Broken> {
    let name = batch.name.clone();
    let state = match batch.wanted {
        Wanted::Committed => "committed",
        Wanted::Cancelled => "cancelled",
        Wanted::Rejected => "rejected",
        Wanted::Nothing => return None,
    };
    let first = |id: &String| {
        let one = listed.iter().find(|one| one.id == *id);
        one.and_then(|one| one.same_as.clone()).unwrap_or_else(|| id.clone())
    };
    let mut ids: Vec<String> = batch.ids.iter().map(first).collect();
    // An attempt that was cut off is listed as cancelled, and is no second batch.
    let of_it = |one: &&Listed| one.name == batch.name;
    let its: Vec<&Listed> = listed
        .iter()
        .filter(of_it)
        .filter(|one| one.state == state || ids.contains(&one.id))
        .collect();
    if batch.wanted == Wanted::Committed {
        ids.extend(its.iter().map(|one| one.id.clone()));
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != 1 {
        return Some(Broken::Ids { name, ids });
    }
    let Some(one) = its.iter().find(|one| one.id == ids[0]) else {
        return Some(Broken::State { name, state: "not listed".to_owned() });
    };
    (one.state != state).then(|| Broken::State { name, state: one.state.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three looks at four batches: before, between, after.
    fn true_history() -> BatchHistory {
        let sent = |name: &str, wanted| Sent {
            name: name.to_owned(),
            n_rows: 10,
            wanted,
            ids: vec![format!("id-{name}"); 2],
        };
        let listed = |name: &str, state: &str| Listed {
            id: format!("id-{name}"),
            name: name.to_owned(),
            state: state.to_owned(),
            same_as: None,
        };
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        let look = |n_rows| Look { asked: names.to_vec(), n_rows };
        let all = HashMap::from([("a".to_owned(), 10)]);
        let mut cut_off = listed("a", "cancelled");
        cut_off.id = "cut off".to_owned();
        BatchHistory {
            sent: vec![
                sent("a", Wanted::Committed),
                sent("b", Wanted::Rejected),
                sent("c", Wanted::Cancelled),
                Sent { ids: Vec::new(), ..sent("d", Wanted::Nothing) },
            ],
            looks: vec![look(HashMap::new()), look(all.clone()), look(all.clone())],
            listed: vec![
                cut_off,
                listed("a", "committed"),
                listed("b", "rejected"),
                listed("c", "cancelled"),
            ],
            table: all.into_iter().collect(),
        }
    }

    /// At one look there are so many rows of it.
    fn see(history: &mut BatchHistory, name: &str, n_rows: u64) {
        history.looks[1].n_rows.insert(name.to_owned(), n_rows);
    }

    /// In the end.
    fn keep(history: &mut BatchHistory, name: &str, n_rows: u64) {
        history.table.insert(name.to_owned(), n_rows);
    }

    #[test]
    fn a_true_history_of_batches_passes() {
        assert_eq!(check(&true_history()), []);
    }

    #[test]
    fn one_that_came_again_in_an_outage_is_the_first() {
        let mut history = true_history();
        "again".clone_into(&mut history.sent[0].ids[1]);
        let (name, state) = ("a".to_owned(), "cancelled".to_owned());
        let same_as = Some("id-a".to_owned());
        history.listed.push(Listed { id: "again".to_owned(), name, state, same_as });
        assert_eq!(check(&history), []);
        history.listed[4].same_as = Some("id-b".to_owned());
        assert!(matches!(&check(&history)[..], [Broken::Ids { .. }]));
    }

    #[test]
    fn cancelling_one_that_came_again_in_an_outage_leaves_the_first() {
        let mut history = true_history();
        history.sent[2].ids = vec!["again".to_owned()];
        "committed".clone_into(&mut history.listed[3].state);
        keep(&mut history, "c", 10);
        let (name, state) = ("c".to_owned(), "cancelled".to_owned());
        let same_as = Some("id-c".to_owned());
        history.listed.push(Listed { id: "again".to_owned(), name, state, same_as });
        assert_eq!(check(&history), []);
        history.listed[4].same_as = None;
        assert!(matches!(&check(&history)[..], [Broken::Unwanted { .. }]));
    }

    #[test]
    fn each_false_history_of_batches_is_caught() {
        type Defect = (fn(&mut BatchHistory), fn(&Broken) -> bool);
        let defects: [Defect; 10] = [
            (|h| see(h, "a", 5), |w| matches!(w, Broken::Part { .. })),
            (|h| keep(h, "a", 20), |w| matches!(w, Broken::Part { .. })),
            (|h| see(h, "b", 3), |w| matches!(w, Broken::Unwanted { .. })),
            (|h| keep(h, "c", 10), |w| matches!(w, Broken::Unwanted { .. })),
            (|h| keep(h, "d", 1), |w| matches!(w, Broken::Unwanted { .. })),
            (|h| h.looks[2].n_rows.clear(), |w| matches!(w, Broken::Vanished { .. })),
            (|h| h.table.clear(), |w| matches!(w, Broken::Missing { .. })),
            (|h| "other".clone_into(&mut h.sent[0].ids[1]), |w| matches!(w, Broken::Ids { .. })),
            (
                |h| "committed".clone_into(&mut h.listed[2].state),
                |w| matches!(w, Broken::State { .. }),
            ),
            (|h| keep(h, "e", 1), |w| matches!(w, Broken::Invented { .. })),
        ];
        for (at, (defect, is_it)) in defects.into_iter().enumerate() {
            let mut history = true_history();
            defect(&mut history);
            let wrong = check(&history);
            assert!(wrong.iter().any(is_it), "defect {at}: {wrong:?}");
        }
    }
}

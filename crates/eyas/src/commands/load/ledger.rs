//! What each event of a run was answered, and whether it was found again: one byte an event.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use serde::Serialize;

/// What is known of an event after its last attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    /// Never sent, or refused every time: it must not be there.
    Absent = 0,
    /// Acknowledged: it must be there once.
    Accepted = 1,
    /// Sent, and nobody knows: it may be there once.
    Unknown = 2,
}

const FATE: u8 = 0b0011;
const SEEN: u8 = 0b0100;

/// One byte an event.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: Box<[AtomicU8]>,
}

/// What the reading back has shown.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// Accepted events that are there.
    pub(crate) stored: u64,
    /// Accepted events that are not there.
    pub(crate) missing: u64,
    /// Events that are there more than once.
    pub(crate) doubled: u64,
    /// Events that came back with other data.
    pub(crate) changed: u64,
    /// Events that are there although they were refused.
    pub(crate) refused_but_stored: u64,
    /// Events of unknown outcome that are there.
    pub(crate) unknown_stored: u64,
    /// Events of unknown outcome that are not there.
    pub(crate) unknown_absent: u64,
    /// Events of this session that nobody sent.
    pub(crate) strange: u64,
}

impl Verdict {
    /// Every promise was kept.
    pub(crate) fn is_good(&self) -> bool {
        self.missing + self.doubled + self.changed + self.refused_but_stored + self.strange == 0
    }
}

impl Ledger {
    /// For the events 0 to `n_events`.
    pub(crate) fn new(n_events: u64) -> Self {
        Self { entries: (0..n_events).map(|_| AtomicU8::new(0)).collect() }
    }

    /// Settles what became of events.
    pub(crate) fn settle(&self, first: u64, n_events: u64, fate: Fate) {
        for entry in &self.entries[first as usize..(first + n_events) as usize] {
            entry.store(fate as u8, Relaxed);
        }
    }

    /// An event was found. `is_same` says whether its data is as it was sent.
    pub(crate) fn found(&self, number: Option<u64>, is_same: bool, verdict: &mut Verdict) {
        let entry = number.and_then(|number| self.entries.get(number as usize));
        let Some(entry) = entry else {
            verdict.strange += 1;
            return;
        };
        if entry.fetch_or(SEEN, Relaxed) & SEEN != 0 {
            verdict.doubled += 1;
        }
        verdict.changed += u64::from(!is_same);
    }

    /// Counts what must be there against what is.
    pub(crate) fn close(&self, verdict: &mut Verdict) {
        for entry in &self.entries {
            let entry = entry.load(Relaxed);
            let is_seen = entry & SEEN != 0;
            let count = match (entry & FATE, is_seen) {
                (fate, true) if fate == Fate::Accepted as u8 => &mut verdict.stored,
                (fate, false) if fate == Fate::Accepted as u8 => &mut verdict.missing,
                (fate, true) if fate == Fate::Unknown as u8 => &mut verdict.unknown_stored,
                (fate, false) if fate == Fate::Unknown as u8 => &mut verdict.unknown_absent,
                (_, true) => &mut verdict.refused_but_stored,
                (_, false) => continue,
            };
            *count += 1;
        }
    }

    /// The first accepted events that were not found.
    pub(crate) fn missing(&self, n_max: usize) -> Vec<u64> {
        let is_missing = |entry: &AtomicU8| entry.load(Relaxed) == Fate::Accepted as u8;
        (0..)
            .zip(&self.entries)
            .filter(|(_, entry)| is_missing(entry))
            .map(|(n, _)| n)
            .take(n_max)
            .collect()
    }
}

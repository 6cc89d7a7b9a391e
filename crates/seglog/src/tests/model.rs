//! What must be true of a log, whatever happens to its disk: the book that the simulation keeps and checks against.
//!
//! ```text
//! append ── Ok ────────────> standing: there for ever, at its Seq, byte for byte (until it is trimmed)
//!       ├── poisoned, died ─> unknown ── the next reopen shows it ──> standing
//!       │                            └── it does not ─────────────> never
//!       └── refused ────────> never: it must not be seen
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::frame::COUNT_END;
use crate::recovery::Recovered;
use crate::sim::random::Random;

/// What is known of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Standing { first: u64 },
    Unknown,
    Never,
}

struct Attempt {
    records: Vec<Bytes>,
    fate: Fate,
}

/// The book.
pub(crate) struct Model {
    attempts: Vec<Attempt>,
    /// What each Seq has ever named: attempt and place in it.
    named: BTreeMap<u64, (usize, usize)>,
    /// The part of it that stands and is not trimmed.
    standing: BTreeMap<u64, (usize, usize)>,
    /// Up to here a database has applied what a reader showed it.
    pub(crate) applied: u64,
    /// Up to here a later commit, a seal or the base of a later segment vouches.
    vouched: u64,
    /// First Seq that was kept after the last trim that was answered.
    first_kept: u64,
    /// Everything below may be trimmed.
    trimmed_before: u64,
    log_id: Option<u32>,
    /// Something has rotted: a refusal is right, and so is the loss of a last commit that nobody vouched for.
    pub(crate) is_rotten: bool,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            attempts: Vec::new(),
            named: BTreeMap::new(),
            standing: BTreeMap::new(),
            applied: 0,
            vouched: 0,
            first_kept: 1,
            trimmed_before: 1,
            log_id: None,
            is_rotten: false,
        }
    }

    /// A new append of records that tell which they are; nothing is known of it yet.
    pub(crate) fn attempt(&mut self, random: &mut Random, sizes: &[usize]) -> (usize, Vec<Bytes>) {
        let number = self.attempts.len();
        let record = |(at, n_bytes): (usize, &usize)| {
            let mut bytes = vec![0; 6 + n_bytes];
            bytes[..4].copy_from_slice(&(number as u32).to_le_bytes());
            bytes[4..6].copy_from_slice(&(at as u16).to_le_bytes());
            match random.below(4) {
                // Bytes that look like padding, and bytes that look like frames.
                0 => {}
                1 => bytes[6..]
                    .chunks_mut(4)
                    .for_each(|part| part.copy_from_slice(&b"EYFR"[..part.len()])),
                _ => random.fill(&mut bytes[6..]),
            }
            Bytes::from(bytes)
        };
        let records: Vec<_> = sizes.iter().enumerate().map(record).collect();
        self.attempts.push(Attempt { records: records.clone(), fate: Fate::Unknown });
        (number, records)
    }

    /// An append was answered OK.
    pub(crate) fn acknowledge(
        &mut self,
        attempt: usize,
        first: u64,
        last: u64,
    ) -> Result<(), String> {
        let count = self.attempts[attempt].records.len() as u64;
        ensure(last - first + 1 == count, || {
            format!("{count} records got Seqs {first} to {last}")
        })?;
        self.stand(attempt, first)
    }

    /// An append was refused.
    pub(crate) fn refuse(&mut self, attempt: usize) {
        self.attempts[attempt].fate = Fate::Never;
    }

    /// A later commit, or a seal, vouches for everything up to `last`.
    pub(crate) fn vouch(&mut self, last: u64) {
        self.vouched = self.vouched.max(last);
    }

    /// A trim may take what is below.
    pub(crate) fn trim(&mut self, before: u64) {
        self.trimmed_before = self.trimmed_before.max(before);
    }

    /// A trim was answered OK.
    pub(crate) fn trimmed(&mut self, first_kept: u64) -> Result<(), String> {
        let allowed = self.trimmed_before.max(self.first_kept);
        ensure((self.first_kept..=allowed).contains(&first_kept), || {
            format!("trimmed to {first_kept}, allowed were {} to {allowed}", self.first_kept)
        })?;
        self.first_kept = first_kept;
        Ok(())
    }

    /// Seq of the newest record that stands.
    pub(crate) fn last(&self) -> u64 {
        self.standing.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// A reader has shown these, the first of them as the next one from `from` on.
    pub(crate) fn show(&mut self, mut from: u64, shown: &[(u64, Bytes)]) -> Result<(), String> {
        for (seq, bytes) in shown {
            ensure(*seq >= from, || format!("Seq {seq} was shown, {from} was to come"))?;
            ensure(*seq == from || seq % COUNT_END == 0, || {
                format!("a hole from {from} to {seq}")
            })?;
            if let Some((left_out, _)) = self.standing.range(from..*seq).next() {
                return Err(format!("Seq {left_out} is left out before {seq}"));
            }
            self.show_one(*seq, bytes)?;
            from = seq + 1;
        }
        Ok(())
    }

    /// A reader beside has shown these at some time; some may have been trimmed since.
    pub(crate) fn show_again(&mut self, shown: &[(u64, Bytes)]) -> Result<(), String> {
        ensure(shown.is_sorted_by(|before, after| before.0 < after.0), || {
            "a reader's Seqs do not rise".into()
        })?;
        shown.iter().try_for_each(|(seq, bytes)| self.show_one(*seq, bytes))
    }

    /// The log was opened and read from its first record to its head.
    pub(crate) fn reopen(
        &mut self,
        found: &Recovered,
        records: &[(u64, Bytes)],
    ) -> Result<(), String> {
        let log_id = *self.log_id.get_or_insert(found.log_id);
        ensure(log_id == found.log_id, || "the log has another id".into())?;
        self.trimmed(found.first)?;
        // The start that cut it may have failed later; its jump tells.
        let may_lose = self.is_rotten && found.next > found.last + 1;
        if may_lose {
            let last = records.last().map_or(found.first - 1, |(seq, _)| *seq);
            self.lose_after(last.max(self.vouched).max(self.applied));
        }
        // What this log showed before its first record is over.
        self.standing = self.standing.split_off(&found.first);
        self.show(found.first, records)?;
        let last = records.last().map_or(found.first - 1, |(seq, _)| *seq);
        ensure(self.last() <= last, || {
            format!("Seq {} is gone, the log ends at {last}", self.last())
        })?;
        ensure(found.last == last && found.next > last, || {
            format!("{found:?} but {last} is the last")
        })?;
        for (number, attempt) in self.attempts.iter_mut().enumerate() {
            match attempt.fate {
                // This start has decided: what it did not find must never come back.
                Fate::Unknown => attempt.fate = Fate::Never,
                Fate::Standing { first } => {
                    let end = first + attempt.records.len() as u64;
                    ensure(first >= found.first || end <= found.first, || {
                        format!("append {number} is there in part, from {}", found.first)
                    })?;
                    ensure(
                        first < found.first
                            || self.standing.range(first..end).count() as u64 == end - first,
                        || format!("append {number} is there in part"),
                    )?;
                }
                Fate::Never => {}
            }
        }
        self.vouch(last);
        Ok(())
    }

    fn show_one(&mut self, seq: u64, bytes: &Bytes) -> Result<(), String> {
        let id = bytes.first_chunk::<6>().ok_or("a record that nobody appended")?;
        let (number, at) = id.split_at(4);
        let number = u32::from_le_bytes(number.try_into().expect("four bytes")) as usize;
        let at = u16::from_le_bytes(at.try_into().expect("two bytes")) as usize;
        let attempt = self.attempts.get(number).ok_or("a record that nobody appended")?;
        let is_equal = attempt.records.get(at) == Some(bytes);
        ensure(is_equal, || format!("Seq {seq}: record {at} of append {number} has other bytes"))?;
        match attempt.fate {
            Fate::Standing { first } if first + at as u64 == seq => Ok(()),
            Fate::Standing { first } => Err(format!(
                "record {at} of append {number} at Seq {seq}, was {}",
                first + at as u64
            )),
            Fate::Never => Err(format!("append {number} is there at Seq {seq} and must not be")),
            Fate::Unknown if seq > at as u64 => self.stand(number, seq - at as u64),
            Fate::Unknown => Err(format!("record {at} of append {number} at Seq {seq}")),
        }
    }

    fn stand(&mut self, number: usize, first: u64) -> Result<(), String> {
        let attempt = &mut self.attempts[number];
        attempt.fate = Fate::Standing { first };
        for at in 0..attempt.records.len() {
            let seq = first + at as u64;
            let before = self.named.insert(seq, (number, at));
            self.standing.insert(seq, (number, at));
            ensure(before.is_none_or(|before| before == (number, at)), || {
                format!("Seq {seq} names record {at} of append {number}, and named {before:?}")
            })?;
        }
        Ok(())
    }

    /// Rot has taken the last commit. Its Seqs stay named: no other record may get them.
    fn lose_after(&mut self, last: u64) {
        for attempt in &mut self.attempts {
            if matches!(attempt.fate, Fate::Standing { first } if first > last) {
                attempt.fate = Fate::Never;
            }
        }
        self.standing.split_off(&(last + 1));
    }
}

fn ensure(is_so: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(why()) }
}

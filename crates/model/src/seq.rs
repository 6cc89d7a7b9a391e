//! Where an event stands: its `Seq` in a log, the log's id, and the cursor that clients hand back.
//!
//! Invariant: a `Seq` is at least 1 and below 2^53, so that a JSON reader which holds numbers as
//! doubles never loses one.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Position of a record in its log. Strictly rising, not always dense; never mixed with a byte offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(u64);

impl Seq {
    /// Before the first record: "nothing applied", "from the beginning".
    pub const ZERO: Self = Self(0);
    /// The last position there can be.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// `None` from 2^53 on.
    pub const fn new(value: u64) -> Option<Self> {
        if value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// The bare number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next position.
    ///
    /// # Panics
    /// Past 2^53, which no log reaches: at a million events a second it takes 285 years.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// This position moved by `n`.
    ///
    /// # Panics
    /// Past 2^53.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        assert!(n <= Self::MAX.0 - self.0, "a Seq stays below 2^53");
        Self(self.0 + n)
    }

    /// The position before this one; `ZERO` stays `ZERO`.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The positions of the records of one append, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqRange {
    /// Position of the first record.
    pub first: Seq,
    /// Position of the last record.
    pub last: Seq,
}

/// The random name that a log is born with; never 0. It is how a wiped, restored or swapped log is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogId(u32);

impl LogId {
    /// `None` for 0, which means "no log".
    pub const fn new(value: u32) -> Option<Self> {
        if value == 0 { None } else { Some(Self(value)) }
    }

    /// The bare number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for LogId {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        // `from_str_radix` would take a sign, so the shape is checked first.
        let is_hex =
            text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let value = is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        value.and_then(Self::new).ok_or(CursorError)
    }
}

/// A place in a log, exclusive: "everything after this". Its text is `<log id, 8 hex>.<seq>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The log that the position belongs to.
    pub log: LogId,
    /// The last position already seen; `Seq::ZERO` for "none".
    pub seq: Seq,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.log, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (log, seq) = text.split_once('.').ok_or(CursorError)?;
        let is_plain = !seq.is_empty() && seq.bytes().all(|b| b.is_ascii_digit());
        let is_canonical = is_plain && (seq == "0" || !seq.starts_with('0'));
        let seq = is_canonical.then(|| seq.parse().ok()).flatten();
        Ok(Self { log: log.parse()?, seq: seq.and_then(Seq::new).ok_or(CursorError)? })
    }
}

/// The text is no cursor that this server hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a cursor: a cursor looks like 0a1b2c3d.42 and comes from an earlier answer")]
pub struct CursorError;

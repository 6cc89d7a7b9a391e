//! What a subscription is asked for, and what it answers.

use bytes::Bytes;
use model::{Cursor, Seq};

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Behind everything that is durable at this moment.
    Now,
    /// At the first event that is kept anywhere.
    Beginning,
    /// After the event that this cursor names.
    After(Cursor),
}

/// Why events between two positions cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The cursor belongs to another log: this one begins anew.
    OtherLog,
    /// The cursor lies ahead of everything that this log ever gave out.
    AheadOfLog,
    /// No longer kept.
    Trimmed,
    /// Deleted by age, of at least one stream. What is still kept of the others comes all the same, and the subscription
    /// stands where it stood: resume after `from`.
    Retention,
}

impl GapReason {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtherLog => "other_log",
            Self::AheadOfLog => "ahead_of_log",
            Self::Trimmed => "trimmed",
            Self::Retention => "retention",
        }
    }
}

/// How the text of every event begins. What follows are the members of the event itself.
pub const EVENT_PREFIX: &str = "{\"type\":\"event\",";

/// One thing that a subscriber is told. Within one subscription the `Seq` of events strictly rises.
#[derive(Clone, Debug)]
pub enum Message {
    /// An event of the filter.
    Event {
        /// Its position.
        seq: Seq,
        /// The whole JSON message, `{"type":"event",…}`, one line, shared by all subscribers.
        text: Bytes,
    },
    /// What lies after `from` and up to `to` is not shown.
    Gap {
        /// Where the subscriber was.
        from: Cursor,
        /// Where it goes on.
        to: Cursor,
        /// Why.
        why: GapReason,
    },
    /// Nothing up to `cursor` is left to show: where to go on, so that a scan that matches little need not begin anew.
    Progress {
        /// How far the subscription has come.
        cursor: Cursor,
    },
    /// An event of the filter that was a dead letter is in the database after all. It is no new event, and tells nothing
    /// about where the subscription stands; it may come twice.
    Status {
        /// Where the event stands.
        cursor: Cursor,
        /// Whether it is valid.
        is_valid: bool,
    },
    /// Some of those were missed: they came faster than they were passed on.
    StatusGap,
    /// Everything up to `head` has been shown; what follows is new. Said once.
    CaughtUp {
        /// The head at that moment.
        head: Cursor,
    },
}

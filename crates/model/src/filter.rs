//! Which events a reader wants: the same question for pages, exports and live subscriptions.

use crate::event::Event;
use crate::time::Timestamp;

/// Most values that one field of a filter may list.
pub const PATTERNS_MAX: usize = 32;

/// One wanted value of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Exactly this text.
    Exact(String),
    /// Any text that begins with this one.
    Prefix(String),
}

impl Pattern {
    /// A trailing `*` asks for a prefix; everything else is exact.
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }

    /// Whether `text` is wanted.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
        }
    }
}

/// Most characters of a text that is searched for.
pub const SEARCH_CHARS_MAX: usize = 128;

/// A piece of text to be found in an event's id or labels, whatever the case of its ASCII letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    given: String,
    lower: String,
}

impl Search {
    /// `None` unless the text has 1 to [`SEARCH_CHARS_MAX`] characters.
    pub fn parse(text: &str) -> Option<Self> {
        let is_good = !text.is_empty() && text.chars().nth(SEARCH_CHARS_MAX).is_none();
        is_good.then(|| Self { given: text.to_owned(), lower: text.to_ascii_lowercase() })
    }

    /// As it was given: an event whose id is this is what was meant.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// With its ASCII letters in lower case.
    pub fn lower(&self) -> &str {
        &self.lower
    }

    fn is_in(&self, text: &str) -> bool {
        let (wanted, text) = (self.lower.as_bytes(), text.as_bytes());
        text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
    }
}

/// Which of an event's two times a range speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// `received_at`, our clock.
    #[default]
    Received,
    /// `timestamp`, the client's clock; `received_at` where none was sent.
    Event,
}

/// Fields are joined by "and", the patterns of one field by "or"; an empty list wants everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Stream names.
    pub stream: Vec<Pattern>,
    /// Applications.
    pub application: Vec<Pattern>,
    /// Categories.
    pub category: Vec<Pattern>,
    /// Names.
    pub name: Vec<Pattern>,
    /// Sessions.
    pub session_id: Vec<Pattern>,
    /// Stands in the id, session, category, name or application.
    pub search: Option<Search>,
    /// Only valid ones, or only invalid ones.
    pub valid: Option<bool>,
    /// First moment wanted.
    pub from: Option<Timestamp>,
    /// First moment no longer wanted.
    pub to: Option<Timestamp>,
    /// Which time `from` and `to` speak of.
    pub clock: Clock,
}

impl Filter {
    /// Whether the event is wanted. Stores answer the same question in SQL; the conformance suite
    /// holds the two together.
    pub fn matches(&self, event: &Event) -> bool {
        let time = match self.clock {
            Clock::Received => event.received_at(),
            Clock::Event => event.timestamp().unwrap_or(event.received_at()),
        };
        wants(&self.stream, Some(event.stream()))
            && wants(&self.application, event.application())
            && wants(&self.category, event.category())
            && wants(&self.name, event.name())
            && wants(&self.session_id, event.session_id())
            && self.search.as_ref().is_none_or(|search| has(search, event))
            && self.valid.is_none_or(|valid| valid == event.valid())
            && self.from.is_none_or(|from| time >= from)
            && self.to.is_none_or(|to| time < to)
    }
}

fn has(search: &Search, event: &Event) -> bool {
    let labels = [event.session_id(), event.category(), event.name(), event.application()];
    search.is_in(event.id()) || labels.into_iter().flatten().any(|label| search.is_in(label))
}

fn wants(patterns: &[Pattern], text: Option<&str>) -> bool {
    patterns.is_empty()
        || text.is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(text)))
}

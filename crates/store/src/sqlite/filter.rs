//! A filter as SQL: how to walk the table in `Seq` order, and what to test on the way.
//!
//! The walk names its index (`INDEXED BY`), so that neither statistics nor a newer SQLite can talk
//! the planner into a sort. Every value is a bound parameter. Invariant: the SQL wants exactly what
//! `Filter::matches` wants; the conformance suite holds the two together.

use std::fmt::Write as _;

use model::{Clock, Filter, Pattern};
use rusqlite::types::Value;

/// An `AND`ed condition and the values of its `?`, in order.
#[derive(Debug)]
pub(crate) struct Condition {
    /// `1` or terms joined by `AND`.
    pub(crate) sql: String,
    /// One for each `?`.
    pub(crate) values: Vec<Value>,
}

/// How to read the rows that a filter wants, in `Seq` order.
#[derive(Debug)]
pub(crate) struct Plan {
    /// `NOT INDEXED` (the table itself) or `INDEXED BY …`.
    pub(crate) index: &'static str,
    /// What the index answers by itself.
    pub(crate) walk: Condition,
    /// What has to be tested row by row.
    pub(crate) rest: Condition,
}

impl Plan {
    /// Picks the index that leaves the least to test. `is_small` says whether a session has few enough
    /// rows to put them in order; that index alone is not in `Seq` order by itself.
    pub(crate) fn of<E>(
        filter: &Filter,
        is_small: impl FnOnce(&str) -> Result<bool, E>,
    ) -> Result<Self, E> {
        let mut rest = filter.clone();
        let mut walk = Condition::all();
        let mut index = "NOT INDEXED";
        if let Some(session) = only(&filter.session_id)
            && is_small(session)?
        {
            index = "INDEXED BY events_session";
            walk.add("session_id = ?", [session]);
            rest.session_id.clear();
        } else if let (Some(category), Some(name)) = (only(&filter.category), only(&filter.name)) {
            index = "INDEXED BY events_name";
            walk.add("category = ? AND name = ?", [category, name]);
            rest.category.clear();
            rest.name.clear();
        } else if filter.valid == Some(false) {
            index = "INDEXED BY events_invalid";
            walk.add("valid = 0", []);
            rest.valid = None;
        } else if let Some(stream) = only(&filter.stream) {
            index = "INDEXED BY events_stream";
            walk.add("stream = ?", [stream]);
            rest.stream.clear();
        }
        Ok(Self { index, walk, rest: condition(&rest) })
    }
}

impl Condition {
    fn all() -> Self {
        Self { sql: "1".to_owned(), values: Vec::new() }
    }

    /// Nothing to test.
    pub(crate) fn is_all(&self) -> bool {
        self.sql == "1"
    }

    fn add<const N: usize>(&mut self, term: &str, values: [&str; N]) {
        let _ = write!(self.sql, " AND {term}");
        self.values.extend(values.map(|text| Value::Text(text.to_owned())));
    }

    fn add_any_of(&mut self, column: &str, patterns: &[Pattern]) {
        if patterns.is_empty() {
            return;
        }
        self.sql.push_str(" AND (");
        for (at, pattern) in patterns.iter().enumerate() {
            self.sql.push_str(if at == 0 { "" } else { " OR " });
            let (term, values) = match pattern {
                Pattern::Exact(text) => (format!("{column} = ?"), vec![text.clone()]),
                Pattern::Prefix(prefix) => match successor(prefix) {
                    Some(end) => {
                        (format!("{column} >= ? AND {column} < ?"), vec![prefix.clone(), end])
                    }
                    None => (format!("{column} >= ?"), vec![prefix.clone()]),
                },
            };
            self.sql.push_str(&term);
            self.values.extend(values.into_iter().map(Value::Text));
        }
        self.sql.push(')');
    }
}

fn only(patterns: &[Pattern]) -> Option<&str> {
    match patterns {
        [Pattern::Exact(text)] => Some(text),
        _ => None,
    }
}

fn condition(filter: &Filter) -> Condition {
    let mut condition = Condition::all();
    condition.add_any_of("stream", &filter.stream);
    condition.add_any_of("application", &filter.application);
    condition.add_any_of("category", &filter.category);
    condition.add_any_of("name", &filter.name);
    condition.add_any_of("session_id", &filter.session_id);
    match filter.valid {
        Some(true) => condition.add("valid = 1", []),
        Some(false) => condition.add("valid = 0", []),
        None => {}
    }
    let time = match filter.clock {
        Clock::Received => "received_at_us",
        Clock::Event => "coalesce(timestamp_us, received_at_us)",
    };
    for (bound, sign) in [(filter.from, ">="), (filter.to, "<")] {
        if let Some(bound) = bound {
            condition.add(&format!("{time} {sign} ?"), []);
            condition.values.push(Value::Integer(bound.micros()));
        }
    }
    condition
}

/// The first text above all that begin with `prefix`, in the order of bytes, which for UTF-8 is the
/// order of characters. `None` if there is none: the prefix is empty or all U+10FFFF.
pub(crate) fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // A range of chars steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

//! A filter as SQL: what is tested row by row.
//!
//! Every value is a bound parameter. Invariant: the SQL wants exactly what `Filter::matches` wants; the
//! conformance suite holds the two together.

use std::fmt::Write as _;

use model::{Clock, Filter, Pattern};
use rusqlite::types::Value;

use crate::prefix::successor;

/// An `AND`ed condition and the values of its `?`, in order.
#[derive(Debug)]
pub(crate) struct Condition {
    /// `1` or terms joined by `AND`.
    pub(crate) sql: String,
    /// One for each `?`.
    pub(crate) values: Vec<Value>,
}

impl Condition {
    fn add(&mut self, term: &str) {
        let _ = write!(self.sql, " AND {term}");
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

    fn add_search(&mut self, lower: &str) {
        let terms = SEARCHED.map(|column| format!("instr(lower({column}), ?) > 0"));
        self.add(&format!("({})", terms.join(" OR ")));
        self.values.extend(SEARCHED.map(|_| Value::Text(lower.to_owned())));
    }
}

/// Where a search looks. `lower` and `instr` know ASCII letters only, as [`model::filter::Search`] does; `instr` of
/// NULL is NULL, which is not true.
const SEARCHED: [&str; 5] = ["id", "session_id", "category", "name", "application"];

/// What every wanted row fulfils.
pub(crate) fn condition(filter: &Filter) -> Condition {
    let mut condition = Condition { sql: "1".to_owned(), values: Vec::new() };
    condition.add_any_of("stream", &filter.stream);
    condition.add_any_of("application", &filter.application);
    condition.add_any_of("category", &filter.category);
    condition.add_any_of("name", &filter.name);
    condition.add_any_of("session_id", &filter.session_id);
    if let Some(search) = &filter.search {
        condition.add_search(search.lower());
    }
    match filter.valid {
        Some(true) => condition.add("valid = 1"),
        Some(false) => condition.add("valid = 0"),
        None => {}
    }
    let time = match filter.clock {
        Clock::Received => "received_at_us",
        Clock::Event => "coalesce(timestamp_us, received_at_us)",
    };
    for (bound, sign) in [(filter.from, ">="), (filter.to, "<")] {
        if let Some(bound) = bound {
            condition.add(&format!("{time} {sign} ?"));
            condition.values.push(Value::Integer(bound.micros()));
        }
    }
    condition
}

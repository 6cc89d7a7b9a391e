//! A filter as SQL: what is tested row by row.
//!
//! Every value is a parameter. Invariant: the SQL wants exactly what `Filter::matches` wants; the conformance suite
//! holds the two together.

use std::fmt::Write as _;

use model::{Clock, Filter, Pattern};
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::nul::without_nul;
use crate::prefix::successor;

/// One value and its type.
pub(crate) type Value<'v> = (&'v (dyn ToSql + Sync), Type);

/// An `AND`ed condition and the values of its parameters.
pub(crate) struct Condition {
    /// `true` or terms joined by `AND`.
    pub(crate) sql: String,
    /// Parameters that come before those of the condition.
    n_before: usize,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl Condition {
    /// Wants everything. Its first parameter is `$1`.
    pub(crate) fn new() -> Self {
        Self::behind(0)
    }

    /// The same; the statement has so many parameters before it.
    fn behind(n_before: usize) -> Self {
        Self { sql: "true".to_owned(), n_before, values: Vec::new() }
    }

    /// Adds a value: how SQL names it.
    pub(crate) fn bind(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.n_before + self.values.len())
    }

    /// Adds a term that wants exactly this text.
    pub(crate) fn and_equals(&mut self, column: &str, text: &str) {
        let wanted = self.text(text);
        self.and(&format!("{column} = {wanted}"));
    }

    /// The values in the order of their parameters.
    pub(crate) fn values(&self) -> Vec<Value<'_>> {
        self.values_behind(&[])
    }

    /// The same, behind those that come before.
    pub(crate) fn values_behind<'v>(&'v self, before: &[Value<'v>]) -> Vec<Value<'v>> {
        let own = self.values.iter().map(|(value, kind)| (&**value as _, kind.clone()));
        before.iter().cloned().chain(own).collect()
    }

    fn and(&mut self, term: &str) {
        let _ = write!(self.sql, " AND {term}");
    }

    fn text(&mut self, text: &str) -> String {
        self.bind(without_nul(text).into_owned(), Type::TEXT)
    }

    fn and_any_of(&mut self, column: &str, patterns: &[Pattern]) {
        if patterns.is_empty() {
            return;
        }
        let mut terms = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            terms.push(match pattern {
                Pattern::Exact(text) => format!("{column} = {}", self.text(text)),
                // No label has this sign, and a range from it would begin elsewhere.
                Pattern::Prefix(prefix) if prefix.contains('\0') => "false".to_owned(),
                Pattern::Prefix(prefix) => {
                    let first = self.text(prefix);
                    let mut term = format!("{column} >= {first}");
                    if let Some(end) = successor(prefix) {
                        let _ = write!(term, " AND {column} < {}", self.text(&end));
                    }
                    format!("({term})")
                }
            });
        }
        self.and(&format!("({})", terms.join(" OR ")));
    }

    fn and_search(&mut self, lower: &str) {
        let sought = self.text(lower);
        let terms = SEARCHED.map(|column| format!("strpos(lower({column}), {sought}) > 0"));
        self.and(&format!("({})", terms.join(" OR ")));
    }
}

/// Where a search looks. Under the collation of these columns `lower` knows ASCII letters only, as
/// [`model::filter::Search`] does; `strpos` of NULL is NULL, which is not true.
const SEARCHED: [&str; 5] = ["id", "session_id", "category", "name", "application"];

/// What every wanted row fulfils. The statement has `n_before` parameters before those of the condition.
pub(crate) fn condition(filter: &Filter, n_before: usize) -> Condition {
    let mut condition = Condition::behind(n_before);
    condition.and_any_of("stream", &filter.stream);
    condition.and_any_of("application", &filter.application);
    condition.and_any_of("category", &filter.category);
    condition.and_any_of("name", &filter.name);
    condition.and_any_of("session_id", &filter.session_id);
    if let Some(search) = &filter.search {
        condition.and_search(search.lower());
    }
    match filter.valid {
        Some(true) => condition.and("valid"),
        Some(false) => condition.and("NOT valid"),
        None => {}
    }
    let time = match filter.clock {
        Clock::Received => "received_at_us",
        Clock::Event => "coalesce(timestamp_us, received_at_us)",
    };
    for (bound, sign) in [(filter.from, ">="), (filter.to, "<")] {
        if let Some(bound) = bound {
            let bound = condition.bind(bound.micros(), Type::INT8);
            condition.and(&format!("{time} {sign} {bound}"));
        }
    }
    condition
}

//! Which labels exist, found by jumping through an index from one to the next.
//!
//! A filter may name beginnings of labels, or names without their category. The labels themselves are
//! few in ordinary data, and each jump is one look into the index, however many rows have the label.

use std::collections::BTreeSet;

use model::Pattern;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::prefix::successor;

/// Most jumps of one page. Who has more labels than that is served by walking the rows.
const JUMPS_MAX: usize = 2_000;

/// Whose labels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    Stream,
    Application,
    Session,
    Category,
    /// The names within one category.
    NameIn(&'a str),
}

/// Looks for labels within a bound.
pub(crate) struct Labels<'c> {
    conn: &'c Connection,
    n_left: usize,
}

impl<'c> Labels<'c> {
    pub(crate) fn new(conn: &'c Connection) -> Self {
        Self { conn, n_left: JUMPS_MAX }
    }

    /// The labels that exist and match; `None` if there are too many to look at.
    pub(crate) fn matching(
        &mut self,
        of: Of<'_>,
        patterns: &[Pattern],
    ) -> rusqlite::Result<Option<BTreeSet<String>>> {
        let mut all = BTreeSet::new();
        for pattern in patterns {
            let (first, end) = match pattern {
                // The first text above all is the text and one sign more.
                Pattern::Exact(text) => (text, Some(format!("{text}\0"))),
                Pattern::Prefix(prefix) => (prefix, successor(prefix)),
            };
            let mut found = self.jump(of, ">=", first, end.as_deref())?;
            while let Some(label) = found {
                if self.n_left == 0 {
                    return Ok(None);
                }
                found = match pattern {
                    Pattern::Exact(_) => None,
                    Pattern::Prefix(_) => self.jump(of, ">", &label, end.as_deref())?,
                };
                all.insert(label);
            }
        }
        Ok(Some(all))
    }

    fn jump(
        &mut self,
        of: Of<'_>,
        sign: &str,
        from: &str,
        end: Option<&str>,
    ) -> rusqlite::Result<Option<String>> {
        self.n_left = self.n_left.saturating_sub(1);
        let category = if let Of::NameIn(category) = of { Some(category) } else { None };
        let mut select = self.conn.prepare_cached(&jump_sql(of, sign))?;
        select.query_row(params![category, from, end], |row| row.get(0)).optional()
    }
}

/// Values: the category of names, from, end or NULL.
pub(crate) fn jump_sql(of: Of<'_>, sign: &str) -> String {
    let (column, index, scope) = match of {
        Of::Stream => ("stream", "events_stream", "?1 IS NULL"),
        Of::Application => ("application", "events_application", "?1 IS NULL"),
        Of::Session => ("session_id", "events_session", "?1 IS NULL"),
        Of::Category => ("category", "events_name", "?1 IS NULL"),
        Of::NameIn(_) => ("name", "events_name", "category = ?1"),
    };
    format!(
        "SELECT {column} FROM events INDEXED BY {index} WHERE {scope} AND {column} {sign} ?2 \
         AND (?3 IS NULL OR {column} < ?3) ORDER BY {column} LIMIT 1"
    )
}

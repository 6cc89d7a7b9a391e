//! Which labels exist, found by jumping through an index from one to the next.
//!
//! A filter may name beginnings of labels, or names without their category. The labels themselves are
//! few in ordinary data, and each jump is one look into the index, however many rows have the label.

use std::collections::BTreeSet;

use model::Pattern;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::postgres::failure::failure;
use crate::postgres::filter::Value;
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
    /// The names within one category; '' stands for none.
    NameIn(&'a str),
}

/// Looks for labels within a bound.
pub(crate) struct Labels<'c> {
    tx: &'c Transaction<'c>,
    n_left: usize,
}

impl<'c> Labels<'c> {
    pub(crate) fn new(tx: &'c Transaction<'c>) -> Self {
        Self { tx, n_left: JUMPS_MAX }
    }

    /// The labels that match, those that exist and perhaps some that do not; `None` if there are too many to look at.
    pub(crate) async fn matching(
        &mut self,
        of: Of<'_>,
        patterns: &[Pattern],
    ) -> Result<Option<BTreeSet<String>>, StoreError> {
        let mut all = BTreeSet::new();
        for pattern in patterns {
            match pattern {
                // No label has this sign.
                Pattern::Exact(text) | Pattern::Prefix(text) if text.contains('\0') => {}
                Pattern::Exact(text) => drop(all.insert(text.clone())),
                Pattern::Prefix(prefix) => {
                    let found = self.jump(of, prefix).await?;
                    if found.len() >= self.n_left {
                        return Ok(None);
                    }
                    self.n_left -= found.len();
                    all.extend(found);
                }
            }
        }
        Ok(Some(all))
    }

    async fn jump(&self, of: Of<'_>, prefix: &str) -> Result<Vec<String>, StoreError> {
        let category = if let Of::NameIn(category) = of { Some(category) } else { None };
        let (end, limit) = (successor(prefix), self.n_left as i64);
        let values: [Value<'_>; 4] = [
            (&category, Type::TEXT),
            (&prefix, Type::TEXT),
            (&end, Type::TEXT),
            (&limit, Type::INT8),
        ];
        let rows = self.tx.query_typed(&jump_sql(of), &values).await.map_err(failure)?;
        rows.iter().map(|row| row.try_get(0).map_err(failure)).collect()
    }
}

/// Values: the category of names, from, end or NULL, limit. PostgreSQL does not jump by itself, so each turn of the
/// recursion is one look for the next label.
pub(crate) fn jump_sql(of: Of<'_>) -> String {
    // The order names all columns of the index up to the label's: no other index offers that.
    let (column, scope, order) = match of {
        Of::Stream => ("stream", "$1::text IS NULL", ""),
        Of::Application => ("application", "$1::text IS NULL AND application IS NOT NULL", ""),
        Of::Session => ("session_id", "$1::text IS NULL AND session_id IS NOT NULL", ""),
        Of::Category => ("category", "$1::text IS NULL AND category IS NOT NULL", ""),
        Of::NameIn(_) => ("coalesce(name, '')", "category = $1", "category, "),
    };
    let next = |sign: &str, from: &str| {
        format!(
            "SELECT {column} AS label FROM eyas.events WHERE {scope} AND {column} {sign} {from} \
             AND ($3::text IS NULL OR {column} < $3) ORDER BY {order}{column} LIMIT 1"
        )
    };
    format!(
        "WITH RECURSIVE found AS (({}) UNION ALL SELECT ({}) FROM found WHERE label IS NOT NULL) \
         SELECT label FROM found WHERE label IS NOT NULL LIMIT $4",
        next(">=", "$2"),
        next(">", "found.label")
    )
}

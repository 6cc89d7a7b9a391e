//! What the database makes of the published queries, before anybody asks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use store::{Dialect, SqlError, SqlReader};

use crate::queries_config::ConfiguredQuery;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The query.
    pub(crate) query: String,
    /// Its file for this database; empty where there is none.
    pub(crate) file: String,
    /// What is wrong, where the database has a say in it in its own words.
    pub(crate) words: String,
}

/// Asks the database about each query. Nothing runs.
///
/// # Errors
/// The database cannot be asked.
pub(crate) async fn faults(
    sql: &dyn SqlReader,
    dialect: Dialect,
    queries: &[ConfiguredQuery],
) -> Result<Vec<Fault>, String> {
    let mut all = Vec::new();
    for query in queries {
        let mut fault = |file: &str, words: String| {
            all.push(Fault { query: query.name.clone(), file: file.to_owned(), words });
        };
        let Some(file) = query.file(dialect) else {
            let name = dialect.as_str();
            fault("", format!("it has no statement for this database: name a file with `{name}`"));
            continue;
        };
        match sql.check_sql(Arc::clone(&file.statement)).await {
            Err(SqlError::Unavailable(words)) => return Err(words),
            Err(busy @ SqlError::Busy(_)) => return Err(busy.to_string()),
            Err(error) => fault(&file.file, error.to_string()),
            Ok(columns) => {
                let mut names = BTreeSet::new();
                let twice = columns.into_iter().find(|column| !names.insert(column.name.clone()));
                if let Some(column) = twice {
                    fault(
                        &file.file,
                        format!(
                            "two columns have the name {:?}; give one another, with AS",
                            column.name
                        ),
                    );
                }
            }
        }
    }
    Ok(all)
}

/// At a start: what is wrong is said, and keeps nothing from running.
pub(crate) async fn tell(sql: &dyn SqlReader, dialect: Dialect, queries: &[ConfiguredQuery]) {
    match faults(sql, dialect, queries).await {
        Ok(faults) => {
            for Fault { query, file, words } in faults {
                tracing::error!(
                    query,
                    file,
                    "the database does not take a published query: {words}"
                );
            }
        }
        Err(words) => tracing::warn!("the published queries were not checked: {words}"),
    }
}

//! The database in `/status`: whether it answers.

use serde::Serialize;
use store::DatabaseState;

/// How the database stands.
#[derive(Serialize)]
pub(crate) struct DatabaseShown {
    kind: &'static str,
    state: &'static str,
    since: String,
    detail: Option<String>,
    version: Option<String>,
    holder: Option<String>,
}

impl DatabaseShown {
    /// The database's words, its version and who feeds it are for those who may read everything.
    pub(crate) fn of(database: DatabaseState, holder: &str, shows_all: bool) -> Self {
        let DatabaseState { kind, is_up, since, detail, version } = database;
        Self {
            kind,
            state: if is_up { "up" } else { "down" },
            since: since.to_string(),
            detail: detail.filter(|_| shows_all),
            version: version.filter(|_| shows_all),
            holder: shows_all.then(|| holder.to_owned()),
        }
    }
}

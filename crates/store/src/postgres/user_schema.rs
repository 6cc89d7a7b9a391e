//! Where the user's tables stand, how they are named in SQL, and what a transaction over them sets for itself.

/// The schema of the user's tables. Ours is another.
const SCHEMA: &str = "public";

/// A million rows take as long as they take; `stop` and a lost connection end them. Names inside triggers mean the user's
/// schema.
pub(crate) const SETTINGS: &str = "SET LOCAL search_path = public; SET LOCAL statement_timeout = 0";

/// A table of the user's, as SQL takes it.
pub(crate) fn qualified(table: &str) -> String {
    format!("{SCHEMA}.{}", quoted(table))
}

/// A name as SQL takes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

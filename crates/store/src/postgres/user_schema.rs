//! Where the user's tables stand, how they are named in SQL, and what a transaction over them sets for itself.

/// The schema of the user's tables. Ours is another.
const SCHEMA: &str = "public";

/// A million rows take as long as they take; `stop` and a lost connection end them. Names inside triggers mean the user's
/// schema, and the planner chooses for the user's tables as it is set up to: what our transactions tell it is about ours.
pub(crate) const SETTINGS: &str = "SET LOCAL search_path = public; SET LOCAL statement_timeout = 0; \
    SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_bitmapscan TO DEFAULT; \
    SET LOCAL enable_sort TO DEFAULT; SET LOCAL jit TO DEFAULT";

/// A table of the user's, as SQL takes it.
pub(crate) fn qualified(table: &str) -> String {
    format!("{SCHEMA}.{}", quoted(table))
}

/// A name as SQL takes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

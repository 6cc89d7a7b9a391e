//! From the bytes of a body, cut anywhere, to its rows. Every parser holds at most one row.
//!
//! | room | what |
//! |---|---|
//! | [`rows`] | a row as it came, and the bounds of one |
//! | [`ndjson`] | one JSON value a line |
//! | [`array`] | one JSON array |
//! | [`csv`] | a header row, and records |
//! | [`body`] | the same calls for each of them |

pub(crate) mod array;
pub(crate) mod body;
pub(crate) mod csv;
pub(crate) mod ndjson;
pub(crate) mod rows;

//! From the bytes of a body, cut anywhere, to its rows.
//!
//! | room | what |
//! |---|---|
//! | [`rows`] | a row as it came, and the bounds of one |

pub(crate) mod rows;

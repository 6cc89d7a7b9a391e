//! The batches lane: many rows for a table, all of them or none.
//!
//! | room | what |
//! |---|---|
//! | [`rules`] | what a table takes |
//! | [`view`] | what the desk is asked for and answers |
//! | [`error`] | what can go wrong |
//! | [`parse`] | from the bytes of a body to rows |

pub(crate) mod error;
pub(crate) mod parse;
pub(crate) mod rules;
pub(crate) mod view;

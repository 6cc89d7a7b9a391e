//! The batches lane: many rows for a table, all of them or none.
//!
//! ```text
//!   POST ─> Upload ─> parse ─> receiver ─> check     bytes, rows, values
//!              │
//!              └─ desk ─> log: begin, rows*, commit  ─> 202
//!                                   │
//!                          lane ────┘ reads the rows back ─> ONE transaction: table, batch, applied position
//! ```
//!
//! | room | what |
//! |---|---|
//! | [`face`] | the lane as the edge sees it |
//! | [`view`] | what the desk is asked for and answers |
//! | [`error`] | what can go wrong |
//! | [`rules`] | what a table takes |
//! | [`upload`] | one body on its way |
//! | [`parse`] | from the bytes of a body to rows |
//! | [`receiver`] | from rows to blocks of values, and errors |
//! | [`digest`] | the content hash of a batch |
//! | [`members`], [`check`], [`number`], [`calendar`], [`array_text`], [`row_json`] | from a row to values as their columns want them |
//! | [`records`] | the lane's records as bytes |
//! | [`registry`] | the batches that are not over |
//! | [`desk`] | where they are written down and decided upon |
//! | [`entrance`] | how a body gets there |
//! | [`recovery`] | what the log knows of them |
//! | [`revalidation`] | rows that the database refused, again |
//! | [`feed`] | a batch's rows read back |
//! | [`lane`] | who carries the decisions out |

pub(crate) mod array_text;
pub(crate) mod calendar;
pub(crate) mod check;
pub(crate) mod desk;
pub(crate) mod digest;
pub(crate) mod entrance;
pub(crate) mod error;
pub(crate) mod face;
pub(crate) mod feed;
pub(crate) mod lane;
pub(crate) mod members;
pub(crate) mod number;
pub(crate) mod parse;
pub(crate) mod receiver;
pub(crate) mod records;
pub(crate) mod recovery;
pub(crate) mod registry;
pub(crate) mod revalidation;
pub(crate) mod row_json;
pub(crate) mod rules;
pub(crate) mod told;
pub(crate) mod upload;
pub(crate) mod view;

//! The driver for a PostgreSQL server, mirrored file for file with `sqlite/`.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `PostgresStore`: opens it |
//! | [`address`], [`tls`], [`pool`] | how the server is reached, and by how many connections |
//! | [`failure`] | its errors as decisions |
//! | [`migrations`] | the schema `eyas`, step by step |
//! | [`gate`] | whether the server is asked at all, and how it stands |
//! | [`events`] | `EventStore`: which call runs where |
//! | [`lease`], [`turn`] | who consumes, and who else may write events |
//! | [`apply`] | the consumer's transaction |
//! | [`insert`] | records into the table, or the database's words against one |
//! | [`escapes`] | which JSON a `json` column can hold |
//! | [`burial`] | dead letters as the consumer writes them |
//! | [`page`], [`history`], [`session`] | pages |
//! | [`walk`] | walking over what a filter wants |
//! | [`candidates`], [`labels`] | positions that the indexes offer for a filter |
//! | [`windows`] | ranges of time as ranges of positions |
//! | [`filter`] | a filter as SQL |
//! | [`chunk`] | how many rows are asked for at once |
//! | [`lookup`] | reads by key |
//! | [`rows`] | rows to events |
//! | [`select`] | one question, in a transaction of its own |
//! | [`nul`] | U+0000, which no text can hold |
//! | [`control`] | `ControlStore` |
//! | [`audit`] | `AuditStore` |
//! | [`trust`] | `TrustStore` |
//! | [`sessions`] | `SessionStore`: who has signed in |
//! | [`schemas`] | `SchemaStore` |
//! | [`jobs`] | `JobStore` |

pub(crate) mod address;
mod apply;
mod audit;
mod burial;
pub(crate) mod candidates;
mod chunk;
mod control;
pub(crate) mod escapes;
mod events;
mod failure;
pub(crate) mod filter;
mod gate;
mod history;
mod insert;
mod jobs;
pub(crate) mod labels;
mod lease;
mod lookup;
mod migrations;
mod nul;
mod page;
mod pool;
pub(crate) mod rows;
mod schemas;
mod select;
pub(crate) mod session;
mod sessions;
mod store;
mod tls;
mod trust;
mod turn;
pub(crate) mod walk;
mod windows;

pub use store::{PostgresOptions, PostgresStore};

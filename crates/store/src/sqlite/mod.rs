//! The SQLite driver: `eyas.db` (events, dead letters, lease) and `control.db`, beside each other.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `SqliteStore`: open, close |
//! | [`writer`] | the one thread that writes |
//! | [`readers`] | the read-only connections |
//! | [`connection`] | opening one connection with its settings |
//! | [`migrations`] | bringing a file to the schema that this program knows |
//! | [`events`] | `EventStore`: which call runs where |
//! | [`apply`] | the transactions: claim and apply |
//! | [`page`] | pages and sessions |
//! | [`history`] | pages with the dead letters in their places |
//! | [`filter`] | a filter as SQL |
//! | [`lookup`] | reads by key |
//! | [`rows`] | rows to events |
//! | [`control`] | `ControlStore` |
//! | [`failure`] | SQLite's errors as decisions |

mod apply;
mod connection;
mod control;
mod events;
pub(crate) mod failure;
pub(crate) mod filter;
mod history;
mod lookup;
mod migrations;
pub(crate) mod page;
mod readers;
mod rows;
pub(crate) mod store;
mod writer;

pub use store::{SqliteOptions, SqliteStore};

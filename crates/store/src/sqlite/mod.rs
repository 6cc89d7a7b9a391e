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
//! | [`walk`] | walking over what a filter wants |
//! | [`insert`] | one record into the table, or the database's words against it |
//! | [`burial`] | dead letters as the consumer writes them |
//! | [`dead_letters`] | `DeadLetterStore`: reads, discard and restore |
//! | [`replay`] | dead letters become rows |
//! | [`jobs`] | `JobStore` |
//! | [`page`] | pages in `Seq` order |
//! | [`explore`] | `ExploreStore`: walks that count |
//! | [`session`] | pages of a session, in the order of things |
//! | [`history`] | pages with the dead letters in their places |
//! | [`retention`] | `RetentionStore`: deleting by age |
//! | [`filter`] | a filter as SQL |
//! | [`candidates`] | positions that the indexes offer for a filter |
//! | [`labels`] | which labels exist |
//! | [`windows`] | ranges of time as ranges of positions |
//! | [`direction`] | walking up or down |
//! | [`lookup`] | reads by key |
//! | [`rows`] | rows to events |
//! | [`control`] | `ControlStore` |
//! | [`audit`] | `AuditStore` |
//! | [`trust`] | `TrustStore` |
//! | [`sessions`] | `SessionStore`: who has signed in |
//! | [`schemas`] | `SchemaStore` |
//! | [`sql`], [`sql_connections`], [`sql_values`] | `SqlReader`: statements of others, fenced |
//! | [`failure`] | SQLite's errors as decisions |

mod apply;
mod audit;
mod burial;
pub(crate) mod candidates;
pub(crate) mod connection;
mod control;
mod dead_letters;
mod direction;
mod events;
mod explore;
pub(crate) mod failure;
pub(crate) mod filter;
mod history;
mod insert;
mod jobs;
pub(crate) mod labels;
mod lookup;
pub(crate) mod migrations;
pub(crate) mod page;
mod readers;
mod replay;
pub(crate) mod retention;
pub(crate) mod rows;
mod schemas;
pub(crate) mod session;
mod sessions;
mod sql;
mod sql_connections;
mod sql_values;
pub(crate) mod store;
mod trust;
mod verdicts;
pub(crate) mod walk;
pub(crate) mod windows;
mod writer;

pub use store::{SqliteOptions, SqliteStore};

//! The SQLite driver: `eyas.db` (events, dead letters, lease), `tables.db` (the user's tables, batches, their lease) and
//! `control.db`, beside each other.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `SqliteStore`: open, close |
//! | [`writer`] | the one thread that writes |
//! | [`readers`] | the read-only connections |
//! | [`connection`] | opening one connection with its settings |
//! | [`migrations`] | bringing a file to the schema that this program knows |
//! | [`events`] | `EventStore`: which call runs where |
//! | [`lease`] | the lease row of a lane |
//! | [`apply`] | the transaction of the events lane |
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
//! | [`lookup`] | reads by key |
//! | [`rows`] | rows to events |
//! | [`control`] | `ControlStore` |
//! | [`audit`] | `AuditStore` |
//! | [`trust`] | `TrustStore` |
//! | [`sessions`] | `SessionStore`: who has signed in |
//! | [`schemas`] | `SchemaStore` |
//! | [`tables`] | `TableStore`: what the columns of a table take |
//! | [`declared`] | the declared type of a column as what it takes |
//! | [`user_migrations`] | the user's own SQL, each file once |
//! | [`batches`] | `BatchStore`: which call runs where |
//! | [`batch_rows`] | batches that are over, as rows |
//! | [`feed`] | the rows of a batch on the writer's thread |
//! | [`load`] | the transaction of the batches lane |
//! | [`blame`] | which row the database refuses, and its words |
//! | [`sql`], [`sql_connections`], [`sql_functions`], [`sql_plan`], [`sql_values`] | `SqlReader`: statements of others, fenced |
//! | [`failure`] | SQLite's errors as decisions |

mod apply;
mod audit;
mod batch_rows;
mod batches;
mod blame;
mod burial;
pub(crate) mod candidates;
pub(crate) mod connection;
mod control;
mod dead_letters;
pub(crate) mod declared;
mod events;
mod explore;
pub(crate) mod failure;
mod feed;
pub(crate) mod filter;
mod history;
mod insert;
mod jobs;
pub(crate) mod labels;
mod lease;
mod load;
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
pub(crate) mod sql_connections;
mod sql_functions;
mod sql_plan;
mod sql_values;
pub(crate) mod store;
mod tables;
mod trust;
mod user_migrations;
mod verdicts;
pub(crate) mod walk;
pub(crate) mod windows;
mod writer;

pub use sql::SqliteSql;
pub use store::{SqliteOptions, SqliteStore};

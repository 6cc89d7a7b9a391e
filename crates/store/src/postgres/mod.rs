//! The driver for a PostgreSQL server, mirrored file for file with `sqlite/`.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `PostgresStore`: opens it |
//! | [`address`], [`tls`], [`pool`] | how the server is reached, and by how many connections |
//! | [`failure`] | its errors as decisions |
//! | [`sql`], [`sql_connections`], [`sql_plan`], [`sql_values`], [`sql_times`] | `SqlReader`: statements of others, fenced |
//! | [`migrations`] | the schema `eyas`, step by step |
//! | [`gate`] | whether the server is asked at all, and how it stands |
//! | [`events`] | `EventStore`: which call runs where |
//! | [`call`] | a call within a bound of its own: a question, a transaction |
//! | [`asking`] | look-ups whose caller may not wait for the answer |
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
//! | [`tables`] | `TableStore`: what the columns of a table take |
//! | [`user_migrations`] | the user's own SQL, each file once |
//! | [`user_schema`] | where the user's tables stand |
//! | [`batches`] | `BatchStore`: which room answers which call |
//! | [`batch_rows`] | batches that are over, as rows |
//! | [`copy_text`] | rows as the text format of COPY |
//! | [`blame`] | which row the database refuses, and its words |
//! | [`explore`] | `ExploreStore`: walks that count |
//! | [`retention`] | `RetentionStore`: deleting by age |
//! | [`dead_letters`] | `DeadLetterStore`: reads, discard and restore |
//! | [`replay`] | dead letters become rows |
//! | [`verdicts`] | `VerdictStore` |
//! | [`nul`] | U+0000, which no text can hold |
//! | [`control`] | `ControlStore` |
//! | [`audit`] | `AuditStore` |
//! | [`trust`] | `TrustStore` |
//! | [`sessions`] | `SessionStore`: who has signed in |
//! | [`schemas`] | `SchemaStore` |
//! | [`jobs`] | `JobStore` |

pub(crate) mod address;
mod apply;
mod asking;
mod audit;
mod batch_rows;
mod batches;
mod blame;
pub(crate) mod burial;
mod call;
pub(crate) mod candidates;
mod chunk;
mod control;
pub(crate) mod copy_text;
mod dead_letters;
pub(crate) mod escapes;
mod events;
mod explore;
mod failure;
pub(crate) mod filter;
pub(crate) mod gate;
mod history;
mod insert;
mod jobs;
pub(crate) mod labels;
mod lease;
mod load;
pub(crate) mod lookup;
mod migrations;
mod nul;
pub(crate) mod page;
mod pool;
mod replay;
pub(crate) mod retention;
pub(crate) mod rows;
mod schemas;
pub(crate) mod session;
mod sessions;
pub(crate) mod sql;
mod sql_connections;
mod sql_plan;
mod sql_times;
pub(crate) mod sql_values;
pub(crate) mod store;
pub(crate) mod tables;
mod tls;
mod trust;
mod turn;
mod user_migrations;
mod user_schema;
mod verdicts;
pub(crate) mod walk;
mod windows;

pub use sql::PostgresSql;
pub use store::{PostgresOptions, PostgresStore};

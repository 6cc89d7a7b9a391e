//! The driver for a PostgreSQL server, mirrored file for file with `sqlite/`.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `PostgresStore`: opens it |
//! | [`address`], [`tls`], [`pool`] | how the server is reached, and by how many connections |
//! | [`failure`] | its errors as decisions |
//! | [`migrations`] | the schema `eyas`, step by step |
//! | [`tables`] | `TableStore`: what the columns of a table take |
//! | [`user_migrations`] | the user's own SQL, each file once |
//! | [`user_schema`] | where the user's tables stand |
//! | [`batches`] | `BatchStore`: which room answers which call |
//! | [`batch_rows`] | batches that are over, as rows |
//! | [`lane`] | the lease row of the batches lane |
//! | [`load`] | the transaction of the batches lane |
//! | [`copy_text`] | rows as the text format of COPY |
//! | [`blame`] | which row the database refuses, and its words |
//! | [`select`] | one question, in a transaction of its own |
//! | [`nul`] | U+0000, which no text can hold |
//! | [`control`] | `ControlStore` |
//! | [`audit`] | `AuditStore` |
//! | [`trust`] | `TrustStore` |
//! | [`sessions`] | `SessionStore`: who has signed in |
//! | [`schemas`] | `SchemaStore` |
//! | [`jobs`] | `JobStore` |

pub(crate) mod address;
mod audit;
mod batch_rows;
mod batches;
mod blame;
mod control;
pub(crate) mod copy_text;
mod failure;
mod jobs;
mod lane;
mod load;
mod migrations;
mod nul;
mod pool;
mod schemas;
mod select;
mod sessions;
pub(crate) mod store;
pub(crate) mod tables;
mod tls;
mod trust;
mod user_migrations;
mod user_schema;

pub use store::{PostgresOptions, PostgresStore};

//! The driver for a PostgreSQL server, mirrored file for file with `sqlite/`.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `PostgresStore`: opens it |
//! | [`address`], [`tls`], [`pool`] | how the server is reached, and by how many connections |
//! | [`failure`] | its errors as decisions |
//! | [`sql`], [`sql_connections`], [`sql_values`], [`sql_times`] | `SqlReader`: statements of others, fenced |
//! | [`migrations`] | the schema `eyas`, step by step |

pub(crate) mod address;
mod failure;
mod migrations;
mod pool;
mod sql;
mod sql_connections;
mod sql_times;
pub(crate) mod sql_values;
mod store;
mod tls;

pub use sql::PostgresSql;
pub use store::{PostgresOptions, PostgresStore};

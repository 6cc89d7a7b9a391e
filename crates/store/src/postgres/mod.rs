//! The driver for a PostgreSQL server, mirrored file for file with `sqlite/`.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `PostgresStore`: opens it |
//! | [`address`], [`tls`], [`pool`] | how the server is reached, and by how many connections |
//! | [`failure`] | its errors as decisions |
//! | [`migrations`] | the schema `eyas`, step by step |

pub(crate) mod address;
mod failure;
mod migrations;
mod pool;
mod store;
mod tls;

pub use store::{PostgresOptions, PostgresStore};

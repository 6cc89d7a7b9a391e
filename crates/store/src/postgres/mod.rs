//! The driver for a PostgreSQL server, mirrored file for file with `sqlite/`.
//!
//! | room | what |
//! |---|---|
//! | [`store`] | `PostgresStore`: opens it |
//! | [`address`], [`tls`], [`pool`] | how the server is reached, and by how many connections |
//! | [`failure`] | its errors as decisions |
//! | [`migrations`] | the schema `eyas`, step by step |
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
mod control;
mod failure;
mod jobs;
mod migrations;
mod nul;
mod pool;
mod schemas;
mod select;
mod sessions;
mod store;
mod tls;
mod trust;

pub use store::{PostgresOptions, PostgresStore};

//! Floor 0, for tests only: real servers, started by the tests themselves on free ports and in temporary folders.
//!
//! ```text
//! installation   where PostgreSQL's programs are, as whom they run; what to do where they are missing
//! postgres       a cluster of its own: killed, stopped, started again, set back to an earlier state
//! pooler         pgbouncer in front of a cluster
//! server         a server that takes connections: databases of its own for each test, SQL by psql
//! tls            a certificate for such a server, and who made it
//! ports          ports that stay free over a restart
//! warden         ends a server whose test process died
//! ```
//!
//! Only ever a dev-dependency, or a dependency of `xtask`. Invariant: no server outlives the process that started it, and
//! a missing program fails with the command that installs it; nothing is skipped.

mod installation;
mod pooler;
mod ports;
mod postgres;
mod server;
pub mod tls;
mod warden;

#[cfg(test)]
mod tests;

pub use installation::Installation;
pub use pooler::Pooler;
pub use postgres::{Postgres, Snapshot};
pub use server::{Database, Server, Session};

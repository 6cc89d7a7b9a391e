//! The commands of administration: applications and tokens, sign-in, schemas, replays, jobs, the audit trail.
//!
//! All are thin clients of the HTTP API. [`access`] finds the way to it: a server elsewhere, the one that runs on the data
//! directory, or none, and then the directory itself.

pub(crate) mod access;
pub(crate) mod applications;
pub(crate) mod audit;
pub(crate) mod command;
pub(crate) mod jobs;
pub(crate) mod login;
pub(crate) mod replay;
pub(crate) mod schemas;
pub(crate) mod table;
pub(crate) mod tokens;

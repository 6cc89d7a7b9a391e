//! `eyas doctor`: what would keep a server from running well, each with its fix.

pub(crate) mod admin;
pub(crate) mod command;
pub(crate) mod database;
pub(crate) mod finding;
pub(crate) mod folder;
pub(crate) mod fsync;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod server;

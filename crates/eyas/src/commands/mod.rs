//! The commands, one room each.

pub(crate) mod admin;
pub(crate) mod backoff;
pub(crate) mod csv_text;
pub(crate) mod delivery;
pub(crate) mod doctor;
pub(crate) mod import;
pub(crate) mod lines;
pub(crate) mod live_message;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod progress;
pub(crate) mod published;
pub(crate) mod queries;
pub(crate) mod query;
pub(crate) mod receipt;
pub(crate) mod restart;
pub(crate) mod send;
pub(crate) mod sending;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod sse;
pub(crate) mod tail;

//! `eyas import`: a file, or the tables of a dump, into tables of the server.
//!
//! [`command`] decides what is imported, [`attempt`] brings one part to its end, [`upload`] sends its bytes,
//! [`server`] asks and waits, [`source`] reads, [`dump`] finds the tables of a `pg_dump` file in its [`statements`], read
//! by their [`words`], [`choice`] says which of them are imported, [`copy_text`] turns their rows into NDJSON,
//! [`order`] puts tables behind those that they refer to, [`format`] knows names of files, [`dry_run`] only asks, [`bar`] and [`report`] are for people and programs.

pub(crate) mod attempt;
pub(crate) mod bar;
pub(crate) mod choice;
pub(crate) mod command;
pub(crate) mod copy_text;
pub(crate) mod dry_run;
pub(crate) mod dump;
pub(crate) mod format;
pub(crate) mod order;
pub(crate) mod report;
pub(crate) mod server;
pub(crate) mod source;
pub(crate) mod statements;
pub(crate) mod upload;
pub(crate) mod words;

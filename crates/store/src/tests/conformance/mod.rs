//! The suite that every driver of the store passes: plain functions over `&dyn EventStore`, each
//! given a fresh, empty store.
//!
//! A driver's test file says `every_promise!(fresh)`, where `fresh` is an async function that answers
//! with something that derefs to the store and something to keep until the end, and then calls the
//! few promises that need its help: those of [`refusal`] and [`reopen`].

pub(crate) mod audit;
pub(crate) mod batch_sample;
pub(crate) mod batch_suite;
pub(crate) mod batches;
pub(crate) mod control;
pub(crate) mod dead_letters;
pub(crate) mod explore;
pub(crate) mod ids;
pub(crate) mod jobs;
pub(crate) mod lane;
pub(crate) mod lease;
pub(crate) mod pages;
pub(crate) mod reading;
pub(crate) mod refusal;
pub(crate) mod reopen;
pub(crate) mod retention;
pub(crate) mod sample;
pub(crate) mod schemas;
pub(crate) mod sessions;
pub(crate) mod sign_ins;
pub(crate) mod sql;
pub(crate) mod suite;
pub(crate) mod tables;
pub(crate) mod trust;
pub(crate) mod verdicts;

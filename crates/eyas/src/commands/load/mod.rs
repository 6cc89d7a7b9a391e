//! `eyas load`: an open-loop load test that ends with a proof.

pub(crate) mod command;
pub(crate) mod event;
pub(crate) mod ledger;
pub(crate) mod pace;
pub(crate) mod proof;
pub(crate) mod report;
pub(crate) mod sender;
pub(crate) mod tally;

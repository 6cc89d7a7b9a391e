//! `cargo xtask bench`: Eyas against the bare limits of this machine, in turn and in the same run.
//!
//! | room | what |
//! |---|---|
//! | [`run`] | builds `eyas`, runs what was asked for, prints and writes the tables |
//! | [`b1`] [`b2`] [`b5`] | one measurement each: a Markdown table |
//! | [`server`] | a server as a child process: started, asked, killed |
//! | [`bare`] | the bare limit: hyper and nothing else |
//! | [`wrk`] | the closed-loop load generator |
//! | [`load`] | the paced load generator, on connections of its own |
//! | [`stats`] | medians and percentiles |
//! | [`report`] | where tables go |

pub(crate) mod b1;
pub(crate) mod b2;
pub(crate) mod b5;
pub(crate) mod bare;
pub(crate) mod load;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod stats;
pub(crate) mod wrk;

//! `cargo xtask bench`: Eyas against the bare limits of this machine, in turn and in the same run.
//!
//! | room | what |
//! |---|---|
//! | [`run`] | builds `eyas`, runs what was asked for, prints and writes the tables |
//! | [`b1`] [`b2`] [`b3`] [`b4`] [`b5`] [`b6`] [`b7`] [`b8`] [`b9`] [`b10`] [`b11`] [`b12`] [`b13`] | one measurement each: a Markdown table |
//! | [`server`] | a server as a child process: started, asked, killed |
//! | [`bare`] [`broadcast`] | bare limits: hyper and nothing else, tungstenite and nothing else |
//! | [`wrk`] | the closed-loop load generator |
//! | [`load`] | the paced load generator |
//! | [`push`] | paced events, and when each subscriber read them |
//! | [`connection`] [`subscriber`] | a keep-alive connection; a WebSocket that costs next to nothing |
//! | [`sample`] | the events that are sent |
//! | [`filled`] | a data directory with millions of events |
//! | [`rates`] | the rates service with as many prices as a bench wants |
//! | [`stats`] | medians and percentiles |
//! | [`report`] | where tables go |

pub(crate) mod b1;
pub(crate) mod b10;
pub(crate) mod b11;
pub(crate) mod b12;
pub(crate) mod b13;
pub(crate) mod b2;
pub(crate) mod b3;
pub(crate) mod b4;
pub(crate) mod b5;
pub(crate) mod b6;
pub(crate) mod b7;
pub(crate) mod b8;
pub(crate) mod b9;
pub(crate) mod bare;
pub(crate) mod broadcast;
pub(crate) mod connection;
pub(crate) mod filled;
pub(crate) mod load;
pub(crate) mod push;
pub(crate) mod rates;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sample;
pub(crate) mod server;
pub(crate) mod stats;
pub(crate) mod subscriber;
pub(crate) mod wrk;

//! Tests of the rooms, one file each. `app` is a whole gateway on a real socket, for the promises that need one.

mod addresses;
mod app;
mod assets;
mod corpus;
mod edge;
mod envelope;
mod exposition;
mod frames;
mod history;
mod hosts;
mod inbound;
mod live;
mod media;
mod openapi;
mod outbox;
mod patience;
mod problem;
mod query;
mod returns;
mod server;
mod slow_readers;
mod verdict;
mod watch;
mod wire;

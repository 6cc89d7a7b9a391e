//! Tests of the rooms, one file each. `app` is a whole gateway on a real socket, for the promises that need one.

mod addresses;
mod app;
mod assets;
mod edge;
mod envelope;
mod history;
mod hosts;
mod live;
mod media;
mod openapi;
mod patience;
mod problem;
mod query;
mod server;
mod verdict;
mod watch;
mod wire;

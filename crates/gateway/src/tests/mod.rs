//! Tests of the rooms, one file each. `app` is a whole gateway on a real socket, for the promises that need one.

mod app;
mod assets;
mod edge;
mod envelope;
mod frames;
mod hosts;
mod inbound;
mod live;
mod media;
mod openapi;
mod outbox;
mod problem;
mod query;
mod returns;
mod server;
mod slow_readers;
mod watch;
mod wire;

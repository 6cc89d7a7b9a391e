//! The handlers, one room for each thing that a client can ask for.

pub(crate) mod ask;
pub(crate) mod audit;
pub(crate) mod console;
pub(crate) mod endless;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod explore;
pub(crate) mod export;
pub(crate) mod feed;
pub(crate) mod frames;
pub(crate) mod handshake;
pub(crate) mod history;
pub(crate) mod idempotency;
pub(crate) mod inbound;
pub(crate) mod ingest;
pub(crate) mod list;
pub(crate) mod live;
pub(crate) mod message;
pub(crate) mod metrics;
pub(crate) mod outbox;
pub(crate) mod receipt;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod ticks;
pub(crate) mod wait;
pub(crate) mod websocket;

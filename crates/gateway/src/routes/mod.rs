//! The handlers, one room for each thing that a client can ask for.

pub(crate) mod ask;
pub(crate) mod console;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod ingest;
pub(crate) mod live;
pub(crate) mod message;
pub(crate) mod sessions;
pub(crate) mod sse;
pub(crate) mod status;
pub(crate) mod ticks;
pub(crate) mod websocket;

//! What this crate promises, against the real memory queue and a real SQLite store.

mod crowd;
mod model;
mod retention;
mod ring;
mod settle;
mod status;
mod subscription;
mod tail;
mod world;

//! Ports that a server can have again after a restart.
//!
//! They lie outside the range from which the system takes the ports of outgoing connections: a client that knocks while
//! the server is down could otherwise be given that very port.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;

const FIRST: u64 = 20_000;
const N_PORTS: u64 = 12_000;

/// A port of 127.0.0.1 that is free now. Another process may take it first: whoever starts a server tries again.
pub(crate) fn free() -> u16 {
    let mut ports = (0_u32..1_000).map(|turn| {
        // Two processes that ask at once must not be given the same ones.
        (FIRST + RandomState::new().hash_one((std::process::id(), turn)) % N_PORTS) as u16
    });
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("one port of a thousand is free")
}

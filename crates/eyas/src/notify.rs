//! Words to the service manager (`sd_notify`): one datagram each, if the environment names a socket.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::debug;

/// We take requests.
pub(crate) fn ready() {
    tell("READY=1\nSTATUS=serving");
}

/// What we are doing, for people: `systemctl status` shows it.
pub(crate) fn status(words: &str) {
    tell(&format!("STATUS={words}"));
}

/// The start goes on for so long at least: its time-out does not count meanwhile.
pub(crate) fn extend_start(time: Duration) {
    tell(&format!("EXTEND_TIMEOUT_USEC={}", time.as_micros()));
}

/// We are about to become the next program, in the same process.
pub(crate) fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let now_us = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
}

/// We end.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

/// A manager that does not listen is no reason to do anything else.
fn tell(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path)),
    };
    let sent = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        debug!(%error, "the service manager cannot be told");
    }
}

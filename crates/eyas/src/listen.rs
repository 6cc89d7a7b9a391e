//! The listening socket: our own, or one that somebody opened before us (systemd, or we ourselves before a
//! hand-over), by the protocol of `sd_listen_fds`.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::AsRawFd as _;
use std::process::Command;

use anyhow::Context as _;
use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_setfd};
use tokio::net::{TcpListener, TcpSocket};
use tracing::warn;

use crate::exit::CommandError;

/// Most connections that wait to be accepted; the system may allow less (`net.core.somaxconn`). Large, because
/// whoever connects during a hand-over waits here.
const BACKLOG: u32 = 4096;

/// The socket that the environment hands us, if any. Changes the environment: call it before any thread starts.
pub(crate) fn inherited() -> anyhow::Result<Option<StdListener>> {
    let mut sockets = ListenFd::from_env();
    if sockets.len() > 1 {
        anyhow::bail!("{} listening sockets were handed over; one is enough", sockets.len());
    }
    sockets.take_tcp_listener(0).context("LISTEN_FDS names no TCP socket that listens")
}

/// The socket to serve on: the inherited one, else a new one on `address`.
pub(crate) fn open(
    address: SocketAddr,
    inherited: Option<StdListener>,
) -> Result<TcpListener, CommandError> {
    let Some(listener) = inherited else {
        return Ok(bind(address).with_context(|| {
            format!(
                "cannot listen on {address}; is another program using it? choose one with --listen"
            )
        })?);
    };
    let has = listener.local_addr().context("no local address")?;
    if address.port() != 0 && has != address {
        warn!(listens_on = %has, listen = %address, "the socket was handed over; `listen` has no say");
    }
    listener.set_nonblocking(true).context("the socket that was handed over")?;
    Ok(TcpListener::from_std(listener).context("the socket that was handed over")?)
}

/// Lets the program that `command` becomes have `listener`. Only for `exec`: the process stays the same.
pub(crate) fn pass_on(listener: &TcpListener, command: &mut Command) -> std::io::Result<()> {
    fcntl_setfd(listener, FdFlags::empty())?;
    command
        .env("LISTEN_PID", std::process::id().to_string())
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDS_FIRST_FD", listener.as_raw_fd().to_string());
    Ok(())
}

/// Takes back what [`pass_on`] has done, when there was no exec: no other child may have the socket.
pub(crate) fn keep(listener: &TcpListener) -> std::io::Result<()> {
    Ok(fcntl_setfd(listener, FdFlags::CLOEXEC)?)
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // The port may be that of connections of an earlier life that are not quite over.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

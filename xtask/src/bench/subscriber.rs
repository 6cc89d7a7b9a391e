//! A WebSocket subscriber that costs next to nothing: it counts frames and looks into their bytes, and no more.
//!
//! The benches measure the server, so the client must not be what is slow. Only what a server of ours sends is
//! understood: unmasked whole frames.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Frames of text.
const TEXT: u8 = 0x81;
/// A sign of life is asked for.
const PING: u8 = 0x89;
/// An empty answer to it, masked as clients must, with a mask of zeros.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
/// Longest frame that a live stream sends here.
const FRAME_BYTES_MAX: usize = 4 << 20;
/// What one read asks for.
const READ_BYTES: usize = 16 * 1024;

/// One open subscription.
pub(crate) struct Subscriber {
    stream: TcpStream,
    unread: BytesMut,
}

impl Subscriber {
    /// Subscribes at `path`. `receive_bytes` bounds the kernel's receive buffer where it is given.
    ///
    /// # Errors
    /// When the handshake fails.
    pub(crate) async fn open(
        address: SocketAddr,
        path: &str,
        receive_bytes: Option<u32>,
    ) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(receive_bytes) = receive_bytes {
            socket.set_recv_buffer_size(receive_bytes)?;
        }
        let mut stream = socket.connect(address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut unread = BytesMut::new();
        let end = loop {
            if let Some(at) = memchr::memmem::find(&unread, b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(stream.read_buf(&mut unread).await? > 0, "the server closed the handshake");
        };
        let head = String::from_utf8_lossy(&unread[..end]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 101"), "no WebSocket: {head}");
        unread.advance(end);
        Ok(Self { stream, unread })
    }

    /// Calls `seen` with the text of each message that is there, once there is at least one frame.
    ///
    /// # Errors
    /// When the connection ends.
    pub(crate) async fn read(&mut self, mut seen: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let mut n_frames = 0;
        loop {
            while let Some((first, start, end)) = frame(&self.unread)? {
                match first {
                    TEXT => seen(&self.unread[start..end]),
                    // Without a sign of life the server hangs up.
                    PING => self.stream.write_all(&PONG).await?,
                    _ => {}
                }
                self.unread.advance(end);
                n_frames += 1;
            }
            if n_frames > 0 {
                return Ok(());
            }
            self.unread.reserve(READ_BYTES);
            let n_read = self.stream.read_buf(&mut self.unread).await?;
            ensure!(n_read > 0, "the server closed a subscription");
        }
    }
}

/// First byte, start and end of the first whole frame.
fn frame(bytes: &[u8]) -> anyhow::Result<Option<(u8, usize, usize)>> {
    let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    let (start, size_bytes): (usize, usize) = match second {
        126 => match bytes.get(2..4) {
            Some(size) => (4, usize::from(u16::from_be_bytes(size.try_into()?))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(size) => (10, usize::try_from(u64::from_be_bytes(size.try_into()?))?),
            None => return Ok(None),
        },
        size => (2, usize::from(size)),
    };
    ensure!(size_bytes <= FRAME_BYTES_MAX, "a frame of {size_bytes} bytes");
    let end = start.checked_add(size_bytes).context("a frame without end")?;
    Ok((bytes.len() >= end).then_some((first, start, end)))
}

/// Lets this process and its children open so many files.
///
/// # Errors
/// When the hard limit is lower.
pub(crate) fn allow_files(n_files: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= n_files) {
        return Ok(());
    }
    let wanted = Rlimit { current: Some(n_files), maximum: limit.maximum };
    setrlimit(Resource::Nofile, wanted)
        .with_context(|| format!("cannot open {n_files} files: run `ulimit -Hn {n_files}` as root"))
}

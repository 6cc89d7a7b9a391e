//! A client that may send what no client library would.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One connection, byte by byte.
pub(crate) struct Raw {
    stream: TcpStream,
    /// What came and was not taken yet.
    buffer: Vec<u8>,
}

/// One answer as it came.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    /// Status code.
    pub(crate) status: u16,
    /// Body.
    pub(crate) body: String,
}

impl Raw {
    /// Connects.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("the server listens");
        Self { stream, buffer: Vec::new() }
    }

    /// Connects, where somebody listens.
    pub(crate) async fn try_connect(addr: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(addr).await.ok()?;
        Some(Self { stream, buffer: Vec::new() })
    }

    /// Sends bytes. A server that hung up already is no failure: the answer says why.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The next answer with a `Content-Length`, or `None` when the connection ends before it.
    pub(crate) async fn answer(&mut self, within: Duration) -> Option<RawAnswer> {
        timeout(within, self.read_answer())
            .await
            .unwrap_or_else(|_| panic!("silence for {within:?}"))
    }

    /// Whether the server closes the connection; what it still says is dropped.
    pub(crate) async fn is_closed(&mut self, within: Duration) -> bool {
        let mut sink = [0; 4096];
        let closed = async { while let Ok(1..) = self.stream.read(&mut sink).await {} };
        timeout(within, closed).await.is_ok()
    }

    async fn read_answer(&mut self) -> Option<RawAnswer> {
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        let length = length.map_or(0, |length| length.expect("a length"));
        while self.buffer.len() < head_end + length {
            self.read_more().await?;
        }
        let body = String::from_utf8_lossy(&self.buffer[head_end..head_end + length]).into_owned();
        self.buffer.drain(..head_end + length);
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Some(RawAnswer { status: status.expect("a status line"), body })
    }

    async fn read_more(&mut self) -> Option<()> {
        let mut chunk = [0; 4096];
        let n = self.stream.read(&mut chunk).await.ok().filter(|&n| n > 0)?;
        self.buffer.extend_from_slice(&chunk[..n]);
        Some(())
    }
}

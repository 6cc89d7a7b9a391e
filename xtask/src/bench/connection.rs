//! One keep-alive connection, one request at a time: as little as possible between a bench and the socket.
//!
//! Answers must have a Content-Length, as all that Eyas gives to a POST have.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Most bytes of the head and body of one answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A connection.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream, request: Vec::new(), answer: Vec::with_capacity(16 * 1024) })
    }

    /// Posts `body` and waits for the whole answer. Returns its status.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP: its outcome is unknown and nothing could be proven.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> anyhow::Result<u16> {
        let size_bytes = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\nContent-Length: {size_bytes}\r\n\r\n",
            self.address,
        );
        self.send(head.as_bytes(), body).await
    }

    /// Asks for `path` and waits for the whole answer. Returns its status.
    ///
    /// # Errors
    /// As `post`.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<u16> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        self.send(head.as_bytes(), &[]).await
    }

    /// Head and body of the last answer.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.answer
    }

    async fn send(&mut self, head: &[u8], body: &[u8]) -> anyhow::Result<u16> {
        self.request.clear();
        self.request.extend_from_slice(head);
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request).await?;
        timeout(ANSWER_MAX, self.read_answer()).await.context("no answer in 30 s")?
    }

    async fn read_answer(&mut self) -> anyhow::Result<u16> {
        self.answer.clear();
        loop {
            if let Some((status, size_bytes)) = head(&self.answer)? {
                ensure!(self.answer.len() <= size_bytes, "the server sent more than it announced");
                if self.answer.len() == size_bytes {
                    return Ok(status);
                }
            }
            ensure!(self.answer.len() < ANSWER_BYTES_MAX, "an answer is over 4 MiB");
            let n_read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(n_read > 0, "the server closed the connection");
        }
    }
}

/// Status and full size of the answer, once its head is there.
pub(crate) fn head(answer: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .with_context(|| format!("not an answer: {text}"))?;
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(Some((status, end + 4 + value.trim().parse::<usize>()?)));
        }
    }
    bail!("an answer without Content-Length: {text}")
}

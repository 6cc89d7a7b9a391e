//! A server as a child process: started on a free loopback port, asked over HTTP, killed when dropped.
//!
//! Invariant: no child and no data directory outlives its value, also when a bench fails or is interrupted.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use memchr::memchr_iter;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(30);
/// How long any answer may take to begin.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long the consumer may take to catch up.
const CATCH_UP_MAX: Duration = Duration::from_mins(5);
/// Pause between two looks at a server that is not there yet.
const POLL: Duration = Duration::from_millis(50);

/// A running server.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
    folder: Option<PathBuf>,
}

/// What `GET /status` says of the consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lag {
    /// Accepted and not yet applied.
    pub(crate) records: u64,
    /// Age of the oldest of them.
    pub(crate) seconds: f64,
}

impl Server {
    /// Starts this program as the bare limit.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn bare() -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare-hyper", "--port", &address.port().to_string()]);
        let mut server = Self::spawn(command, address, None)?;
        server.wait("/").await?;
        Ok(server)
    }

    /// Starts this program as the bare broadcast to so many subscribers.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn broadcast(
        n_subscribers: usize,
        n_messages: u64,
        size_bytes: usize,
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("bare-broadcast")
            .args(["--port", &address.port().to_string()])
            .args(["--subscribers", &n_subscribers.to_string()])
            .args(["--messages", &n_messages.to_string()])
            .args(["--size-bytes", &size_bytes.to_string()]);
        let server = Self::spawn(command, address, None)?;
        let deadline = Instant::now() + START_MAX;
        // What only connects and hangs up is no subscriber.
        while TcpStream::connect(address).await.is_err() {
            ensure!(Instant::now() < deadline, "the broadcast does not come up");
            sleep(POLL).await;
        }
        Ok(server)
    }

    /// Starts `eyas serve` in an empty data directory below `folder`, which goes with the server.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) async fn eyas(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let data = folder.join(format!("eyas-{}", free_address()?.port()));
        let mut server = Self::eyas_in(binary, &data).await?;
        server.folder = Some(data);
        Ok(server)
    }

    /// Starts `eyas serve` in a data directory that stays.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) async fn eyas_in(binary: &Path, data: &Path) -> anyhow::Result<Self> {
        let mut server = Self::starting(binary, data)?;
        server.wait("/readyz").await?;
        Ok(server)
    }

    /// Starts `eyas serve` in a data directory that stays, with a configuration file and some more settings.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) async fn eyas_with(
        binary: &Path,
        data: &Path,
        config: &Path,
        settings: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        std::fs::create_dir_all(data)?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(config).arg("serve").envs(settings.iter().cloned());
        command.env("EYAS_LISTEN", address.to_string()).env("EYAS_DATA_DIR", data);
        let mut server = Self::spawn(command, address, None)?;
        server.wait("/readyz").await?;
        Ok(server)
    }

    /// Starts `eyas serve` in a data directory that stays, and does not wait.
    ///
    /// # Errors
    /// When the program does not start.
    pub(crate) fn starting(binary: &Path, data: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        std::fs::create_dir_all(data)?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .env("EYAS_LISTEN", address.to_string())
            .env("EYAS_DATA_DIR", data)
            .current_dir(data);
        Self::spawn(command, address, None)
    }

    fn spawn(
        mut command: Command,
        address: SocketAddr,
        folder: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { address, child, folder })
    }

    /// Waits until the server answers with success on `path`.
    async fn wait(&mut self, path: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_MAX;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it was ready: {status}");
            }
            match self.get(path, "*/*").await {
                Ok(response) if response.status().is_success() => return Ok(()),
                _ if Instant::now() > deadline => bail!("the server is not ready in 30 s"),
                _ => sleep(POLL).await,
            }
        }
    }

    /// Asks on a connection of its own. The body is still to be read.
    ///
    /// # Errors
    /// When the connection breaks or the answer does not begin in time.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> anyhow::Result<Response<Incoming>> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The connection ends with the sender and the body; what went wrong on it shows there.
        tokio::spawn(async move { drop(connection.await) });
        let request = Request::get(path)
            .header(HOST, self.address.to_string())
            .header(ACCEPT, accept)
            .body(Empty::<Bytes>::new())?;
        Ok(timeout(ANSWER_MAX, sender.send_request(request)).await??)
    }

    /// `GET /status`.
    ///
    /// # Errors
    /// When the answer is not 200 or not JSON.
    pub(crate) async fn status(&self) -> anyhow::Result<Value> {
        let response = self.get("/status", "application/json").await?;
        ensure!(response.status() == StatusCode::OK, "GET /status: {}", response.status());
        Ok(serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?)
    }

    /// How far the consumer is behind.
    ///
    /// # Errors
    /// As `status`, or when the numbers are not there.
    pub(crate) async fn lag(&self) -> anyhow::Result<Lag> {
        let status = self.status().await?;
        let records = status["lag"]["records"].as_u64();
        let seconds = status["lag"]["seconds"].as_f64();
        let (Some(records), Some(seconds)) = (records, seconds) else {
            bail!("GET /status has no lag.records or lag.seconds: {status}");
        };
        Ok(Lag { records, seconds })
    }

    /// Waits until everything accepted is applied. Returns how long that took.
    ///
    /// # Errors
    /// When it takes more than 5 minutes.
    pub(crate) async fn catch_up(&self) -> anyhow::Result<Duration> {
        let start = Instant::now();
        loop {
            let lag = self.lag().await?;
            if lag.records == 0 {
                return Ok(start.elapsed());
            }
            ensure!(start.elapsed() < CATCH_UP_MAX, "the consumer is still behind: {lag:?}");
            sleep(POLL).await;
        }
    }

    /// Counts the lines of the NDJSON export of everything: what a reader really gets.
    ///
    /// # Errors
    /// When the export is refused or breaks off.
    pub(crate) async fn count_stored(&self) -> anyhow::Result<u64> {
        let response = self.get("/events", "application/x-ndjson").await?;
        ensure!(response.status() == StatusCode::OK, "GET /events: {}", response.status());
        let mut body = response.into_body();
        let mut n_lines = 0;
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame?.data_ref() {
                n_lines += memchr_iter(b'\n', data).count() as u64;
            }
        }
        Ok(n_lines)
    }

    /// A line of `/proc/PID/status` in KiB: `VmHWM` (the most memory it ever held), `VmRSS` (now).
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn memory_kib(&self, name: &str) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok())
            .with_context(|| format!("no {name}: the server has ended"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after the wait.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

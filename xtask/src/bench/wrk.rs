//! The closed-loop load generator: `wrk`, told what to send by a small script, read back through one line of numbers.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::needs;

/// A single event of about 250 bytes, without an id, as an application sends it.
pub(crate) const ENVELOPE: &str = concat!(
    r#"{"session_id":"e2085be5-9137-4e4e-80b5-f1ffddc25423","category":"page interaction","name":"cta click","#,
    r#""data":{"host":"www.example.com","path":"/pricing/plans","element":"chat bubble","referrer":"search"},"#,
    r#""timestamp":"2026-01-01T09:15:27.243860Z"}"#
);

const RESULT: &str = "EYAS-BENCH";

/// What one burst measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Burst {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Half of the answers came in this time, in microseconds.
    pub(crate) p50_us: f64,
    /// 99 in 100 answers came in this time, in microseconds.
    pub(crate) p99_us: f64,
    /// Answers that were no success, and connections that broke. A burst with any is not valid.
    pub(crate) n_errors: u64,
}

/// A script on disk.
pub(crate) struct Wrk {
    script: PathBuf,
}

impl Wrk {
    /// Makes sure that `wrk` is there and writes the script below `folder`.
    ///
    /// # Errors
    /// When `wrk` is missing and cannot be installed.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        Self::running(folder.join("post.lua"), &post())
    }

    /// The same for GETs of these paths, in turn.
    ///
    /// # Errors
    /// As `new`.
    pub(crate) fn asking(folder: &Path, paths: &[String]) -> anyhow::Result<Self> {
        Self::running(folder.join("get.lua"), &get(paths))
    }

    fn running(script: PathBuf, requests: &str) -> anyhow::Result<Self> {
        if needs::find("wrk").is_none() {
            needs::install(&["wrk"])?;
        }
        std::fs::write(&script, requests.to_owned() + &done())?;
        Ok(Self { script })
    }

    /// Sends single events for `seconds` over `n_connections`, as fast as they are answered.
    ///
    /// # Errors
    /// When `wrk` fails or says nothing.
    pub(crate) async fn burst(
        &self,
        address: SocketAddr,
        n_connections: u32,
        seconds: u64,
    ) -> anyhow::Result<Burst> {
        let mut command = Command::new("wrk");
        command
            .args(["--latency", "--timeout", "10s"])
            .arg(format!("-t{}", n_connections.min(2)))
            .arg(format!("-c{n_connections}"))
            .arg(format!("-d{seconds}s"))
            .arg("-s")
            .arg(&self.script)
            .arg(format!("http://{address}/events"))
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "wrk failed: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        parse(&text)
    }
}

/// Reads the line that the script prints.
///
/// # Errors
/// When it is not there or not whole.
pub(crate) fn parse(output: &str) -> anyhow::Result<Burst> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix(RESULT))
        .with_context(|| format!("wrk printed no result: {output}"))?;
    let numbers: Vec<f64> = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context(line.to_owned())?;
    let [n_requests, duration_us, p50_us, p99_us, n_errors] = numbers[..] else {
        anyhow::bail!("wrk printed {} numbers: {line}", numbers.len());
    };
    ensure!(duration_us > 0.0, "wrk measured no time: {line}");
    Ok(Burst { rate: n_requests * 1e6 / duration_us, p50_us, p99_us, n_errors: n_errors as u64 })
}

fn post() -> String {
    let mut script = String::new();
    let _ = writeln!(script, "wrk.method = 'POST'");
    let _ = writeln!(script, "wrk.headers['Content-Type'] = 'application/json'");
    let _ = writeln!(script, "wrk.body = [==[{ENVELOPE}]==]");
    script
}

fn get(paths: &[String]) -> String {
    let mut script = String::from("local at = 0\nlocal paths = {\n");
    for path in paths {
        let _ = writeln!(script, "  '{path}',");
    }
    script.push_str(
        "}\nrequest = function()\n  at = at % #paths + 1\n  return wrk.format('GET', paths[at])\nend\n",
    );
    script
}

fn done() -> String {
    "done = function(summary, latency, requests)\n\
         \x20 local e = summary.errors\n\
         \x20 io.write(string.format('RESULT %.0f %.0f %.0f %.0f %.0f\\n', summary.requests, summary.duration,\n\
         \x20   latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))\n\
         end\n"
        .replace("RESULT", RESULT)
}

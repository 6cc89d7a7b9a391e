//! The hand-over: this process becomes the program that lies on disk now, and keeps its listening socket.
//!
//! Why in place, and not side by side: docs/adr/0007. Invariant: the new program has proven that it starts and
//! likes the configuration before anything is closed for it.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::listen;
use crate::printable::printable_start;

/// How long the new program may take to look at its configuration.
const CHECK_WAIT_MAX: Duration = Duration::from_secs(10);
/// How much of its words is repeated.
const WORDS_CHARS_MAX: usize = 2000;

/// This program and its arguments, as they were when it started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// To be asked at the start: once its file has been replaced, the system has no path for us any more.
    pub(crate) fn current() -> anyhow::Result<Self> {
        let path = std::env::current_exe().context("this program has no path")?;
        Ok(Self { path, arguments: std::env::args_os().skip(1).collect() })
    }

    /// Runs what lies at our path with our arguments and `--check`. `Err` says why it must not take over.
    pub(crate) async fn check(&self) -> Result<(), String> {
        let path = self.path.display();
        let output = tokio::process::Command::new(&self.path)
            .args(&self.arguments)
            .arg("--check")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match timeout(CHECK_WAIT_MAX, output).await {
            Err(_) => Err(format!("{path} has not checked its configuration within 10 s")),
            Ok(Err(error)) => Err(format!("{path} cannot be started: {error}")),
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => {
                let words = String::from_utf8_lossy(&output.stderr);
                let words = printable_start(words.trim(), WORDS_CHARS_MAX);
                Err(format!("{path} --check ended with {}: {words}", output.status))
            }
        }
    }

    /// Becomes what lies at our path, with `listener`. Comes back only with the reason why that failed.
    pub(crate) fn take_over(&self, listener: &TcpListener) -> io::Error {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        if let Err(error) = listen::pass_on(listener, &mut command) {
            return error;
        }
        let error = command.exec();
        listen::keep(listener).err().unwrap_or(error)
    }
}

//! Runs commands to their end, within a deadline.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use tokio::time::timeout;

use crate::app::{DEADLINE, Launch, binary, eventually};
use crate::beside::Beside;

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `eyas …`, with the environment cleared of `EYAS_*`. Where an argument is the data directory of a server of ours, it
/// has that server's database.
pub(crate) fn eyas(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("EYAS_")) {
        command.env_remove(key);
    }
    command.args(arguments).env("NO_COLOR", "1").current_dir(std::env::temp_dir());
    command.envs(Beside::url_for(arguments).map(|url| ("EYAS_STORE_URL", url)));
    command
}

/// Runs `eyas …` to its end.
pub(crate) async fn run_eyas(arguments: &[&str]) -> Said {
    run(eyas(arguments), "").await
}

/// Runs `sh -c`.
pub(crate) async fn run_shell(script: &str) -> Said {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    run(command, "").await
}

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command, stdin: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    let mut pipe = child.stdin.take().expect("stdin is piped");
    let stdin = stdin.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        // A command that does not read its input closes it, which is its right.
        let writing = std::thread::spawn(move || {
            let _ = pipe.write_all(stdin.as_bytes());
        });
        let output = child.wait_with_output().expect("the command's output");
        writing.join().expect("writing does not panic");
        output
    });
    let output = timeout(DEADLINE, running).await.expect("the command ends").unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

impl Launch {
    /// Starts the server without `--json` and hands back what it says until its banner is complete.
    pub(crate) async fn start_for_people(&self) -> (Child, String) {
        let listen = format!("127.0.0.1:{}", self.port());
        let dir = self.dir().to_str().expect("a temporary folder's name is plain");
        let mut command = eyas(&["serve", "--listen", &listen, "--data-dir", dir]);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let said = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = std::sync::Arc::clone(&said);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut chunk) {
                heard.lock().unwrap().extend_from_slice(&chunk[..n]);
            }
        });
        let banner = eventually("a banner", async || {
            let text = String::from_utf8_lossy(&said.lock().unwrap()).into_owned();
            text.contains("Ctrl-C").then_some(text)
        });
        (child, banner.await)
    }
}

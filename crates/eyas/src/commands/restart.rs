//! `eyas restart`: asks the running server to hand over to the program on disk, and waits until that is ready.
//!
//! Invariant: 0 is only said once the successor itself has written that it is ready.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::exit::CommandError;
use crate::lock::{self, Note};

/// How long the check, the end of the requests in flight and the start may take together.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// How often the note of the server is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Restarts the server that holds `data_dir`.
pub(crate) async fn run(data_dir: &Path, json: bool) -> Result<(), CommandError> {
    let none = || {
        let data_dir = data_dir.display();
        CommandError::Unreachable(format!(
            "no server runs on {data_dir}; start it with `eyas serve`, or name its folder with --data-dir"
        ))
    };
    let before = ready(data_dir).await?.ok_or_else(none)?;
    let began = Instant::now();
    let pid = Pid::from_raw(before.pid).context("the lock file names no process")?;
    kill_process(pid, Signal::USR2)
        .with_context(|| format!("the server (process {}) cannot be signalled", before.pid))?;
    while began.elapsed() < WAIT_MAX {
        tokio::time::sleep(LOOK).await;
        match lock::holder(data_dir)? {
            Some(note) if note.ready_at > before.ready_at => return tell(&note, began, json),
            Some(note) if note.n_refused > before.n_refused => {
                return Err(anyhow!("the server goes on as it was: {}", note.refused).into());
            }
            // Ending, or gone for a moment, or starting.
            Some(_) | None => {}
        }
    }
    Err(anyhow!(
        "the server (process {}) has not restarted within 60 s; its log says why",
        before.pid
    )
    .into())
}

/// The note of the server once it is ready; `None` when there is no server.
async fn ready(data_dir: &Path) -> Result<Option<Note>, CommandError> {
    let began = Instant::now();
    loop {
        match lock::holder(data_dir)? {
            None => return Ok(None),
            Some(note) if !note.ready_at.is_empty() => return Ok(Some(note)),
            Some(_) if began.elapsed() > WAIT_MAX => {
                return Err(anyhow!("the server is not ready within 60 s; its log says why").into());
            }
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

fn tell(note: &Note, began: Instant, json: bool) -> Result<(), CommandError> {
    let seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let (url, pid) = (&note.url, note.pid);
    let line = if json {
        json!({ "url": url, "pid": pid, "seconds": seconds }).to_string()
    } else {
        format!("restarted in {seconds:.1} s: process {pid} listens on {url}")
    };
    writeln!(std::io::stdout(), "{line}").context("cannot write to stdout")?;
    Ok(())
}

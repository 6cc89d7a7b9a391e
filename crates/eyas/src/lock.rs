//! One process on one data directory, and what that process says of itself there.
//!
//! The file `lock` is held with flock, so the system lets go of it whatever kills the process. In it stands a
//! [`Note`] for other commands on this machine.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::exit::CommandError;

/// What the holder of a data directory says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Note {
    /// Its process.
    pub(crate) pid: i32,
    /// Under which address clients reach it.
    pub(crate) url: String,
    /// When it became ready, RFC 3339; empty while it starts.
    pub(crate) ready_at: String,
    /// How many hand-overs it was asked for and did not carry out.
    pub(crate) n_refused: u64,
    /// Why not, the last time.
    pub(crate) refused: String,
    /// It is a command, which will be done soon, and no server.
    pub(crate) is_command: bool,
}

/// Far more than a note has: the longest part of it, the words of a program, is bounded where it is made.
const NOTE_BYTES_MAX: usize = 64 << 10;

/// How often a lock that is held is tried, because [`holder`] holds it for a moment too.
const TRIES_MAX: u32 = 5;
/// The same where a command of administration has it: it is done after a second, or two.
const TRIES_BEHIND_COMMAND_MAX: u32 = 1500;
/// Far longer than a look.
const LOOK_OVER: Duration = Duration::from_millis(20);

/// Held as long as this value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the directory, unless another process has it. Waits for a command to be done: it may have come in between the
    /// end of a server and the start of the next.
    pub(crate) async fn take(data_dir: &Path) -> Result<Self, CommandError> {
        let file = open(data_dir, true)?;
        let mut n_tries = 0;
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            n_tries += 1;
            let is_behind_command = n_tries >= TRIES_MAX && read_note(&file).is_command;
            if is_behind_command && n_tries == TRIES_MAX {
                info!("waiting for a command of administration that works on the data directory");
            }
            if n_tries >= if is_behind_command { TRIES_BEHIND_COMMAND_MAX } else { TRIES_MAX } {
                return Err(CommandError::Locked(format!(
                    "another eyas is running on {}; stop it first, or choose another folder with --data-dir",
                    data_dir.display()
                )));
            }
            // It may only be somebody who looks for the holder: that takes no time.
            tokio::time::sleep(LOOK_OVER).await;
        }
        // What stands there is the note of a process that is gone.
        file.set_len(0).context("cannot write the lock file")?;
        Ok(Self { file })
    }

    /// What stands there now.
    pub(crate) fn note(&self) -> Note {
        read_note(&self.file)
    }

    /// Says that the holder is this command.
    pub(crate) fn tell_of_command(&self) -> anyhow::Result<()> {
        let pid = std::process::id() as i32;
        self.tell(&Note { pid, is_command: true, ..Note::default() })
    }

    /// Replaces the note.
    pub(crate) fn tell(&self, note: &Note) -> anyhow::Result<()> {
        let text = serde_json::to_string(note).expect("texts and numbers always have a JSON form");
        self.file.write_all_at(text.as_bytes(), 0).context("cannot write the lock file")?;
        // Whoever reads between the two finds no JSON, and reads again.
        self.file.set_len(text.len() as u64).context("cannot write the lock file")
    }
}

/// What the process that holds `data_dir` says of itself; `None` when nobody holds it. A note that is just being
/// written reads as an empty one.
pub(crate) fn holder(data_dir: &Path) -> anyhow::Result<Option<Note>> {
    let file = match open(data_dir, false) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return Ok(None);
    }
    let text = io::read_to_string(file).context("cannot read the lock file")?;
    Ok(Some(serde_json::from_str(&text).unwrap_or_default()))
}

/// An empty one while it is being written.
fn read_note(file: &File) -> Note {
    let mut text = vec![0; NOTE_BYTES_MAX];
    let n_bytes = file.read_at(&mut text, 0).unwrap_or(0);
    serde_json::from_slice(&text[..n_bytes]).unwrap_or_default()
}

/// Never truncates: the note may be that of another process.
fn open(data_dir: &Path, is_ours: bool) -> anyhow::Result<File> {
    let path = data_dir.join("lock");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(is_ours).create(is_ours).truncate(false);
    options.open(&path).with_context(|| path.display().to_string())
}

fn is_absent(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

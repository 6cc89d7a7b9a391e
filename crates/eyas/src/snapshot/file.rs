//! The file `snapshot` in `data_dir`: one line that vouches for the rest, then the facts as JSON.
//!
//! ```text
//!   eyas-snapshot 1 <SHA-256 of all that follows the line, 64 hex>
//!   {"written_at":…,"database":…,"log":…,"instance":…,"tokens":[…],"schemas":[…],…}
//! ```
//!
//! Invariant: under its name stands a whole file or none, whatever is killed meanwhile. What cannot be vouched for is refused
//! and counts as none: a start without the database would judge by it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use model::{LogId, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::snapshot::facts::Facts;
use crate::snapshot::shape::{Shape, hex};

/// Its name in the data directory.
pub(crate) const NAME: &str = "snapshot";
/// Where it is written before it gets its name.
const NEW: &str = "snapshot.new";
const MAGIC: &str = "eyas-snapshot";
const VERSION: &str = "1";
/// Far more than all applications, tokens and schemas may have.
const BYTES_MAX: u64 = 1 << 30;

/// A snapshot that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) facts: Facts,
    /// The log that stood beside it.
    pub(crate) log: LogId,
    /// When it was written, for people.
    pub(crate) written_at: String,
}

/// Replaces the snapshot in `data_dir`; it is on stable storage when this returns. Blocks on the disk.
pub(crate) fn write(
    data_dir: &Path,
    facts: &Facts,
    database: &str,
    log: LogId,
    now: Timestamp,
) -> io::Result<()> {
    let body = serde_json::to_vec(&Shape::of(facts, database, log.to_string(), now))
        .expect("texts and numbers always have a JSON form");
    let new = data_dir.join(NEW);
    // What a start that was killed has left has perhaps another mode.
    remove(data_dir, NEW)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(format!("{MAGIC} {VERSION} {}\n", hex(&Sha256::digest(&body))).as_bytes())?;
    file.write_all(&body)?;
    // Order matters: the content is safe before the name is, and the name before anybody relies on it.
    file.sync_all()?;
    fs::rename(&new, data_dir.join(NAME))?;
    File::open(data_dir)?.sync_all()
}

/// Takes it away. Blocks on the disk.
pub(crate) fn forget(data_dir: &Path) -> io::Result<()> {
    remove(data_dir, NAME)?;
    File::open(data_dir)?.sync_all()
}

/// Reads the snapshot of `database` in `data_dir`. Blocks on the disk.
///
/// # Errors
/// Why there is none to go by, for people.
pub(crate) fn read(data_dir: &Path, database: &str) -> Result<Kept, String> {
    let path = data_dir.join(NAME);
    let shown = path.display();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!(
                "there is no {shown} to begin from: this data directory has not run on the database yet"
            ));
        }
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    let mut text = Vec::new();
    file.take(BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let damaged = || format!("{shown} is damaged, so nothing in it counts");
    let end = text.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let line = std::str::from_utf8(&text[..end]).map_err(|_| damaged())?;
    let words: Vec<&str> = line.split(' ').collect();
    let [MAGIC, version, sum] = words[..] else { return Err(damaged()) };
    if version != VERSION {
        return Err(format!(
            "{shown} was written by another version of eyas: it has format {version}, this program reads {VERSION}"
        ));
    }
    let body = &text[end + 1..];
    if hex(&Sha256::digest(body)) != sum {
        return Err(damaged());
    }
    let shape: Shape = serde_json::from_slice(body).map_err(|_| damaged())?;
    if shape.database != database {
        return Err(format!("{shown} is of another database: {}", shape.database));
    }
    let log = shape.log.parse().map_err(|_| damaged())?;
    let written_at = shape.written_at.clone();
    let facts = shape.facts().ok_or_else(damaged)?;
    Ok(Kept { facts, log, written_at })
}

fn remove(data_dir: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(data_dir.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

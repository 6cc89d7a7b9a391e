//! The data directory as a folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::exit::CommandError;

/// The data directory, made if it is missing; its real path.
pub(crate) fn open(path: &Path) -> Result<PathBuf, CommandError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let here = std::env::current_dir().context("no current folder")?;
    let path = here.join(path);
    let new = path.ancestors().take_while(|folder| !folder.exists()).count();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.with_context(|| format!("cannot make the data directory {}", path.display()))?;
    // A power cut must not take the name of a folder that acknowledged events stand in. The nearest parent in any
    // case: a start that made the folder may have died before its fsync.
    for parent in path.ancestors().skip(1).take(new.max(1)) {
        match File::open(parent).and_then(|parent| parent.sync_all()) {
            Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => {
                return Err(error).with_context(|| format!("cannot fsync {}", parent.display()))?;
            }
            // In a parent that we may not even read we cannot have made a folder and lost it.
            Ok(()) | Err(_) => {}
        }
    }
    Ok(path.canonicalize().with_context(|| path.display().to_string())?)
}

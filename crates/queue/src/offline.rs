//! The embedded log's files while nobody appends: to look at, to check, to write anew. For the commands of people.
//!
//! This room only chooses the real disk. What is whole, damaged or lost is decided in `seglog`.

use std::path::Path;
use std::sync::Arc;

use seglog::{Disk, Found, Io, OpenError, Plan, Rebuilt, Survey};

/// Walks every frame of the log in `dir`, and tells `visit` what it finds. Changes nothing; blocks on the disk.
///
/// # Errors
/// What cannot be read, and whatever `visit` answers.
pub fn survey(
    dir: &Path,
    applied: Option<u64>,
    visit: &mut dyn FnMut(Found<'_>) -> Result<(), OpenError>,
) -> Result<Survey, OpenError> {
    seglog::survey(Arc::new(Disk), dir, applied, visit)
}

/// Writes what is whole of the log in `from` into a new log in `into`. Blocks on the disk.
///
/// # Errors
/// What cannot be read or written; the new folder may then be there in part.
pub fn rebuild(from: &Path, into: &Path, plan: Plan) -> Result<(Rebuilt, Survey), OpenError> {
    let io: Arc<dyn Io> = Arc::new(Disk);
    seglog::rebuild(&io, from, into, plan)
}

/// Puts the log in `other` in the place of `log`, and the other way round, in one step.
///
/// # Errors
/// The file system's.
pub fn exchange(log: &Path, other: &Path) -> Result<(), OpenError> {
    seglog::exchange(&Disk, log, other)
}

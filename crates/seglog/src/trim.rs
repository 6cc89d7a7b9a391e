//! Takes the oldest segments away, or makes spares of them.
//!
//! Order matters: out of the catalog first, so that a reader that meets foreign bytes knows why; and
//! one fsync of the folder for each name, oldest first, because a power cut that kept an older segment
//! but not a newer one would leave a hole.

use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering;

use crate::catalog::Segment;
use crate::shared::Shared;
use crate::spare::Spare;

/// Removes whole segments whose records all have a Seq below `before`, never the last one. Segments of
/// `recycle_bytes` become spares if one is wanted.
pub(crate) fn trim(shared: &Shared, recycle_bytes: u64, before: u64) -> io::Result<()> {
    shared.unneeded_before.fetch_max(before, Ordering::Relaxed);
    let may_trim = shared.lock_trim();
    if !*may_trim {
        return Err(io::Error::other("the log is closed"));
    }
    if let Some(reason) = shared.poison.reason() {
        return Err(io::Error::other(reason.to_owned()));
    }
    while let Some(segment) = shared.catalog.pop_before(before) {
        crash::at("trim.before_unlink");
        let spare = match take_away(shared, recycle_bytes, &segment) {
            Ok(spare) => spare,
            Err(error) => {
                shared.catalog.push_front(segment);
                return Err(error);
            }
        };
        crash::at("trim.before_folder_fsync");
        if let Err(error) = shared.folder.sync() {
            shared.poison.set(format!("cannot fsync the log's folder: {error}"));
            return Err(error);
        }
        crash::at("trim.after_folder_fsync");
        if let Some(spare) = spare {
            shared.spares.keep(spare);
        }
    }
    drop(may_trim);
    Ok(())
}

/// Takes the segment's name from its file.
fn take_away(shared: &Shared, recycle_bytes: u64, segment: &Segment) -> io::Result<Option<Spare>> {
    let (io, size_bytes) = (&shared.folder.io, segment.size_bytes);
    let path = shared.folder.segment_path(segment.base);
    if size_bytes == recycle_bytes && shared.spares.wants_one() {
        let file = io.open(&path)?;
        let spare_path = shared.folder.spare_path();
        io.rename(&path, &spare_path)?;
        return Ok(Some(Spare { path: spare_path, file, size_bytes, is_recycled: true }));
    }
    match io.remove(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(None),
    }
}

//! Writes a log anew beside the old one, from every append of it that is whole: for a repair, and for binding a log
//! to another database. The old folder is only read.
//!
//! ```text
//! log/events ──survey──> log/events.repair-…   written, fsynced
//!      └──────────────── exchange ──────┘      one step: each takes the other's name
//! ```
//!
//! The new log has a new id, so every cursor of the old one is answered by a gap; and its next Seq lies far behind
//! every number that anybody may have used, so none names two events.
//! Invariant: an append is taken whole or not at all, and the order of the records stays.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::findings::{Found, Survey};
use crate::folder::Folder;
use crate::frame::{self, COUNT_END, FrameHeader, Kind, Stamp};
use crate::io::{File, Io};
use crate::segment::{BLOCK_BYTES, SEQ_END, SegmentHeader, align};
use crate::survey::survey;
use crate::verdict::OpenError;

/// A commit of the new log is written once it has this many bytes.
const COMMIT_BYTES: usize = 1024 * 1024;
/// A segment of the new log ends once it has this many bytes.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// The next Seq lies at least so far behind every one that is known. A log that was lost may have come further than
/// its database: with records of 64 bytes this many take 256 GiB.
const JUMP: u64 = 1 << 32;

/// What the new log shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the database has applied: the new log begins right behind it.
    pub applied: u64,
    /// The old log fed this database, so records keep their Seq, and what the database has is left out. Otherwise
    /// all records get new numbers.
    pub is_same_log: bool,
}

/// The new log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Its new random name.
    pub log_id: u32,
    /// Records taken over.
    pub n_records: u64,
    /// Seq of its next record.
    pub next: u64,
}

/// Writes the log in `from` anew into `into`, which must not be there, and fsyncs all of it.
///
/// # Errors
/// [`OpenError::Io`] for what cannot be read or written; the new folder may then be there in part.
pub fn rebuild(
    io: &Arc<dyn Io>,
    from: &Path,
    into: &Path,
    plan: Plan,
) -> Result<(Rebuilt, Survey), OpenError> {
    let folder = Folder::new(io.clone(), into.to_owned());
    let parent = into.parent().unwrap_or(Path::new("."));
    let made = Folder::new(io.clone(), parent.to_owned()).prepare();
    made.map_err(OpenError::io("make", parent))?;
    io.create_dir(into).map_err(OpenError::io("make", into))?;
    // A first walk only counts, because new numbers must lie behind all old ones.
    let known = survey(io.clone(), from, Some(plan.applied), &mut |_| Ok(()))?;
    let behind_all = jump(known.next.max(plan.applied + 1));
    let random = io.random().map_err(OpenError::io("draw a log id for", into))?;
    let mut writer = Writer::new(folder, (random as u32).max(1), plan.applied + 1);
    if !plan.is_same_log {
        writer.seal(behind_all)?;
    }
    let mut n_records = 0;
    let all = survey(io.clone(), from, Some(plan.applied), &mut |found| {
        let Found::Records { first, count, payload } = found else { return Ok(()) };
        let end = first + u64::from(count);
        if plan.is_same_log && end <= plan.applied + 1 {
            return Ok(());
        }
        n_records += u64::from(count);
        let first_seq = if plan.is_same_log { first } else { writer.next_seq };
        writer.add(first_seq, count, payload)
    })?;
    if plan.is_same_log {
        writer.seal(behind_all)?;
    }
    let rebuilt = Rebuilt { log_id: writer.log_id, n_records, next: writer.next_seq };
    writer.finish()?;
    Ok((rebuilt, all))
}

/// Lets two folders beside each other take each other's names, durably.
///
/// # Errors
/// [`OpenError::Io`]; where the first folder is missing, the second one is renamed.
pub fn exchange(io: &dyn Io, log: &Path, other: &Path) -> Result<(), OpenError> {
    let exchanged = match io.exchange(log, other) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => io.rename(other, log),
        exchanged => exchanged,
    };
    exchanged.map_err(OpenError::io("exchange", log))?;
    let parent = log.parent().unwrap_or(Path::new("."));
    io.sync_dir(parent).map_err(OpenError::io("fsync", parent))
}

fn jump(next: u64) -> u64 {
    (next + JUMP).next_multiple_of(COUNT_END)
}

/// Writes segments, one after the other.
struct Writer {
    folder: Folder,
    log_id: u32,
    next_seq: u64,
    segment: Option<Open>,
    /// The commit that is being filled, and its records.
    commit: Vec<u8>,
    n_commit_records: u64,
}

/// The segment that is being written. Its header comes last, when its size is known.
struct Open {
    file: Arc<dyn File>,
    salt: u64,
    base: u64,
    /// Where the commit that is being filled will begin.
    offset: u64,
}

impl Writer {
    fn new(folder: Folder, log_id: u32, next_seq: u64) -> Self {
        Self { folder, log_id, next_seq, segment: None, commit: Vec::new(), n_commit_records: 0 }
    }

    fn add(&mut self, first_seq: u64, count: u32, payload: &Bytes) -> Result<(), OpenError> {
        if self.segment.is_none() {
            // The database may have taken a part of this append: it is kept whole.
            self.next_seq = self.next_seq.min(first_seq);
        }
        if first_seq > self.next_seq {
            self.seal(first_seq)?;
        }
        let n_bytes = self.commit.len() + frame::padded_bytes(payload.len());
        let n_records = self.n_commit_records + u64::from(count);
        if !self.commit.is_empty() && (n_bytes > COMMIT_BYTES || n_records >= COUNT_END) {
            self.write_commit()?;
        }
        let stamp = self.stamp()?;
        let payload_bytes = payload.len() as u32;
        let header = FrameHeader { kind: Kind::Data, payload_bytes, count, first_seq, stamp };
        frame::push_again(&mut self.commit, stamp, &header, payload);
        self.n_commit_records += u64::from(count);
        self.next_seq = first_seq + u64::from(count);
        Ok(())
    }

    /// Vouches for what has been written, and says that the next record has this Seq.
    fn seal(&mut self, next_seq: u64) -> Result<(), OpenError> {
        if next_seq >= SEQ_END {
            let error = std::io::Error::other("the log has run out of Seqs");
            return Err(OpenError::io("write", &self.folder.dir)(error));
        }
        self.write_commit()?;
        let stamp = self.stamp()?;
        frame::push_seal(&mut self.commit, stamp, next_seq);
        self.next_seq = next_seq;
        self.write_commit()
    }

    /// What the frames of the present commit say; begins a segment if none is open.
    fn stamp(&mut self) -> Result<Stamp, OpenError> {
        let open = match &mut self.segment {
            Some(open) => open,
            none => {
                let path = self.folder.segment_path(self.next_seq);
                let file = self.folder.io.create(&path).map_err(OpenError::io("make", &path))?;
                let random =
                    self.folder.io.random().map_err(OpenError::io("draw a salt for", &path))?;
                let (salt, base) = (random.max(1), self.next_seq);
                none.insert(Open { file, salt, base, offset: BLOCK_BYTES })
            }
        };
        Ok(Stamp { salt: open.salt, durable_through: open.offset })
    }

    fn write_commit(&mut self) -> Result<(), OpenError> {
        let Some(open) = self.segment.as_mut().filter(|_| !self.commit.is_empty()) else {
            return Ok(());
        };
        self.commit.resize(align(self.commit.len() as u64) as usize, 0);
        let written = open.file.write_all_at(&self.commit, open.offset);
        let path = self.folder.segment_path(open.base);
        written.map_err(OpenError::io("write", &path))?;
        open.offset += self.commit.len() as u64;
        let is_full = open.offset >= SEGMENT_BYTES;
        self.commit.clear();
        self.n_commit_records = 0;
        if is_full { self.end_segment() } else { Ok(()) }
    }

    fn end_segment(&mut self) -> Result<(), OpenError> {
        let Some(Open { file, salt, base, offset }) = self.segment.take() else { return Ok(()) };
        let path = self.folder.segment_path(base);
        // One more block, as every segment keeps one for a seal.
        let size_bytes = offset + BLOCK_BYTES;
        let log_id = self.log_id;
        let header = SegmentHeader { log_id, salt, base, size_bytes, is_recycled: false };
        file.write_all_at(&[0; BLOCK_BYTES as usize], offset)
            .and_then(|()| file.write_all_at(&header.encode(), 0))
            .and_then(|()| file.sync_data())
            .map_err(OpenError::io("write", &path))
    }

    fn finish(mut self) -> Result<(), OpenError> {
        self.seal(self.next_seq)?;
        self.end_segment()?;
        self.folder.sync().map_err(OpenError::io("fsync", &self.folder.dir))
    }
}

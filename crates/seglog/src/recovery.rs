//! What happens between opening the folder and opening for business: check every segment, judge the
//! end, cut a torn tail, and write what no later frame vouches for again into a fresh segment.
//!
//! ```text
//! last segment   [header][safe: vouched for][whole, but nobody vouches][torn]
//!                                            │ rewritten                └─> *.torn-1
//! fresh segment  [header][the tail again][seal] ── fsync ── rename ── fsync of the folder ── open
//! ```
//!
//! Invariant: nothing is changed before the whole log has been judged good, and what is read before
//! a crash of the start is judged the same afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::catalog::Segment;
use crate::cursor::{Cursor, Frame, Step};
use crate::folder::Folder;
use crate::frame::{self, BadFrame, COUNT_END, Kind, Stamp};
use crate::io::{File, is_no_room, read_exact_at};
use crate::options::Options;
use crate::room;
use crate::segment::{BLOCK_BYTES, BadHeader, SegmentHeader, align};
use crate::spare::{Current, Spare};
use crate::verdict::{Ending, OpenError, ending};

/// What a start found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Random name that the log was born with, never 0.
    pub log_id: u32,
    /// First Seq that may be kept.
    pub first: u64,
    /// Seq of the newest record; `first - 1` if none is kept.
    pub last: u64,
    /// Seq of the next record. Above `last + 1` only if the log has jumped.
    pub next: u64,
    /// Bytes of an unacknowledged tail that were cut, and kept in a `.torn-N` file.
    pub n_torn_bytes: u64,
    /// The next Seq was moved past everything that the cut bytes may have used.
    pub jumped: bool,
}

/// A log that is ready to be appended to.
pub(crate) struct Ready {
    pub(crate) recovered: Recovered,
    /// All segments; the fresh one is the last.
    pub(crate) segments: Vec<Segment>,
    /// The fresh segment. All that it holds is vouched for.
    pub(crate) current: Current,
}

/// The frames of a segment that nobody vouches for yet.
struct Tail {
    /// Each with the Seq that was expected before it.
    frames: Vec<(u64, Frame)>,
    /// Seq of the record that comes next.
    next_seq: u64,
}

/// One segment, checked as far as it is judged.
struct Scan {
    path: PathBuf,
    file: Arc<dyn File>,
    header: SegmentHeader,
    segment: Segment,
    tail: Tail,
    /// Seq of the newest record, if there is one.
    newest: Option<u64>,
    /// Why the walk stopped at the segment's end; `None` if the file is full, or the next segment
    /// begins.
    stop: Option<BadFrame>,
}

/// Checks the log in `folder` and makes it ready, or makes a new one. The caller holds the lock.
pub(crate) fn recover(folder: &Folder, options: &Options) -> Result<Ready, OpenError> {
    let listing = folder.list().map_err(OpenError::io("list", &folder.dir))?;
    let (mut segments, last, newest) = scan_all(folder, &listing.bases)?;
    let cut = match &last {
        Some(last) => judge(last, options.applied)?,
        // An emptied folder: to be born anew would put a foreign segment in the way of the real ones.
        None => match options.applied {
            Some(applied) if applied > 0 => return Err(OpenError::Behind { next: 1, applied }),
            Some(_) => None,
            None => return Err(OpenError::NoLog { dir: folder.dir.clone() }),
        },
    };
    // Order matters: only now, with everything judged, is the first byte changed.
    for name in &listing.spares {
        let path = folder.dir.join(name);
        folder.io.remove(&path).map_err(OpenError::io("remove", &path))?;
    }
    let mut n_torn_bytes = 0;
    if let (Some(last), Some(end)) = (&last, cut) {
        n_torn_bytes = end - last.segment.end;
        keep_torn(folder, last, end)?;
    }
    let (log_id, tail) = match last {
        Some(last) => (last.header.log_id, last.tail),
        None => (new_log_id(folder)?, Tail { frames: Vec::new(), next_seq: 1 }),
    };
    if let (Some(last), Some((_, frame))) = (segments.last_mut(), tail.frames.first()) {
        // From here on these frames are read from the fresh segment.
        last.end = frame.offset;
    }
    let next = if cut.is_some() { jump(tail.next_seq) } else { tail.next_seq };
    let current = write_fresh(folder, options, log_id, &tail, next)?;
    let SegmentHeader { base, salt, size_bytes, .. } = current.header;
    // One with the same base held nothing but the tail, and the rename has replaced it.
    segments.pop_if(|last| last.base == base);
    let mut fresh = Segment::new(base, salt, size_bytes);
    fresh.end = current.offset;
    segments.push(fresh);
    let (first, jumped) = (segments[0].base, cut.is_some());
    let last = newest.unwrap_or(first - 1);
    let recovered = Recovered { log_id, first, last, next, n_torn_bytes, jumped };
    Ok(Ready { recovered, segments, current })
}

/// What is known of each segment, all of the last one, and the Seq of the newest record.
type Scanned = (Vec<Segment>, Option<Scan>, Option<u64>);

/// Checks every segment, oldest first.
fn scan_all(folder: &Folder, bases: &[u64]) -> Result<Scanned, OpenError> {
    let mut segments = Vec::with_capacity(bases.len() + 1);
    let mut last: Option<Scan> = None;
    let mut newest = None;
    for (n, &base) in bases.iter().enumerate() {
        let scan = scan(folder, base, bases.get(n + 1).copied())?;
        if last.is_some_and(|before| before.header.log_id != scan.header.log_id) {
            return Err(corrupt(&scan.path, 12, "the segment belongs to another log"));
        }
        segments.push(scan.segment.clone());
        newest = scan.newest.or(newest);
        last = Some(scan);
    }
    Ok((segments, last, newest))
}

/// The next Seq after a cut: a multiple of 2^20 past the records, fewer than 2^20, of the one
/// commit that may have been cut.
pub(crate) fn jump(next_seq: u64) -> u64 {
    (next_seq - 1 + COUNT_END).next_multiple_of(COUNT_END)
}

/// Checks a segment up to the base of the next one, or up to the first frame that is not good.
fn scan(folder: &Folder, base: u64, next_base: Option<u64>) -> Result<Scan, OpenError> {
    let path = folder.segment_path(base);
    let file = folder.io.open_to_read(&path).map_err(OpenError::io("open", &path))?;
    let header = read_header(&path, &*file, base)?;
    let mut segment = Segment::new(base, header.salt, header.size_bytes);
    let mut cursor = Cursor::new(file.clone(), header.salt, BLOCK_BYTES, base, header.size_bytes);
    let mut tail = Tail { frames: Vec::new(), next_seq: base };
    let (mut stop, mut newest) = (None, None);
    while next_base != Some(tail.next_seq) {
        match cursor.step().map_err(OpenError::io("read", &path))? {
            Step::Frame(frame) => {
                segment.note(frame.header.first_seq, frame.offset);
                if frame.header.kind == Kind::Data {
                    newest = Some(frame.header.first_seq + u64::from(frame.header.count) - 1);
                }
                tail.push(frame);
            }
            Step::End => break,
            Step::Bad(why) => {
                stop = Some(why);
                break;
            }
        }
    }
    segment.end = cursor.offset();
    if let Some(next_base) = next_base.filter(|&next_base| next_base != tail.next_seq) {
        let what = stop.map_or("the segment ends".to_owned(), |bad| bad.to_string());
        let why =
            format!("{what} at Seq {}; the next segment begins at Seq {next_base}", tail.next_seq);
        return Err(corrupt(&path, segment.end, why));
    }
    Ok(Scan { path, file, header, segment, tail, newest, stop })
}

fn read_header(path: &Path, file: &dyn File, base: u64) -> Result<SegmentHeader, OpenError> {
    let size_bytes = file.size_bytes().map_err(OpenError::io("measure", path))?;
    let mut head = vec![0; size_bytes.min(BLOCK_BYTES) as usize];
    read_exact_at(file, &mut head, 0).map_err(OpenError::io("read", path))?;
    let header = SegmentHeader::decode(&head).map_err(|bad| match bad {
        BadHeader::Damaged => corrupt(path, 0, bad.to_string()),
        BadHeader::Version(found) => OpenError::Version { file: path.to_owned(), found },
    })?;
    if header.base != base {
        return Err(corrupt(path, 24, "the segment's name and its header differ"));
    }
    // The whole file was fsynced before it got its name, so no power cut makes it shorter.
    if header.size_bytes != size_bytes || !size_bytes.is_multiple_of(BLOCK_BYTES) {
        return Err(corrupt(
            path,
            size_bytes,
            format!("the file should have {} bytes", header.size_bytes),
        ));
    }
    Ok(header)
}

/// Whether the end of the log must be cut, and up to where its torn bytes go.
fn judge(last: &Scan, applied: Option<u64>) -> Result<Option<u64>, OpenError> {
    let (from, next) = (last.segment.end, last.tail.next_seq);
    let stop = last.stop.map_or("the segment is full".to_owned(), |bad| bad.to_string());
    let found =
        ending(&*last.file, &last.header, from, next).map_err(OpenError::io("read", &last.path))?;
    let behind = applied.filter(|&applied| applied >= next);
    match (found, behind) {
        (Ending::Vouched { witness }, _) => {
            let why = format!(
                "{stop}, but a frame at byte {witness} says that this was on stable storage"
            );
            Err(corrupt(&last.path, from, why))
        }
        (Ending::Torn { .. }, Some(applied)) => {
            let why = format!("{stop}, at Seq {next}, but the database has applied Seq {applied}");
            Err(corrupt(&last.path, from, why))
        }
        (Ending::Clean, Some(applied)) => Err(OpenError::Behind { next, applied }),
        (Ending::Torn { end }, None) if applied.is_none() => {
            Err(OpenError::WouldCut { file: last.path.clone(), offset: from, n_bytes: end - from })
        }
        (Ending::Torn { end }, None) => Ok(Some(end)),
        (Ending::Clean, None) => Ok(None),
    }
}

/// Keeps what is cut for people to look at. A full disk must not keep the log from starting, so
/// then it is given up.
fn keep_torn(folder: &Folder, last: &Scan, end: u64) -> Result<(), OpenError> {
    let path = folder.torn_path(last.header.base).map_err(OpenError::io("list", &folder.dir))?;
    let mut bytes = vec![0; (end - last.segment.end) as usize];
    read_exact_at(&*last.file, &mut bytes, last.segment.end)
        .map_err(OpenError::io("read", &last.path))?;
    let write = || {
        let torn = folder.io.create(&path)?;
        torn.write_all_at(&bytes, 0)?;
        torn.sync_data()
    };
    let n_bytes = bytes.len();
    tracing::warn!(file = %path.display(), n_bytes, offset = last.segment.end, "an unacknowledged tail is cut");
    match write() {
        Err(error) if is_no_room(&error) => {
            tracing::warn!(file = %path.display(), %error, "no room to keep the bytes that are cut");
            Ok(())
        }
        written => written.map_err(OpenError::io("write", &path)),
    }
}

/// Checks the log in `folder` as a start would, and changes nothing.
pub(crate) fn rehearse(folder: &Folder, applied: Option<u64>) -> Result<(), OpenError> {
    let listing = folder.list().map_err(OpenError::io("list", &folder.dir))?;
    let (_, last, _) = scan_all(folder, &listing.bases)?;
    match (&last, applied) {
        (Some(last), _) => judge(last, applied).map(|_| ()),
        (None, Some(applied @ 1..)) => Err(OpenError::Behind { next: 1, applied }),
        (None, _) => Ok(()),
    }
}

/// Makes the segment that the log goes on in: the tail again, and a seal that vouches for it and
/// says what Seq comes next.
fn write_fresh(
    folder: &Folder,
    options: &Options,
    log_id: u32,
    tail: &Tail,
    next: u64,
) -> Result<Current, OpenError> {
    let random = folder.io.random().map_err(OpenError::io("draw a salt for", &folder.dir))?;
    let salt = random.max(1);
    let mut content = Vec::new();
    let stamp = Stamp { salt, durable_through: BLOCK_BYTES };
    for (seq_before, frame) in &tail.frames {
        // A seal is kept only if it moved the Seq.
        if frame.header.kind == Kind::Data || frame.header.first_seq > *seq_before {
            frame::push_again(&mut content, stamp, &frame.header, &frame.payload);
        }
    }
    if !content.is_empty() || next != tail.next_seq {
        content.resize(align(content.len() as u64) as usize, 0);
        let durable_through = BLOCK_BYTES + content.len() as u64;
        frame::push_seal(&mut content, Stamp { salt, durable_through }, next);
        content.resize(align(content.len() as u64) as usize, 0);
    }
    let end = BLOCK_BYTES + content.len() as u64;
    let base = tail.frames.first().map_or(tail.next_seq, |&(seq_before, _)| seq_before);
    // One more block, so that there is always room for a seal.
    let size_bytes = options.segment_bytes_min.max(end + BLOCK_BYTES);
    let header = SegmentHeader { log_id, salt, base, size_bytes, is_recycled: false };
    let path = folder.segment_path(base);
    let write = || {
        let spare = Spare::make(folder, size_bytes, &AtomicBool::new(false))?;
        spare.write(&header, &content)?;
        spare.rename(folder, base)?;
        folder.sync()?;
        Ok(spare.file)
    };
    let written = match write() {
        // What the ballast is for: a full disk must not keep the log from starting.
        Err(error) if is_no_room(&error) && room::give_up_ballast(folder) => write(),
        written => written,
    };
    let file = written.map_err(OpenError::io("write", &path))?;
    Ok(Current { file, header, offset: end })
}

fn new_log_id(folder: &Folder) -> Result<u32, OpenError> {
    let random = folder.io.random().map_err(OpenError::io("draw a log id for", &folder.dir))?;
    Ok((random as u32).max(1))
}

fn corrupt(file: &Path, offset: u64, why: impl Into<String>) -> OpenError {
    OpenError::Corrupt { file: file.to_owned(), offset, why: why.into() }
}

impl Tail {
    /// A good frame: it vouches for those before its `durable_through`, and is itself vouched for
    /// by nobody yet.
    fn push(&mut self, frame: Frame) {
        let through = frame.header.stamp.durable_through;
        if self.frames.first().is_some_and(|(_, first)| first.offset < through) {
            let n_safe = self.frames.partition_point(|(_, before)| before.offset < through);
            self.frames.drain(..n_safe);
        }
        let next_seq = frame.header.first_seq + u64::from(frame.header.count);
        self.frames.push((self.next_seq, frame));
        self.next_seq = next_seq;
    }
}

//! Walks all of a log, damaged or not, and says what stands there. Changes nothing, so it may look at a log that a
//! server writes to.
//!
//! ```text
//! segment   [header][frame][frame][ damage ][frame] … [torn or nothing]
//!                                  │ looked for at every 8 bytes: the next frame that is whole, has this segment's
//!                                  └ salt, and a Seq between what came before and the next segment's base
//! ```
//!
//! A frame behind damage that passes its checksums is as good as any other: the salt in them is random and never
//! leaves the log. What stands behind the next segment's base is the remainder of an earlier cut, and not judged.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cursor::{Cursor, Step};
use crate::findings::{Damage, Found, SegmentFacts, Survey};
use crate::folder::Folder;
use crate::frame::{self, BadFrame, FrameHeader, Kind};
use crate::io::{File, Io, read_exact_at};
use crate::recovery::rehearse;
use crate::segment::{BLOCK_BYTES, BadHeader, SegmentHeader};
use crate::verdict::{Ending, OpenError, ending};
use crate::wreck;

/// Walks the log in `dir`. `applied` is how far the database came, if it can be asked.
///
/// # Errors
/// [`OpenError::Io`] for what cannot be read, [`OpenError::Corrupt`] where a segment of another log stands among
/// these, and whatever `visit` answers.
pub fn survey(
    io: Arc<dyn Io>,
    dir: &Path,
    applied: Option<u64>,
    visit: &mut dyn FnMut(Found<'_>) -> Result<(), OpenError>,
) -> Result<Survey, OpenError> {
    let folder = Folder::new(io, dir.to_owned());
    let names = match folder.io.list(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        names => names.map_err(OpenError::io("list", dir))?,
    };
    let mut all = Survey {
        log_id: None,
        first: 1,
        next: 1,
        n_segments: 0,
        n_records: 0,
        n_damages: 0,
        torn_files: torn_files(&folder, &names),
        start: Ok(()),
    };
    if !names.is_empty() {
        all.start = rehearse(&folder, applied);
    } else if let Some(applied @ 1..) = applied {
        all.start = Err(OpenError::Behind { next: 1, applied });
    }
    // A folder that cannot be listed is not an empty one: a repair would put an empty log in its place.
    let bases = match folder.list() {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        listing => listing.map_err(OpenError::io("list", dir))?.bases,
    };
    all.first = bases.first().copied().unwrap_or(1);
    all.next = all.first;
    for (n, &base) in bases.iter().enumerate() {
        let next_base = bases.get(n + 1).copied();
        let Some(mut walk) = Walk::open(&folder, base, next_base, applied)? else {
            // Trimmed by a running server a moment ago.
            continue;
        };
        walk.run(visit).map_err(|error| error.at(&walk.facts.file))?;
        walk.finish(&folder, &mut all, visit)?;
    }
    Ok(all)
}

fn torn_files(folder: &Folder, names: &[String]) -> Vec<(PathBuf, u64)> {
    let mut names: Vec<_> = names.iter().filter(|name| name.contains(".seg.torn-")).collect();
    names.sort_unstable();
    let size = |path: &Path| folder.io.open_to_read(path).and_then(|file| file.size_bytes());
    let facts = |name: &&String| {
        let path = folder.dir.join(name);
        let size_bytes = size(&path).unwrap_or(0);
        (path, size_bytes)
    };
    names.iter().map(facts).collect()
}

/// Why a walk ended early.
enum Stop {
    Read(io::Error),
    Visitor(OpenError),
}

impl Stop {
    fn at(self, path: &Path) -> OpenError {
        match self {
            Self::Read(error) => OpenError::io("read", path)(error),
            Self::Visitor(error) => error,
        }
    }
}

/// One segment on the way.
struct Walk {
    file: Arc<dyn File>,
    header: SegmentHeader,
    next_base: Option<u64>,
    applied: Option<u64>,
    facts: SegmentFacts,
    next_seq: u64,
    damages: Vec<Damage>,
}

impl Walk {
    /// `None` if the file is gone.
    fn open(
        folder: &Folder,
        base: u64,
        next_base: Option<u64>,
        applied: Option<u64>,
    ) -> Result<Option<Self>, OpenError> {
        let path = folder.segment_path(base);
        let file = match folder.io.open_to_read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(OpenError::io("open", &path))?,
        };
        let size_bytes = file.size_bytes().map_err(OpenError::io("measure", &path))?;
        let mut head = vec![0; size_bytes.min(2 * BLOCK_BYTES) as usize];
        read_exact_at(&*file, &mut head, 0).map_err(OpenError::io("read", &path))?;
        let (header, why) = header_of(&path, &head, base, size_bytes)?;
        let facts = SegmentFacts {
            base,
            log_id: (header.log_id != 0).then_some(header.log_id),
            size_bytes,
            used_bytes: BLOCK_BYTES.min(size_bytes),
            n_frames: 0,
            n_records: 0,
            n_seals: 0,
            seqs: None,
            is_recycled: header.is_recycled,
            n_torn_bytes: 0,
            n_damages: 0,
            file: path,
        };
        let mut walk =
            Self { file, header, next_base, applied, facts, next_seq: base, damages: Vec::new() };
        if let Some((offset, why)) = why {
            walk.damage(offset, 0, why, None);
        }
        Ok(Some(walk))
    }

    fn run(
        &mut self,
        visit: &mut dyn FnMut(Found<'_>) -> Result<(), OpenError>,
    ) -> Result<(), Stop> {
        let mut cursor = self.cursor(BLOCK_BYTES);
        while self.next_base != Some(self.next_seq) {
            match cursor.step().map_err(Stop::Read)? {
                Step::Frame(frame) => {
                    let FrameHeader { kind, count, first_seq, .. } = frame.header;
                    self.note(&frame.header, cursor.offset());
                    if kind == Kind::Data {
                        let found =
                            Found::Records { first: first_seq, count, payload: &frame.payload };
                        visit(found).map_err(Stop::Visitor)?;
                    }
                }
                Step::End => return self.ends(cursor.offset(), None),
                Step::Bad(why) => match self.go_on(cursor.offset(), why).map_err(Stop::Read)? {
                    Some(next) => cursor = next,
                    None => return Ok(()),
                },
            }
        }
        Ok(())
    }

    fn note(&mut self, header: &FrameHeader, end: u64) {
        self.next_seq = header.first_seq + u64::from(header.count);
        self.facts.used_bytes = end;
        if header.kind == Kind::Seal {
            self.facts.n_seals += 1;
            return;
        }
        self.facts.n_frames += 1;
        self.facts.n_records += u64::from(header.count);
        let first = self.facts.seqs.map_or(header.first_seq, |(first, _)| first);
        self.facts.seqs = Some((first, self.next_seq - 1));
    }

    /// No good frame stands at `at`. Answers from where the walk goes on, if it does.
    fn go_on(&mut self, at: u64, why: BadFrame) -> io::Result<Option<Cursor>> {
        if self.next_base.is_none() {
            let end = ending(&*self.file, &self.header, at, self.next_seq)?;
            // Order matters: look at the place again after the verdict. A server may have written there meanwhile.
            let mut again = self.cursor(at);
            if matches!(again.step()?, Step::Frame(_)) {
                return Ok(Some(self.cursor(at)));
            }
            let is_applied = self.applied.is_some_and(|applied| applied >= self.next_seq);
            match end {
                Ending::Clean => return Ok(None),
                Ending::Torn { end } if !is_applied => {
                    self.facts.n_torn_bytes = end - at;
                    return Ok(None);
                }
                Ending::Torn { .. } | Ending::Vouched { .. } => {}
            }
        }
        let size_bytes = self.facts.size_bytes;
        let next =
            wreck::next_frame(&*self.file, self.header.salt, at, size_bytes, |header, offset| {
                let end = header.first_seq + u64::from(header.count);
                header.first_seq >= self.next_seq
                    && header.stamp.durable_through <= offset
                    && self.next_base.is_none_or(|base| end <= base)
            })?;
        let Some((offset, header)) = next else {
            self.ends_badly(at, why.to_string())?;
            return Ok(None);
        };
        let lost = (header.first_seq > self.next_seq)
            .then_some((self.next_seq, Some(header.first_seq - 1)));
        self.lose(at, offset - at, why.to_string(), lost)?;
        self.next_seq = header.first_seq;
        Ok(Some(self.cursor(offset)))
    }

    /// The file ends at `at` without a bad frame.
    fn ends(&mut self, at: u64, why: Option<String>) -> Result<(), Stop> {
        let is_whole = self.next_base.is_none() && self.damages.is_empty();
        if is_whole {
            return Ok(());
        }
        self.ends_badly(at, why.unwrap_or_else(|| "the segment ends".to_owned()))
            .map_err(Stop::Read)
    }

    /// Behind `at` there is no good frame any more, and there should be.
    fn ends_badly(&mut self, at: u64, why: String) -> io::Result<()> {
        let lost = match self.next_base {
            Some(base) if base == self.next_seq => return Ok(()),
            Some(base) => Some((self.next_seq, Some(base - 1))),
            None => Some((self.next_seq, None)),
        };
        let n_bytes = self.facts.size_bytes.saturating_sub(at);
        self.lose(at, n_bytes, why, lost)
    }

    fn lose(
        &mut self,
        offset: u64,
        n_bytes: u64,
        why: String,
        lost: Option<(u64, Option<u64>)>,
    ) -> io::Result<()> {
        self.damage(offset, n_bytes, why, lost);
        if let (Some(lost), Some(damage)) = (lost, self.damages.last_mut()) {
            damage.remains =
                wreck::remains(&*self.file, self.header.salt, offset..offset + n_bytes, lost)?;
        }
        Ok(())
    }

    fn damage(&mut self, offset: u64, n_bytes: u64, why: String, lost: Option<(u64, Option<u64>)>) {
        let file = self.facts.file.clone();
        self.damages.push(Damage { file, offset, n_bytes, why, lost, remains: Vec::new() });
    }

    fn cursor(&self, offset: u64) -> Cursor {
        let end = self.facts.size_bytes.max(offset);
        Cursor::new(self.file.clone(), self.header.salt, offset, self.next_seq, end)
    }

    /// Adds what was found to the whole.
    fn finish(
        mut self,
        folder: &Folder,
        all: &mut Survey,
        visit: &mut dyn FnMut(Found<'_>) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        if !self.damages.is_empty() && folder.io.open_to_read(&self.facts.file).is_err() {
            // A running server has trimmed it meanwhile, and may have written other bytes into the file.
            return Ok(());
        }
        match (all.log_id, self.facts.log_id) {
            (Some(before), Some(here)) if before != here => {
                let why = "the segment belongs to another log; move it away".to_owned();
                return Err(OpenError::Corrupt { file: self.facts.file, offset: 12, why });
            }
            (before, here) => all.log_id = before.or(here),
        }
        self.facts.n_damages = self.damages.len() as u64;
        all.n_segments += 1;
        all.n_records += self.facts.n_records;
        all.n_damages += self.facts.n_damages;
        all.next = all.next.max(self.next_seq).max(self.next_base.unwrap_or(0));
        for damage in self.damages {
            visit(Found::Damage(damage))?;
        }
        visit(Found::Segment(&self.facts))
    }
}

/// The header; where it is damaged, what can be told without it, and what is wrong. A log id of 0 means unknown.
fn header_of(
    path: &Path,
    head: &[u8],
    base: u64,
    size_bytes: u64,
) -> Result<(SegmentHeader, Option<(u64, String)>), OpenError> {
    match SegmentHeader::decode(head) {
        Ok(header) if header.base == base && header.size_bytes == size_bytes => Ok((header, None)),
        Ok(header) if header.base == base => {
            let why = format!("the file should have {} bytes", header.size_bytes);
            Ok((SegmentHeader { size_bytes, ..header }, Some((size_bytes, why))))
        }
        Ok(header) => {
            let why = "the segment's name and its header differ".to_owned();
            Ok((SegmentHeader { base, size_bytes, ..header }, Some((24, why))))
        }
        Err(BadHeader::Version(found)) => Err(OpenError::Version { file: path.to_owned(), found }),
        Err(BadHeader::Damaged) => {
            // Every frame holds the salt; the first one's place is known.
            let salt = head.get(BLOCK_BYTES as usize..).and_then(frame::salt_of).unwrap_or(0);
            let header = SegmentHeader { log_id: 0, salt, base, size_bytes, is_recycled: true };
            Ok((header, Some((0, BadHeader::Damaged.to_string()))))
        }
    }
}

//! Where rows come from: a file, standard input, or a table of a dump; each read from any byte on.
//!
//! Invariant: a source gives the same bytes each time that it is opened, else an upload could not go on.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sha2::{Digest as _, Sha256};

use crate::commands::import::copy_text::{CopyRows, Spelling};
use crate::commands::import::dump::Block;
use crate::commands::import::format::{Packing, unpack};

/// Bytes read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Rows to import.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file of rows.
    File {
        /// Where it is.
        path: PathBuf,
        /// How it is packed.
        packing: Packing,
    },
    /// Standard input, which is read once.
    Input {
        /// How it is packed.
        packing: Packing,
        /// It has been opened.
        is_open: bool,
    },
    /// The rows of one table of a dump.
    Table {
        /// The dump.
        path: PathBuf,
        /// How it is packed.
        packing: Packing,
        /// The rows in it.
        block: Block,
        /// How the values of each column are written.
        spellings: Vec<Spelling>,
    },
}

impl Source {
    /// Its rows from byte `offset` on. `n_read` counts what is read, in the units of [`Source::total`].
    pub(crate) fn open(
        &mut self,
        offset: u64,
        n_read: &Arc<AtomicU64>,
    ) -> io::Result<Box<dyn Read + Send>> {
        n_read.store(0, Relaxed);
        let mut rows: Box<dyn Read + Send> = match self {
            Self::File { path, packing: Packing::Plain } => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                n_read.store(offset, Relaxed);
                return Ok(Box::new(counted(file, n_read)));
            }
            Self::File { path, packing } => unpack(*packing, counted(File::open(path)?, n_read))?,
            Self::Input { is_open: true, .. } => {
                return Err(io::Error::other("standard input cannot be read a second time"));
            }
            Self::Input { packing, is_open } => {
                *is_open = true;
                unpack(*packing, counted(io::stdin(), n_read))?
            }
            Self::Table { path, packing, block, spellings } => {
                let dump = open_at(path, *packing, block.offset)?;
                let block_rows = BufReader::with_capacity(BLOCK_BYTES, counted(dump, n_read));
                let columns = block.columns.iter().cloned().zip(spellings.iter().copied());
                Box::new(CopyRows::new(block_rows, columns))
            }
        };
        skip(&mut rows, offset)?;
        Ok(rows)
    }

    /// How much there is to read, where that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        match self {
            Self::File { path, .. } => {
                let facts = path.metadata().ok()?;
                facts.is_file().then_some(facts.len())
            }
            Self::Input { .. } => None,
            Self::Table { block, .. } => Some(block.size_bytes),
        }
    }
}

/// What a packed or plain file holds, from byte `offset` on.
fn open_at(path: &Path, packing: Packing, offset: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    if packing == Packing::Plain {
        file.seek(SeekFrom::Start(offset))?;
        return Ok(Box::new(file));
    }
    let mut unpacked = unpack(packing, file)?;
    skip(&mut unpacked, offset)?;
    Ok(unpacked)
}

fn skip(rows: &mut impl Read, n_bytes: u64) -> io::Result<()> {
    let n_skipped = io::copy(&mut rows.take(n_bytes), &mut io::sink())?;
    if n_skipped < n_bytes {
        return Err(io::Error::other("it is shorter than what the server has of it already"));
    }
    Ok(())
}

/// The name of a file's content: 32 hexadecimal digits. Another file of the same content has the same.
pub(crate) fn content_name(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut block)? {
            0 => break,
            n_bytes => hash.update(&block[..n_bytes]),
        }
    }
    let hash = hash.finalize();
    let start = hash.first_chunk::<16>().expect("it has 32 bytes");
    Ok(format!("{:032x}", u128::from_be_bytes(*start)))
}

fn counted<R: Read>(rows: R, n_read: &Arc<AtomicU64>) -> Counted<R> {
    Counted { rows, n_read: Arc::clone(n_read) }
}

struct Counted<R> {
    rows: R,
    n_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.rows.read(into)?;
        self.n_read.fetch_add(n_bytes as u64, Relaxed);
        Ok(n_bytes)
    }
}

//! The tables of a plain `pg_dump` file: where their rows stand, and which refers to which.
//!
//! ```text
//! COPY public.ports (code, name, parent_slug) FROM stdin;
//! CNCWN \t Chiwan \t china_south_main                             <- offset
//! \.
//! ALTER TABLE ONLY public.ports
//!     ADD CONSTRAINT … FOREIGN KEY (parent_slug) REFERENCES public.regions(slug);
//! ```
//!
//! It is read once for this, a line at a time; the rows are read when their turn comes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read};

use thiserror::Error;

/// A line outside of a block is looked at up to here: what we look for stands at its beginning.
const LINE_BYTES_MAX: usize = 1 << 20;

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its name, without the schema.
    pub(crate) table: String,
    /// The schema before it, where one stands there.
    pub(crate) schema: Option<String>,
    /// Its columns, in the order of the values.
    pub(crate) columns: Vec<String>,
    /// Where its first row begins in the unpacked dump.
    pub(crate) offset: u64,
    /// Bytes of its rows.
    pub(crate) size_bytes: u64,
    /// Rows.
    pub(crate) n_rows: u64,
}

/// What a dump holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    /// Blocks, in the order of the file.
    pub(crate) blocks: Vec<Block>,
    /// By table: those that it refers to.
    pub(crate) references: BTreeMap<String, BTreeSet<String>>,
}

/// Why a dump cannot be used.
#[derive(Debug, Error)]
pub(crate) enum DumpError {
    /// It cannot be read.
    #[error("cannot read the dump: {0}")]
    Io(#[from] io::Error),
    /// It has rows as statements.
    #[error(
        "line {line} of the dump is an INSERT: make the dump anew without --inserts, so that its rows come as COPY"
    )]
    Inserts {
        /// From 1.
        line: u64,
    },
    /// It is an archive of `pg_dump`.
    #[error(
        "this is an archive of pg_dump, not a plain dump: `pg_restore --file=dump.sql ARCHIVE` makes one of it"
    )]
    Archive,
    /// A block has no end.
    #[error("the dump ends within the rows of {table:?}: it is not whole")]
    Cut {
        /// Of this table.
        table: String,
    },
    /// A COPY line that we cannot read.
    #[error("line {line} of the dump cannot be read: {why}")]
    Strange {
        /// From 1.
        line: u64,
        /// The end of a sentence.
        why: &'static str,
    },
}

impl Dump {
    /// Reads all of it.
    pub(crate) fn scan(mut dump: impl BufRead) -> Result<Self, DumpError> {
        let mut found = Self::default();
        let mut lines = Lines { offset: 0, number: 0, text: Vec::new() };
        let mut altered = None;
        while lines.next(&mut dump)? {
            if lines.number == 1 && lines.text.starts_with(b"PGDMP") {
                return Err(DumpError::Archive);
            }
            let line = String::from_utf8_lossy(&lines.text).into_owned();
            let line = line.trim_end();
            if line.starts_with("INSERT INTO ") {
                return Err(DumpError::Inserts { line: lines.number });
            }
            if let Some(rest) = line.strip_prefix("COPY ") {
                let strange = |why| DumpError::Strange { line: lines.number, why };
                if !rest.ends_with(" FROM stdin;") {
                    return Err(strange("COPY is followed by something else than rows"));
                }
                let mut block =
                    block(rest).ok_or_else(|| strange("it names no table and columns"))?;
                block.offset = lines.offset;
                lines.skip_rows(&mut dump, &mut block)?;
                found.blocks.push(block);
            } else if let Some(rest) = line.strip_prefix("ALTER TABLE ") {
                let rest = rest.strip_prefix("ONLY ").unwrap_or(rest);
                let mut words = Words(rest);
                altered = words.name().map(|name| name.1);
                found.refer(altered.as_ref(), line);
            } else {
                found.refer(altered.as_ref(), line);
                if line.ends_with(';') {
                    altered = None;
                }
            }
        }
        Ok(found)
    }

    fn refer(&mut self, altered: Option<&String>, line: &str) {
        let Some(table) = altered else { return };
        let Some((before, after)) = line.split_once(" REFERENCES ") else { return };
        if let Some((_, target)) = Words(after).name().filter(|_| before.contains("FOREIGN KEY")) {
            self.references.entry(table.clone()).or_default().insert(target);
        }
    }
}

/// `public.ports (code, name) FROM stdin;`
fn block(text: &str) -> Option<Block> {
    let mut words = Words(text);
    let (schema, table) = words.name()?;
    let mut columns = Vec::new();
    words.sign('(')?;
    while words.sign(')').is_none() {
        columns.push(words.identifier()?);
        let _ = words.sign(',');
    }
    Some(Block { table, schema, columns, offset: 0, size_bytes: 0, n_rows: 0 })
}

/// A statement, word by word.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn sign(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(sign)?;
        Some(())
    }

    /// `a` or `"a ""b"""`.
    fn identifier(&mut self) -> Option<String> {
        let text = self.0.trim_start();
        let Some(quoted) = text.strip_prefix('"') else {
            let end = text.find(|sign: char| !(sign.is_alphanumeric() || "_$".contains(sign)));
            let (name, rest) = text.split_at(end.unwrap_or(text.len()));
            self.0 = rest;
            return (!name.is_empty()).then(|| name.to_owned());
        };
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let (part, tail) = rest.split_once('"')?;
            name += part;
            let Some(tail) = tail.strip_prefix('"') else {
                self.0 = tail;
                return Some(name);
            };
            name.push('"');
            rest = tail;
        }
    }

    /// `ports` or `public.ports`: schema and table.
    fn name(&mut self) -> Option<(Option<String>, String)> {
        let first = self.identifier()?;
        match self.sign('.') {
            None => Some((None, first)),
            Some(()) => Some((Some(first), self.identifier()?)),
        }
    }
}

/// Lines with their places.
struct Lines {
    /// Where the next line begins.
    offset: u64,
    /// Of the line that was read last, from 1.
    number: u64,
    /// That line, cut at [`LINE_BYTES_MAX`].
    text: Vec<u8>,
}

impl Lines {
    /// `false` at the end.
    fn next(&mut self, dump: &mut impl BufRead) -> io::Result<bool> {
        self.text.clear();
        let mut n_bytes = 0;
        loop {
            let room = LINE_BYTES_MAX.saturating_sub(self.text.len());
            let mut thrown = Vec::new();
            let into = if room > 0 { &mut self.text } else { &mut thrown };
            let limit = if room > 0 { room } else { LINE_BYTES_MAX };
            let n_read = dump.by_ref().take(limit as u64).read_until(b'\n', into)?;
            n_bytes += n_read as u64;
            if n_read < limit || into.ends_with(b"\n") {
                break;
            }
        }
        self.offset += n_bytes;
        self.number += 1;
        Ok(n_bytes > 0)
    }

    fn skip_rows(&mut self, dump: &mut impl BufRead, block: &mut Block) -> Result<(), DumpError> {
        loop {
            let offset = self.offset;
            if !self.next(dump)? {
                return Err(DumpError::Cut { table: block.table.clone() });
            }
            if self.text.trim_ascii_end() == b"\\." {
                block.size_bytes = offset - block.offset;
                return Ok(());
            }
            block.n_rows += 1;
        }
    }
}

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
//! It is read once for this, a statement at a time; the rows are read when their turn comes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead, Cursor, Read as _};

use thiserror::Error;

use crate::commands::import::statements::{Rows, Statement, Statements};
use crate::commands::import::words::Words;

/// What is kept of a whole dump: names, mostly.
const KEPT_BYTES_MAX: usize = 64 << 20;
/// The longest mark at the head of a file that is looked at.
const MARK_BYTES: u64 = 8;

/// The name of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// Its schema, where one is named.
    pub(crate) schema: Option<String>,
    /// Its own name.
    pub(crate) table: String,
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(out, "{schema}.{}", self.table),
            None => out.write_str(&self.table),
        }
    }
}

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Whose.
    pub(crate) name: Name,
    /// Its columns, in the order of the values; none where the COPY line names none.
    pub(crate) columns: Vec<String>,
    /// The line of its COPY, from 1.
    pub(crate) line: u64,
    /// Where its first row begins in the unpacked dump.
    pub(crate) offset: u64,
    /// Bytes of its rows.
    pub(crate) size_bytes: u64,
    /// Rows.
    pub(crate) n_rows: u64,
    /// At least one row has a value.
    pub(crate) has_values: bool,
}

/// What a dump holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    /// Blocks, in the order of the file.
    pub(crate) blocks: Vec<Block>,
    /// By table: those that it refers to.
    pub(crate) references: BTreeMap<Name, BTreeSet<Name>>,
    /// The sequences that it sets.
    pub(crate) sequences: Vec<Sequence>,
    /// By sequence: the table whose column it numbers.
    pub(crate) owners: BTreeMap<Name, Name>,
}

/// A sequence that a dump sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// Its name.
    pub(crate) name: Name,
    /// The statement that sets it.
    pub(crate) sql: String,
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
    /// It is packed, and its name does not say so.
    #[error("this is packed: give it a name that ends in {ending}")]
    Packed {
        /// What such names end in.
        ending: &'static str,
    },
    /// Its signs are not UTF-8.
    #[error("the dump is {encoding}, not UTF-8: make it anew with `pg_dump --encoding=UTF8`")]
    Encoding {
        /// Its encoding.
        encoding: String,
    },
    /// It goes on with another database.
    #[error(
        "line {line} of the dump goes on with another database: make a dump of each one with pg_dump"
    )]
    Databases {
        /// From 1.
        line: u64,
    },
    /// A block has no end.
    #[error("the dump ends within the rows of {table:?}: it is not whole")]
    Cut {
        /// Of this table.
        table: String,
    },
    /// A statement has no end.
    #[error(
        "the statement at line {line} has no end: the dump is not whole, or this is no plain dump of pg_dump"
    )]
    CutStatement {
        /// From 1.
        line: u64,
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
        let mut head = Vec::new();
        dump.by_ref().take(MARK_BYTES).read_to_end(&mut head)?;
        check_mark(&head)?;
        if head.starts_with("\u{feff}".as_bytes()) {
            head[..3].fill(b' ');
        }
        let mut statements = Statements::new(Cursor::new(head).chain(dump));
        let (mut found, mut path, mut n_kept) = (Self::default(), None, 0);
        loop {
            let statement = match statements.next()? {
                Ok(Some(statement)) => statement,
                Ok(None) => return Ok(found),
                Err(line) => return Err(DumpError::CutStatement { line }),
            };
            let (line, mut words) = (statement.line, Words(&statement.text));
            let n_before = n_kept;
            if words.keywords("COPY").is_some() {
                let block = block(words, &statement, path.as_deref())?;
                let Some(rows) = statements.skip_rows()? else {
                    return Err(DumpError::Cut { table: block.name.to_string() });
                };
                let Rows { offset, size_bytes, n_rows, has_values } = rows;
                found.blocks.push(Block { offset, size_bytes, n_rows, has_values, ..block });
                n_kept += statement.text.len();
            } else if words.keywords("INSERT INTO").is_some() {
                return Err(DumpError::Inserts { line });
            } else if words.keywords("ALTER TABLE").is_some() {
                n_kept += found.alter(words, path.as_deref()).map_or(0, |()| statement.text.len());
            } else if words.keywords("ALTER SEQUENCE").is_some() {
                n_kept += found.own(words, path.as_deref()).map_or(0, |()| statement.text.len());
            } else if words.keywords("SELECT").is_some() {
                n_kept += found.number(words, &statement).map_or(0, |()| statement.text.len());
            } else if words.keywords("SET").is_some() {
                match setting(words) {
                    Some(Setting::Encoding(encoding)) if !is_utf8(&encoding) => {
                        return Err(DumpError::Encoding { encoding });
                    }
                    Some(Setting::Standard(is_standard)) => statements.set_standard(is_standard),
                    Some(Setting::Path(first)) => path = Some(first),
                    Some(Setting::Encoding(_)) | None => {}
                }
            } else if statement.text.starts_with("\\c") && !found.blocks.is_empty() {
                return Err(DumpError::Databases { line });
            }
            if n_kept > KEPT_BYTES_MAX && n_kept > n_before {
                return Err(DumpError::Strange {
                    line,
                    why: "the names of all tables are too long",
                });
            }
        }
    }

    /// What follows `ALTER TABLE`, where it is something that we keep.
    fn alter(&mut self, mut words: Words<'_>, path: Option<&str>) -> Option<()> {
        let _ = words.keywords("IF EXISTS");
        let _ = words.keywords("ONLY");
        let table = name(&mut words, path)?;
        if words.keywords("ALTER COLUMN").is_some() {
            words.identifier()?;
            words.keywords("ADD GENERATED")?;
            let _ = words.keywords("ALWAYS").or_else(|| words.keywords("BY DEFAULT"));
            words.keywords("AS IDENTITY")?;
            words.sign('(')?;
            words.keywords("SEQUENCE NAME")?;
            self.owners.insert(name(&mut words, path)?, table);
            return Some(());
        }
        words.keywords("ADD CONSTRAINT")?;
        words.identifier()?;
        words.keywords("FOREIGN KEY")?;
        columns(&mut words)?;
        words.keywords("REFERENCES")?;
        let target = name(&mut words, path)?;
        self.references.entry(table).or_default().insert(target);
        Some(())
    }

    /// `public.ports_id_seq OWNED BY public.ports.id`
    fn own(&mut self, mut words: Words<'_>, path: Option<&str>) -> Option<()> {
        let sequence = name(&mut words, path)?;
        words.keywords("OWNED BY")?;
        let mut column = words.path()?;
        column.pop()?;
        self.owners.insert(sequence, of_parts(column, path)?);
        Some(())
    }

    /// `pg_catalog.setval('public.ports_id_seq', 7, true)`
    fn number(&mut self, mut words: Words<'_>, statement: &Statement) -> Option<()> {
        let function = words.path()?;
        (function.last()? == "setval" && statement.is_whole).then_some(())?;
        words.sign('(')?;
        let sequence = words.string()?;
        // Nobody has drawn a number from it: it stands where a new one does.
        (words.0.trim() != ", 1, false)").then_some(())?;
        let name = of_parts(Words(&sequence).path()?, None)?;
        self.sequences.push(Sequence { name, sql: format!("{};", statement.text) });
        Some(())
    }
}

/// Refuses what is no plain text of `pg_dump`, by its first bytes.
fn check_mark(head: &[u8]) -> Result<(), DumpError> {
    let packed = |ending| Err(DumpError::Packed { ending });
    match head {
        [b'P', b'G', b'D', b'M', b'P', ..] | [b't', b'o', b'c', b'.', b'd', b'a', b't', 0] => {
            Err(DumpError::Archive)
        }
        [0x1f, 0x8b, ..] => packed(".gz"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => packed(".zst"),
        // What `>` of PowerShell writes.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Err(DumpError::Encoding { encoding: "UTF-16".to_owned() })
        }
        _ => Ok(()),
    }
}

/// `public.ports (code, name) FROM stdin`
fn block(
    mut words: Words<'_>,
    statement: &Statement,
    path: Option<&str>,
) -> Result<Block, DumpError> {
    let strange = |why| DumpError::Strange { line: statement.line, why };
    if !statement.is_whole {
        return Err(strange("it is too long"));
    }
    let named = || strange("it names no table and columns");
    let name = name(&mut words, path).ok_or_else(named)?;
    let columns = match words.0.trim_start().starts_with('(') {
        true => columns(&mut words).ok_or_else(named)?,
        false => Vec::new(),
    };
    if words.keywords("FROM stdin").is_none() || !words.0.trim().is_empty() {
        return Err(strange("COPY is followed by something else than rows"));
    }
    let line = statement.line;
    Ok(Block { name, columns, line, offset: 0, size_bytes: 0, n_rows: 0, has_values: false })
}

/// `(code, name)`
fn columns(words: &mut Words<'_>) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    words.sign('(')?;
    while words.sign(')').is_none() {
        columns.push(words.identifier()?);
        let _ = words.sign(',');
    }
    Some(columns)
}

/// `ports` or `public.ports`. Before version 11 `pg_dump` set the path, and named no schema.
fn name(words: &mut Words<'_>, path: Option<&str>) -> Option<Name> {
    of_parts(words.path()?, path)
}

fn of_parts(mut parts: Vec<String>, path: Option<&str>) -> Option<Name> {
    let table = parts.pop()?;
    Some(Name { schema: parts.pop().or_else(|| path.map(str::to_owned)), table })
}

enum Setting {
    Encoding(String),
    Standard(bool),
    Path(String),
}

/// What follows `SET`.
fn setting(mut words: Words<'_>) -> Option<Setting> {
    let name = words.identifier()?;
    words.sign('=').or_else(|| words.keywords("TO"))?;
    let value = words.string().or_else(|| words.identifier())?;
    match name.as_str() {
        "client_encoding" => Some(Setting::Encoding(value)),
        "standard_conforming_strings" => Some(Setting::Standard(value != "off")),
        "search_path" => Some(Setting::Path(value)),
        _ => None,
    }
}

/// A database of the encoding `SQL_ASCII` does not know what its bytes mean: they are looked at one by one.
fn is_utf8(encoding: &str) -> bool {
    ["utf8", "utf-8", "unicode", "sql_ascii"].contains(&encoding.to_ascii_lowercase().as_str())
}

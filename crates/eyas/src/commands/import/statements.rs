//! A plain dump, cut into its statements where psql cuts it, and the rows behind a COPY, which are skipped.
//!
//! ```text
//! COMMENT ON TABLE a IS 'see
//! COPY b (c) FROM stdin;                   <- in quotes: text of somebody, and no statement
//! ';
//! ```
//!
//! A semicolon ends a statement outside of `'…'`, `E'…\'…'`, `"…"`, `$tag$…$tag$`, `-- …`, nested `/* … */`, parentheses and
//! `BEGIN ATOMIC … END` of a function.
//!
//! Invariant: of a statement no more than [`STATEMENT_BYTES_MAX`] is kept, of a row nothing.

use std::io::{self, BufRead, Read as _};
use std::mem;

use crate::commands::import::copy_text::is_end;

/// What is kept of a statement: a table of 1,600 columns, each with the longest name, has less.
pub(crate) const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// What is kept of a word: no keyword that we look for is longer.
const WORD_BYTES_MAX: usize = 16;
/// Words at the head of a statement: `CREATE OR REPLACE FUNCTION`.
const HEAD_WORDS: usize = 4;

/// One statement, without its comments and its semicolon; or a command of psql, which begins with a backslash.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// Its beginning.
    pub(crate) text: String,
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// That is all of it.
    pub(crate) is_whole: bool,
}

/// How many rows there were, and how long they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rows {
    /// Where the first begins.
    pub(crate) offset: u64,
    /// Their bytes.
    pub(crate) size_bytes: u64,
    /// Their number.
    pub(crate) n_rows: u64,
    /// At least one has a value.
    pub(crate) has_values: bool,
}

/// The statements of a dump.
pub(crate) struct Statements<R> {
    dump: R,
    offset: u64,
    cutter: Cutter,
}

impl<R: BufRead> Statements<R> {
    /// `dump` is read from its first byte on.
    pub(crate) fn new(dump: R) -> Self {
        Self { dump, offset: 0, cutter: Cutter { line: 1, is_standard: true, ..Cutter::default() } }
    }

    /// The next one; one that the end of the dump cuts off is an error, with its line.
    pub(crate) fn next(&mut self) -> io::Result<Result<Option<Statement>, u64>> {
        loop {
            let block = match self.dump.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                block => block?,
            };
            if block.is_empty() {
                return Ok(self.cutter.end());
            }
            let end = block.iter().position(|&sign| self.cutter.take(sign));
            let n_bytes = end.map_or(block.len(), |end| end + 1);
            self.dump.consume(n_bytes);
            self.offset += n_bytes as u64;
            if end.is_some() {
                return Ok(Ok(Some(self.cutter.statement())));
            }
        }
    }

    /// Whether a backslash in `'…'` is one: `standard_conforming_strings`.
    pub(crate) fn set_standard(&mut self, is_standard: bool) {
        self.cutter.is_standard = is_standard;
    }

    /// Skips the rows behind a COPY, to their end. `None` where the dump has no end of them, or where something else stands
    /// behind the semicolon.
    pub(crate) fn skip_rows(&mut self) -> io::Result<Option<Rows>> {
        let (_, behind) = self.skip_line()?;
        if !behind.trim_ascii().is_empty() {
            return Ok(None);
        }
        let mut rows = Rows { offset: self.offset, ..Rows::default() };
        loop {
            let offset = self.offset;
            let (n_bytes, start) = self.skip_line()?;
            if n_bytes == 0 {
                return Ok(None);
            }
            if is_end(&start) {
                rows.size_bytes = offset - rows.offset;
                return Ok(Some(rows));
            }
            rows.n_rows += 1;
            rows.has_values |= !start.trim_ascii().is_empty();
        }
    }

    /// How long the next line is, and its first bytes.
    fn skip_line(&mut self) -> io::Result<(usize, Vec<u8>)> {
        // `\.`, and the line's end.
        let mut start = Vec::with_capacity(4);
        let mut n_bytes = (&mut self.dump).take(4).read_until(b'\n', &mut start)?;
        if n_bytes > 0 && !start.ends_with(b"\n") {
            n_bytes += self.dump.skip_until(b'\n')?;
        }
        self.offset += n_bytes as u64;
        self.cutter.line += 1;
        Ok((n_bytes, start))
    }
}

/// What the sign that comes next stands in.
#[derive(Clone, Copy, Debug, Default)]
enum Within {
    #[default]
    Nothing,
    /// `'…`
    Text { escapes: bool },
    /// `'…\`
    Escape,
    /// `'…'`, where another quote would go on with the text.
    TextEnd { escapes: bool },
    /// `"…`
    Name,
    /// `$ta`
    Tag,
    /// `$tag$…`, with so much of the tag at its end.
    Body { n_matched: usize },
    /// `-- …`
    Line,
    /// `/* … /* …`
    Comment { depth: u32 },
    /// `\connect …`
    Command,
}

/// Where an `E'…'` has ended: on a later line it may go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AfterEscapes {
    #[default]
    No,
    SameLine,
    LaterLine,
}

/// Finds the ends of statements, sign by sign.
#[derive(Debug, Default)]
struct Cutter {
    line: u64,
    is_standard: bool,
    within: Within,
    /// The sign before, unless it is part of something that is over.
    before: u8,
    /// With both of its `$`.
    tag: Vec<u8>,
    after_escapes: AfterEscapes,
    text: Vec<u8>,
    is_cut: bool,
    begins_at: u64,
    n_parentheses: u32,
    /// Depth of `BEGIN ATOMIC` and `CASE`.
    n_begins: u32,
    head: Vec<Vec<u8>>,
    word: Vec<u8>,
    word_before: Vec<u8>,
}

impl Cutter {
    /// Whether `sign` ends a statement.
    fn take(&mut self, sign: u8) -> bool {
        let before = mem::replace(&mut self.before, sign);
        let is_over = self.step(sign, before);
        self.line += u64::from(sign == b'\n');
        is_over
    }

    fn step(&mut self, sign: u8, before: u8) -> bool {
        match self.within {
            Within::Nothing => return self.plain(sign, before),
            Within::Line if sign == b'\n' => return self.leave(sign),
            Within::Line => return false,
            Within::Comment { depth } => {
                self.within = match (before, sign) {
                    (b'*', b'/') if depth == 1 => Within::Nothing,
                    (b'*', b'/') => Within::Comment { depth: depth - 1 },
                    (b'/', b'*') => Within::Comment { depth: depth.saturating_add(1) },
                    _ => return false,
                };
                self.before = 0;
                return false;
            }
            Within::Command if sign == b'\n' => return true,
            Within::TextEnd { escapes } if sign != b'\'' => {
                if escapes {
                    self.after_escapes = AfterEscapes::SameLine;
                }
                return self.leave(sign);
            }
            Within::Tag if !(sign == b'$' || self.goes_on_with_tag(sign)) => {
                return self.leave(sign);
            }
            _ => {}
        }
        self.keep(sign);
        self.within = match (self.within, sign) {
            (Within::Text { escapes }, b'\'') => Within::TextEnd { escapes },
            (Within::Text { escapes: true }, b'\\') => Within::Escape,
            (Within::Escape, _) => Within::Text { escapes: true },
            (Within::TextEnd { escapes }, _) => Within::Text { escapes },
            (Within::Name, b'"') => Within::Nothing,
            (Within::Tag, _) => {
                self.tag.push(sign);
                if sign == b'$' { Within::Body { n_matched: 0 } } else { Within::Tag }
            }
            (Within::Body { n_matched }, _) => match self.tag.get(n_matched) {
                Some(&wanted) if wanted == sign && n_matched + 1 == self.tag.len() => {
                    Within::Nothing
                }
                Some(&wanted) if wanted == sign => Within::Body { n_matched: n_matched + 1 },
                _ => Within::Body { n_matched: usize::from(sign == b'$') },
            },
            (within, _) => within,
        };
        false
    }

    /// `sign` is the first that stands in nothing.
    fn leave(&mut self, sign: u8) -> bool {
        self.within = Within::Nothing;
        self.plain(sign, 0)
    }

    fn goes_on_with_tag(&self, sign: u8) -> bool {
        // Past this it is no tag of anybody, and memory has an end.
        self.tag.len() < STATEMENT_BYTES_MAX
            && (is_letter(sign) || (self.tag.len() > 1 && sign.is_ascii_digit()))
    }

    fn plain(&mut self, sign: u8, before: u8) -> bool {
        let has_word = !self.word.is_empty();
        if is_letter(sign) || (has_word && (sign.is_ascii_digit() || sign == b'$')) {
            if self.word.len() < WORD_BYTES_MAX {
                self.word.push(sign.to_ascii_lowercase());
            }
            self.keep(sign);
            self.after_escapes = AfterEscapes::No;
            return false;
        }
        let is_escaped = self.word == b"e" || self.after_escapes == AfterEscapes::LaterLine;
        self.end_word();
        if sign == b'\n' && self.after_escapes == AfterEscapes::SameLine {
            self.after_escapes = AfterEscapes::LaterLine;
        } else if !sign.is_ascii_whitespace() {
            self.after_escapes = AfterEscapes::No;
        }
        match sign {
            b';' if self.n_parentheses == 0 && self.n_begins == 0 => return true,
            b'\'' => self.within = Within::Text { escapes: is_escaped || !self.is_standard },
            b'"' => self.within = Within::Name,
            b'$' => {
                self.tag = vec![sign];
                self.within = Within::Tag;
            }
            b'-' if before == b'-' => return self.comment(Within::Line),
            b'*' if before == b'/' => return self.comment(Within::Comment { depth: 1 }),
            b'(' => self.n_parentheses = self.n_parentheses.saturating_add(1),
            b')' => self.n_parentheses = self.n_parentheses.saturating_sub(1),
            b'\\' if self.text.is_empty() => self.within = Within::Command,
            _ => {}
        }
        self.keep(sign);
        false
    }

    /// Its first sign has been kept as one of the statement.
    fn comment(&mut self, within: Within) -> bool {
        if !self.is_cut {
            self.text.pop();
            self.keep(b' ');
        }
        (self.within, self.before) = (within, 0);
        false
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = mem::take(&mut self.word);
        if self.head.len() < HEAD_WORDS {
            self.head.push(word.clone());
        }
        if self.is_routine() {
            match word.as_slice() {
                b"atomic" if self.word_before == b"begin" && self.n_begins == 0 => {
                    self.n_begins = 1
                }
                b"case" if self.n_begins > 0 => self.n_begins = self.n_begins.saturating_add(1),
                b"end" => self.n_begins = self.n_begins.saturating_sub(1),
                _ => {}
            }
        }
        self.word_before = word;
    }

    /// `CREATE [OR REPLACE] { FUNCTION | PROCEDURE }`
    fn is_routine(&self) -> bool {
        let head: Vec<&[u8]> = self.head.iter().map(Vec::as_slice).collect();
        let is_routine = |word: &[u8]| word == b"function" || word == b"procedure";
        match head.as_slice() {
            [b"create", b"or", b"replace", word] => is_routine(word),
            [b"create", word, ..] => is_routine(word),
            _ => false,
        }
    }

    fn keep(&mut self, sign: u8) {
        if self.text.is_empty() {
            if sign.is_ascii_whitespace() {
                return;
            }
            self.begins_at = self.line;
        }
        if self.text.len() < STATEMENT_BYTES_MAX {
            self.text.push(sign);
        } else {
            self.is_cut = true;
        }
    }

    /// What was taken since the last one.
    fn statement(&mut self) -> Statement {
        let line = self.line;
        let fresh = Self { line, is_standard: self.is_standard, ..Self::default() };
        let taken = mem::replace(self, fresh);
        let text = String::from_utf8_lossy(&taken.text).trim_end().to_owned();
        Statement { text, line: taken.begins_at, is_whole: !taken.is_cut }
    }

    /// At the end of the dump.
    fn end(&mut self) -> Result<Option<Statement>, u64> {
        match self.within {
            Within::Command => Ok(Some(self.statement())),
            Within::Nothing | Within::Line if self.text.is_empty() => Ok(None),
            _ => Err(self.begins_at),
        }
    }
}

fn is_letter(sign: u8) -> bool {
    sign.is_ascii_alphabetic() || sign == b'_' || !sign.is_ascii()
}

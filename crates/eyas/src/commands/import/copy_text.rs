//! Rows of a COPY block, as `pg_dump` writes them, turned into NDJSON.
//!
//! ```text
//! CNCWN \t Chiwan \t \N        ->   {"code":"CNCWN","name":"Chiwan","parent_slug":null}
//! ```
//!
//! Every value stays the text that PostgreSQL wrote: the server reads it as its column wants it. Only where a column takes
//! numbers, true or false, or JSON does it stand without quotes.
//!
//! Invariant: the same block gives the same bytes whenever it is read, so an upload can go on at any of them.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;

/// The longest row that is read into memory; the server takes none that is longer either.
const ROW_BYTES_MAX: u64 = 16 << 20;

/// How the values of a column are written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As a text.
    Text,
    /// As a number where it is one in JSON; `NaN` is a text.
    Number,
    /// `t` and `f` as true and false.
    Bool,
    /// As the JSON that it is.
    Json,
    /// An instant, as RFC 3339 writes it: PostgreSQL leaves out the minutes of an offset.
    Instant,
}

/// The rows of a block as NDJSON, to be read to its end.
pub(crate) struct CopyRows<R> {
    block: R,
    columns: Vec<(String, Spelling)>,
    row: Vec<u8>,
    value: Vec<u8>,
    out: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl<R: BufRead> CopyRows<R> {
    /// `block` begins with the first row, `columns` are those of the COPY line, at least one.
    pub(crate) fn new(block: R, columns: impl IntoIterator<Item = (String, Spelling)>) -> Self {
        let name = |name: String| serde_json::Value::from(name).to_string();
        let columns = columns.into_iter().map(|(column, spelling)| (name(column), spelling));
        Self {
            block,
            columns: columns.collect(),
            row: Vec::new(),
            value: Vec::new(),
            out: Vec::new(),
            at: 0,
            is_over: false,
        }
    }

    /// Puts the next row into `out`, which stays empty at the end of the block.
    fn fill(&mut self) -> io::Result<()> {
        self.at = 0;
        self.out.clear();
        if self.is_over {
            return Ok(());
        }
        self.row.clear();
        let n_bytes = (&mut self.block).take(ROW_BYTES_MAX).read_until(b'\n', &mut self.row)?;
        if is_end(&self.row) {
            self.is_over = true;
            return Ok(());
        }
        let row = bare(&self.row);
        if n_bytes == 0 || n_bytes as u64 == ROW_BYTES_MAX {
            let why =
                if n_bytes == 0 { "the dump ends within a table" } else { "a row is too long" };
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let mut values = row.split(|&sign| sign == b'\t');
        let mut sign = b'{';
        for (name, spelling) in &self.columns {
            let value = values.next().ok_or_else(|| uneven(self.columns.len()))?;
            self.out.push(sign);
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b':');
            self.value.clear();
            match unescape(value, &mut self.value) {
                None => self.out.extend_from_slice(b"null"),
                Some(()) => write(&self.value, *spelling, &mut self.out)?,
            }
            sign = b',';
        }
        if values.next().is_some() {
            return Err(uneven(self.columns.len()));
        }
        self.out.extend_from_slice(b"}\n");
        Ok(())
    }
}

impl<R: BufRead> Read for CopyRows<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.out.len() {
            self.fill()?;
        }
        let n_bytes = into.len().min(self.out.len() - self.at);
        into[..n_bytes].copy_from_slice(&self.out[self.at..self.at + n_bytes]);
        self.at += n_bytes;
        Ok(n_bytes)
    }
}

/// Whether this line ends a block.
pub(crate) fn is_end(line: &[u8]) -> bool {
    bare(line) == b"\\."
}

/// A line without its end, which a dump made on Windows has two signs of.
fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn uneven(n_columns: usize) -> io::Error {
    let why = format!("a row of the dump has not {n_columns} values, as its COPY line has columns");
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A value of the text format of COPY; `None` is null.
pub(crate) fn unescape(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if value == b"\\N" {
        return None;
    }
    let mut rest = value;
    while let Some((&sign, tail)) = rest.split_first() {
        rest = tail;
        let Some((&escape, tail)) = rest.split_first().filter(|_| sign == b'\\') else {
            out.push(sign);
            continue;
        };
        rest = tail;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'0'..=b'7' => {
                let mut byte = u32::from(escape - b'0');
                byte = digits(&mut rest, 8, 2, byte);
                out.push(byte as u8);
            }
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
                out.push(digits(&mut rest, 16, 2, 0) as u8);
            }
            other => out.push(other),
        }
    }
    Some(())
}

/// Up to `n_max` more digits behind `number`.
fn digits(rest: &mut &[u8], radix: u32, n_max: usize, mut number: u32) -> u32 {
    for _ in 0..n_max {
        let Some(digit) = rest.first().and_then(|&sign| char::from(sign).to_digit(radix)) else {
            break;
        };
        number = number * radix + digit;
        *rest = &rest[1..];
    }
    number
}

fn write(value: &[u8], spelling: Spelling, out: &mut Vec<u8>) -> io::Result<()> {
    let text = std::str::from_utf8(value).map_err(|_| {
        let why = "the dump is not UTF-8: make it anew with `pg_dump --encoding=UTF8`";
        io::Error::new(io::ErrorKind::InvalidData, why)
    })?;
    let is_json = || serde_json::from_str::<&RawValue>(text).is_ok();
    let is_number = || text.starts_with(|sign: char| sign == '-' || sign.is_ascii_digit());
    let bare = match (spelling, text) {
        (Spelling::Bool, "t") => Some(Cow::Borrowed("true")),
        (Spelling::Bool, "f") => Some(Cow::Borrowed("false")),
        (Spelling::Number, _) => (is_number() && is_json()).then_some(Cow::Borrowed(text)),
        // A line feed would end the row, and can only stand between tokens.
        (Spelling::Json, _) => is_json().then(|| Cow::Owned(text.replace(['\n', '\r'], " "))),
        (Spelling::Instant, _) => {
            let offset = text.len().checked_sub(3).and_then(|at| text.get(at..));
            let is_short = offset.is_some_and(|offset| offset.starts_with(['+', '-']));
            let rest = if is_short { ":00" } else { "" };
            Some(Cow::Owned(serde_json::Value::from(format!("{text}{rest}")).to_string()))
        }
        _ => None,
    };
    match bare {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => serde_json::to_writer(out, text)?,
    }
    Ok(())
}

//! Rows of a batch as bytes: what a chunk of the batches lane carries, and what a driver reads back.
//!
//! ```text
//! block: row…                  row: line, value…        (each number a LEB128 varint)
//!   line   distance from the line of the row before it (from 0 for the first of a block)
//!   value  0 = null, else length + 1 and that many bytes of UTF-8 text
//! ```
//!
//! Values are texts, checked and spelled by the pipeline as their columns want them, so a block says the same to every
//! database. How many columns and rows there are stands beside the block.

use std::str;

use thiserror::Error;

/// Builds one block.
#[derive(Debug, Default)]
pub struct RowBlockBuilder {
    bytes: Vec<u8>,
    n_rows: u32,
    last_line: u64,
}

impl RowBlockBuilder {
    /// Adds a row that stood in line `line` of the body; lines never fall.
    pub fn push<'v>(&mut self, line: u64, values: impl IntoIterator<Item = Option<&'v str>>) {
        put(&mut self.bytes, line - self.last_line);
        self.last_line = line;
        for value in values {
            match value {
                None => self.bytes.push(0),
                Some(text) => {
                    put(&mut self.bytes, text.len() as u64 + 1);
                    self.bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        self.n_rows += 1;
    }

    /// Bytes so far.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Rows so far.
    pub fn n_rows(&self) -> u32 {
        self.n_rows
    }

    /// What was built; the builder begins anew.
    pub fn take(&mut self) -> Vec<u8> {
        (self.n_rows, self.last_line) = (0, 0);
        std::mem::take(&mut self.bytes)
    }
}

/// One block to read.
#[derive(Clone, Debug)]
pub struct RowBlock<B> {
    /// As built.
    pub bytes: B,
    /// Values of each row.
    pub n_columns: usize,
    /// Rows in it.
    pub n_rows: u32,
    /// The number of its first row within the batch; rows are counted from 1.
    pub first_row: u64,
}

impl<B: AsRef<[u8]>> RowBlock<B> {
    /// The rows, in order.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            rest: self.bytes.as_ref(),
            n_columns: self.n_columns,
            n_left: self.n_rows,
            row: self.first_row,
            line: 0,
        }
    }
}

/// Where a row stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// Its number within the batch, from 1.
    pub row: u64,
    /// The line of the body that it began in, from 1.
    pub line: u64,
}

/// The rows of a block, one after the other.
#[derive(Debug)]
pub struct Rows<'b> {
    rest: &'b [u8],
    n_columns: usize,
    n_left: u32,
    row: u64,
    line: u64,
}

impl<'b> Rows<'b> {
    /// Puts the values of the next row into `values`, which is emptied first. `None`: there are no more.
    ///
    /// # Errors
    /// [`RowsDamaged`] where the bytes are no rows of so many columns, or some are left over.
    pub fn next_into(
        &mut self,
        values: &mut Vec<Option<&'b str>>,
    ) -> Result<Option<RowPlace>, RowsDamaged> {
        values.clear();
        if self.n_left == 0 {
            return if self.rest.is_empty() { Ok(None) } else { Err(RowsDamaged) };
        }
        let distance = take_number(&mut self.rest)?;
        self.line = self.line.checked_add(distance).ok_or(RowsDamaged)?;
        for _ in 0..self.n_columns {
            let value = match take_number(&mut self.rest)? {
                0 => None,
                more => {
                    let n_bytes = usize::try_from(more - 1).map_err(|_| RowsDamaged)?;
                    let (text, rest) = self.rest.split_at_checked(n_bytes).ok_or(RowsDamaged)?;
                    self.rest = rest;
                    Some(str::from_utf8(text).map_err(|_| RowsDamaged)?)
                }
            };
            values.push(value);
        }
        let place = RowPlace { row: self.row, line: self.line };
        (self.n_left, self.row) = (self.n_left - 1, self.row + 1);
        Ok(Some(place))
    }
}

/// The bytes are not what [`RowBlockBuilder`] built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the rows are damaged")]
pub struct RowsDamaged;

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Result<u64, RowsDamaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first().ok_or(RowsDamaged)?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(RowsDamaged);
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(RowsDamaged)
}

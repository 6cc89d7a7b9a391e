//! Rows on their way out: `{"<name>":[{…},…]}`, one object a line, or CSV.
//!
//! Numbers keep all their digits: they are the database's own texts. In CSV a text that begins like a formula gets a `'` in front,
//! as in every export ([`crate::csv`]); numbers never do.

use model::json::{self, Breaks};
use store::{SqlCell, SqlColumn, SqlPiece};

use crate::csv;
use crate::wire::media::Output;

/// Writes the rows of one answer.
pub(crate) struct Shape {
    output: Output,
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
    has_rows: bool,
}

impl Shape {
    /// And what stands before the first row.
    pub(crate) fn begin(output: Output, name: &str, columns: &[SqlColumn]) -> (Self, Vec<u8>) {
        let mut out = Vec::with_capacity(1024);
        let key = |column: &SqlColumn| {
            let mut key = Vec::with_capacity(column.name.len() + 4);
            json::write_string(&mut key, &column.name);
            key.push(b':');
            key
        };
        match output {
            Output::Json => {
                out.push(b'{');
                json::write_string(&mut out, name);
                out.extend_from_slice(b":[");
            }
            Output::Lines => {}
            Output::Csv => {
                for (at, column) in columns.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    csv::write_text(&mut out, Some(&column.name));
                }
                out.extend_from_slice(b"\r\n");
            }
        }
        (Self { output, keys: columns.iter().map(key).collect(), has_rows: false }, out)
    }

    /// Some rows.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, piece: &SqlPiece) {
        if self.keys.is_empty() {
            return;
        }
        let last = self.keys.len() - 1;
        let mut column = 0;
        for cell in piece.cells() {
            match self.output {
                Output::Csv => csv_cell(out, column, cell),
                Output::Json | Output::Lines => {
                    if column == 0 {
                        out.extend_from_slice(self.before_row());
                    }
                    out.push(if column == 0 { b'{' } else { b',' });
                    out.extend_from_slice(&self.keys[column]);
                    write_json(out, cell);
                }
            }
            if column == last {
                out.extend_from_slice(match self.output {
                    Output::Json => b"}",
                    Output::Lines => b"}\n",
                    Output::Csv => b"\r\n",
                });
                self.has_rows = true;
            }
            column = if column == last { 0 } else { column + 1 };
        }
    }

    fn before_row(&self) -> &'static [u8] {
        if self.output == Output::Json && self.has_rows { b"," } else { b"" }
    }

    /// What stands behind the last row.
    pub(crate) fn end(&self, out: &mut Vec<u8>) {
        if self.output == Output::Json {
            out.extend_from_slice(b"]}");
        }
    }
}

/// One value. Line breaks can only stand between the tokens of a JSON column; lines have none.
pub(crate) fn write_json(out: &mut Vec<u8>, cell: SqlCell<'_>) {
    match cell {
        SqlCell::Null => out.extend_from_slice(b"null"),
        SqlCell::Json(text) => json::write_value(out, text, Breaks::ToSpaces),
        SqlCell::Text(text) => json::write_string(out, text),
    }
}

fn csv_cell(out: &mut Vec<u8>, column: usize, cell: SqlCell<'_>) {
    if column > 0 {
        out.push(b',');
    }
    match cell {
        SqlCell::Null => {}
        SqlCell::Json(text) => csv::write_json(out, text),
        SqlCell::Text(text) => csv::write_text(out, Some(text)),
    }
}

//! What a table takes: its columns as the database describes them, what a batch does to it, the schema of a row.

use std::sync::Arc;

use store::{Table, TableMode};

use crate::schemas::compiled::Compiled;

/// A table that batches may go into. Made at the start, never changed.
#[derive(Debug)]
pub struct TableRules {
    /// Its columns, as the database says.
    pub table: Table,
    /// What a batch does to the rows that are there.
    pub mode: TableMode,
    /// What a row has to look like as a JSON object, where somebody has said so.
    pub schema: Option<Arc<Compiled>>,
}

/// How the rows are written in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// One JSON object a line.
    Ndjson,
    /// One JSON array of objects.
    JsonArray,
    /// A header row, then a record for each row (RFC 4180).
    Csv,
}

impl RowFormat {
    const ALL: [Self; 3] = [Self::Ndjson, Self::JsonArray, Self::Csv];

    /// Its name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::JsonArray => "json",
            Self::Csv => "csv",
        }
    }

    /// The format with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }
}

//! The contract of reading by SQL: statements that somebody else wrote, run read-only within limits.
//!
//! ```text
//! SQL text -> Statement (statement.rs: parameters found, never spliced) -> read_sql(values, limits) -> SqlRows
//!                                                                             columns, then pieces of rows as they come
//! ```
//!
//! Invariant: nothing that runs here can change anything, and nothing runs for longer, or answers with more, than its
//! [`SqlLimits`] say.

use std::fmt::{Display, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::Stream;
use futures_util::StreamExt as _;
use thiserror::Error;

use crate::statement::Statement;

/// One value for a parameter, already checked. Days, times and UUIDs are texts in the one spelling that [`SqlType`](crate::statement::SqlType) names.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// None.
    Null,
    /// A text, a day, a time or a UUID.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// Values of a list, none of them a list or null.
    List(Vec<SqlValue>),
}

/// What one run may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlLimits {
    /// The database works no longer than this, the wait for a connection included.
    pub time_max: Duration,
    /// A client that takes its time may hold the answer up for so long, all in all.
    pub hold_max: Duration,
    /// Rows that are read; where there are more, the last piece says so.
    pub rows_max: u64,
    /// Bytes of all values together, each at least 8.
    pub bytes_max: u64,
}

/// One run of a statement.
#[derive(Clone, Debug)]
pub struct SqlAsk {
    /// What runs.
    pub statement: Arc<Statement>,
    /// A value for each of its parameters, in the order in which they are declared.
    pub values: Vec<SqlValue>,
    /// What it may cost.
    pub limits: SqlLimits,
    /// What the database may remember of it.
    pub plan: SqlPlan,
}

/// What the database remembers of how a statement runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SqlPlan {
    /// Nothing of it outlives the run.
    Once,
    /// It comes again and again: as much as the database thinks good.
    #[default]
    Kept,
    /// The same, and PostgreSQL makes one plan for any values rather than one for these values at each run. SQLite always does.
    Generic,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlColumn {
    /// Its name, as the statement has it.
    pub name: String,
    /// Its type in the database's words; empty where SQLite knows none.
    pub kind: String,
}

/// One value of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlCell<'a> {
    /// Null.
    Null,
    /// JSON as it stands: a number with all its digits, `true`, `false`, or the text of a JSON column.
    Json(&'a str),
    /// Text: to be quoted. Days are `YYYY-MM-DD`, times RFC 3339, bytes `\x` and hexadecimal digits, and numbers that JSON
    /// does not have `NaN`, `Infinity` and `-Infinity`.
    Text(&'a str),
}

/// What a cell costs beside its text: where it ends, and at least the brackets, commas and quotes around it in an answer.
const CELL_BYTES: usize = 8;

/// Some rows of an answer: the texts of their cells behind each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlPiece {
    text: String,
    /// Where each cell ends, and how it is to be read.
    ends: Vec<(u32, Mark)>,
    /// There are more rows than the limit lets through; this is the last piece.
    pub is_cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Null,
    Json,
    Text,
}

impl SqlPiece {
    /// Adds the next cell of the row.
    pub fn push(&mut self, cell: SqlCell<'_>) {
        let mark = match cell {
            SqlCell::Null => Mark::Null,
            SqlCell::Json(text) => {
                self.text.push_str(text);
                Mark::Json
            }
            SqlCell::Text(text) => {
                self.text.push_str(text);
                Mark::Text
            }
        };
        self.end(mark);
    }

    /// Adds the next cell: JSON as it stands.
    pub(crate) fn push_json(&mut self, value: impl Display) {
        // Writing to a text cannot fail.
        let _ = write!(self.text, "{value}");
        self.end(Mark::Json);
    }

    /// Adds the next cell: text.
    pub(crate) fn push_text(&mut self, value: impl Display) {
        let _ = write!(self.text, "{value}");
        self.end(Mark::Text);
    }

    fn end(&mut self, mark: Mark) {
        let end = u32::try_from(self.text.len()).expect("a piece ends long before 4 GiB");
        self.ends.push((end, mark));
    }

    /// Bytes of its cells. Each costs some, whether there is a text in it or not: rows of nulls are rows.
    pub fn size_bytes(&self) -> usize {
        self.text.len() + self.ends.len() * CELL_BYTES
    }

    /// Whether there is no row in it.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Its cells, row by row, from left to right.
    pub fn cells(&self) -> impl Iterator<Item = SqlCell<'_>> {
        let mut begin = 0;
        self.ends.iter().map(move |&(end, mark)| {
            let text = &self.text[begin..end as usize];
            begin = end as usize;
            match mark {
                Mark::Null => SqlCell::Null,
                Mark::Json => SqlCell::Json(text),
                Mark::Text => SqlCell::Text(text),
            }
        })
    }
}

/// An answer as it comes. Dropped early, it ends the statement.
pub struct SqlRows {
    /// Its columns. Several may have one name.
    pub columns: Arc<[SqlColumn]>,
    pieces: SqlPieces,
}

/// The rows of an answer, a bounded piece at a time.
pub(crate) type SqlPieces = Pin<Box<dyn Stream<Item = Result<SqlPiece, SqlError>> + Send>>;

impl SqlRows {
    pub(crate) fn new(columns: Arc<[SqlColumn]>, pieces: SqlPieces) -> Self {
        Self { columns, pieces }
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// What went wrong while the statement ran. It is over then.
    pub async fn next(&mut self) -> Result<Option<SqlPiece>, SqlError> {
        self.pieces.next().await.transpose()
    }
}

/// The texts of all cells of an answer that is short, row by row; null is the empty text.
///
/// # Errors
/// What went wrong while the statement ran.
pub(crate) async fn texts(mut rows: SqlRows) -> Result<Vec<String>, SqlError> {
    let mut all = Vec::new();
    while let Some(piece) = rows.next().await? {
        all.extend(piece.cells().map(|cell| match cell {
            SqlCell::Null => String::new(),
            SqlCell::Json(text) | SqlCell::Text(text) => text.to_owned(),
        }));
    }
    Ok(all)
}

/// Why there is no answer. Variants are decisions.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SqlError {
    /// The database does not take the statement, or it wants more than to read: in the database's words.
    #[error("{0}")]
    Refused(String),
    /// It ran and failed: in the database's words.
    #[error("{0}")]
    Failed(String),
    /// It took longer than it may.
    #[error("it takes longer than {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The answer has more bytes than it may.
    #[error("the answer has more than {0} bytes")]
    TooBig(u64),
    /// The database cannot answer now; the same call may succeed later.
    #[error("the database cannot answer: {0}")]
    Unavailable(String),
    /// So many statements run already, which is as many as there are connections for them.
    #[error("all {0} connections for queries are in use")]
    Busy(usize),
}

/// Reading by SQL.
#[async_trait]
pub trait SqlReader: Send + Sync {
    /// Lets the database look at the statement without running it: the columns that it would answer with.
    ///
    /// # Errors
    /// [`SqlError::Refused`] where it cannot run, or has a column whose type has no form here.
    async fn check_sql(&self, statement: Arc<Statement>) -> Result<Vec<SqlColumn>, SqlError>;

    /// Runs it. A connection that breaks before the first row is replaced, and the statement runs again: it only reads.
    ///
    /// # Errors
    /// See [`SqlError`]. Whatever it is, the next call finds a connection that works, if there is a database.
    async fn read_sql(&self, ask: SqlAsk) -> Result<SqlRows, SqlError>;

    /// How the database would run it, without running it: lines for people in the database's own words, each indented below
    /// the step that it is part of. On a connection with the settings and the limits of [`Self::read_sql`], for these values;
    /// where the ask says [`SqlPlan::Generic`], PostgreSQL tells the one plan that it has for any values. The lines are empty
    /// where the database has nothing to plan.
    ///
    /// # Errors
    /// See [`SqlError`]; `Refused` also where it is no statement that a database plans.
    async fn plan_sql(&self, ask: SqlAsk) -> Result<Vec<String>, SqlError>;

    /// Statements that run at a time; one more waits until another has ended, or its time has. Each has a connection of its own,
    /// which nothing but statements of others uses.
    fn statements_max(&self) -> usize;
}

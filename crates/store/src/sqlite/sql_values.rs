//! Values between SQL statements and SQLite: what is bound, and what comes out, as texts.
//!
//! A column's declared type says what SQLite's few types mean: 1 in a `BOOLEAN` is true, a text in a `JSON` column is JSON, and
//! one in a `DECIMAL` column is a number with all its digits.

use std::fmt::{self, Display, Formatter};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use serde::de::IgnoredAny;

use crate::sql::{SqlCell, SqlPiece, SqlValue};

/// What a column's declared type makes of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Bool,
    Json,
    Decimal,
}

impl Kind {
    /// By the declared type, in lower case.
    pub(crate) fn of(declared: &str) -> Self {
        let is = |word| declared.starts_with(word);
        if is("bool") {
            Self::Bool
        } else if is("json") {
            Self::Json
        } else if is("dec") || is("numeric") {
            Self::Decimal
        } else {
            Self::Plain
        }
    }
}

/// A value as it is bound.
pub(crate) fn bound(value: &SqlValue) -> ToSqlOutput<'_> {
    match value {
        SqlValue::Null => ToSqlOutput::Owned(Value::Null),
        SqlValue::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        SqlValue::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
        SqlValue::Float(number) => ToSqlOutput::Owned(Value::Real(*number)),
        SqlValue::Bool(is_true) => ToSqlOutput::Owned(Value::Integer(i64::from(*is_true))),
        SqlValue::List(values) => ToSqlOutput::Owned(Value::Text(json(values))),
    }
}

/// What `json_each` takes.
fn json(values: &[SqlValue]) -> String {
    let one = |value: &SqlValue| match value {
        SqlValue::Text(text) => serde_json::Value::from(text.as_str()),
        SqlValue::Int(number) => (*number).into(),
        SqlValue::Float(number) => (*number).into(),
        SqlValue::Bool(is_true) => (*is_true).into(),
        SqlValue::Null | SqlValue::List(_) => serde_json::Value::Null,
    };
    serde_json::Value::Array(values.iter().map(one).collect()).to_string()
}

/// Adds the next cell.
pub(crate) fn push(piece: &mut SqlPiece, value: ValueRef<'_>, kind: Kind) {
    match value {
        ValueRef::Null => piece.push(SqlCell::Null),
        ValueRef::Integer(number @ (0 | 1)) if kind == Kind::Bool => {
            piece.push(SqlCell::Json(if number == 1 { "true" } else { "false" }));
        }
        ValueRef::Integer(number) => piece.push_json(number),
        ValueRef::Real(number) => push_float(piece, number),
        ValueRef::Text(bytes) => match String::from_utf8_lossy(bytes) {
            text if is_json(&text, kind) => piece.push(SqlCell::Json(&text)),
            text => piece.push(SqlCell::Text(&text)),
        },
        ValueRef::Blob(bytes) => piece.push_text(Hex(bytes)),
    }
}

fn is_json(text: &str, kind: Kind) -> bool {
    let is_number = || text.starts_with(|sign: char| sign == '-' || sign.is_ascii_digit());
    let is_good = || serde_json::from_str::<IgnoredAny>(text).is_ok();
    match kind {
        Kind::Json => is_good(),
        Kind::Decimal => is_number() && is_good(),
        Kind::Plain | Kind::Bool => false,
    }
}

/// The shortest digits that are read as the same number; text where JSON has none.
pub(crate) fn push_float(piece: &mut SqlPiece, number: f64) {
    if number.is_finite() {
        piece.push_json(format_args!("{number:?}"));
    } else if number.is_nan() {
        piece.push(SqlCell::Text("NaN"));
    } else {
        piece.push(SqlCell::Text(if number > 0.0 { "Infinity" } else { "-Infinity" }));
    }
}

/// Bytes as `\x` and hexadecimal digits, as PostgreSQL has it.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("\\x")?;
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

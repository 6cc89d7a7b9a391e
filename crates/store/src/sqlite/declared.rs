//! The declared type of a SQLite column as what it takes, and the value that stands for a text there.
//!
//! SQLite itself would put anything into most columns; the declared word is what the table's author meant. Which words
//! mean what stands in docs/tables.md.

use rusqlite::types::ToSqlOutput;
use rusqlite::types::Value;
use rusqlite::types::ValueRef;

use crate::tables::ColumnKind;

/// What a column of this declared type takes. The first word decides, so `DECIMAL_TEXT(12,4)` is a decimal whose affinity
/// is text.
pub(crate) fn kind(declared: &str) -> ColumnKind {
    let upper = declared.to_ascii_uppercase();
    let (words, numbers) = match upper.split_once('(') {
        Some((words, rest)) => (words, rest.split_once(')').map_or(rest, |(inner, _)| inner)),
        None => (upper.as_str(), ""),
    };
    let mut numbers = numbers.split(',').map(|text| text.trim().parse::<u32>().ok());
    let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
    let word = words.split_ascii_whitespace().next().unwrap_or("");
    match word.strip_suffix("_TEXT").unwrap_or(word) {
        "INT" | "INTEGER" | "BIGINT" | "INT8" | "INT4" | "MEDIUMINT" | "UNSIGNED" => {
            ColumnKind::Int { bits: 64 }
        }
        "SMALLINT" | "INT2" | "TINYINT" => ColumnKind::Int { bits: 16 },
        "REAL" | "DOUBLE" | "FLOAT" => ColumnKind::Float { bits: 64 },
        "NUMERIC" | "DECIMAL" => {
            let limits = first.map(|digits| {
                let digits = u16::try_from(digits).unwrap_or(u16::MAX);
                (digits, i16::try_from(second.unwrap_or(0)).unwrap_or(i16::MAX))
            });
            ColumnKind::Decimal { limits }
        }
        "BOOLEAN" | "BOOL" => ColumnKind::Bool,
        "TEXT" | "CLOB" => ColumnKind::Text { chars_max: None },
        "VARCHAR" | "CHAR" | "CHARACTER" | "NVARCHAR" | "NCHAR" | "VARYING" | "NATIVE" => {
            ColumnKind::Text { chars_max: first }
        }
        "DATE" => ColumnKind::Date,
        "TIME" => ColumnKind::Time { has_zone: false },
        "TIMESTAMPTZ" => ColumnKind::Timestamp { has_zone: true },
        "TIMESTAMP" | "DATETIME" => {
            ColumnKind::Timestamp { has_zone: upper.contains("WITH TIME ZONE") }
        }
        "UUID" => ColumnKind::Uuid,
        "JSON" | "JSONB" => ColumnKind::Json,
        "BLOB" | "BYTEA" => ColumnKind::Bytes,
        _ => ColumnKind::Other,
    }
}

/// The value of a text for a column that takes `kind`. What is no such value goes in as the text that it is, and the
/// database judges it.
pub(crate) fn value(kind: ColumnKind, text: Option<&str>) -> ToSqlOutput<'_> {
    let Some(text) = text else { return ToSqlOutput::Owned(Value::Null) };
    let typed = match kind {
        ColumnKind::Int { .. } => text.parse().ok().map(Value::Integer),
        // SQLite makes null of what is not a number.
        ColumnKind::Float { .. } => {
            text.parse().ok().filter(|number: &f64| !number.is_nan()).map(Value::Real)
        }
        ColumnKind::Bool => match text {
            "true" => Some(Value::Integer(1)),
            "false" => Some(Value::Integer(0)),
            _ => None,
        },
        ColumnKind::Bytes => text.strip_prefix("\\x").and_then(bytes_of).map(Value::Blob),
        _ => None,
    };
    typed.map_or(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())), ToSqlOutput::Owned)
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

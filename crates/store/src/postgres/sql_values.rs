//! Values between SQL statements and PostgreSQL: parameters go as texts with a type, which the server reads as it would read a
//! literal; answers come in the binary format and leave as texts.
//!
//! Numbers keep all their digits. A type that has no form here is refused by name, with the cast that mends it.

use std::error::Error;
use std::fmt::{self, Display, Formatter, Write as _};

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type};

use crate::postgres::sql_times::{Day, Moment};
use crate::sql::{SqlCell, SqlPiece, SqlValue};
use crate::statement::{SqlKind, SqlType};

/// The type under which a parameter is bound.
pub(crate) fn type_of(kind: SqlKind) -> Type {
    match (kind.of, kind.is_list) {
        (SqlType::Text, false) => Type::TEXT,
        (SqlType::Int, false) => Type::INT8,
        (SqlType::Float, false) => Type::FLOAT8,
        (SqlType::Bool, false) => Type::BOOL,
        (SqlType::Date, false) => Type::DATE,
        (SqlType::Timestamp, false) => Type::TIMESTAMPTZ,
        (SqlType::Uuid, false) => Type::UUID,
        (SqlType::Text, true) => Type::TEXT_ARRAY,
        (SqlType::Int, true) => Type::INT8_ARRAY,
        (SqlType::Float, true) => Type::FLOAT8_ARRAY,
        (SqlType::Bool, true) => Type::BOOL_ARRAY,
        (SqlType::Date, true) => Type::DATE_ARRAY,
        (SqlType::Timestamp, true) => Type::TIMESTAMPTZ_ARRAY,
        (SqlType::Uuid, true) => Type::UUID_ARRAY,
    }
}

/// A value as it is bound: its text. Only values that were checked for their type come here.
#[derive(Debug)]
pub(crate) struct Bound<'a>(pub(crate) &'a SqlValue);

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        _type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if *self.0 == SqlValue::Null {
            return Ok(IsNull::Yes);
        }
        out.put_slice(text(self.0).as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_type: &Type) -> bool {
        true
    }

    fn encode_format(&self, _type: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

fn text(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Int(number) => number.to_string(),
        SqlValue::Float(number) => format!("{number:?}"),
        SqlValue::Bool(is_true) => is_true.to_string(),
        SqlValue::List(values) => {
            let mut list = String::from("{");
            for (at, value) in values.iter().enumerate() {
                list.push_str(if at > 0 { ",\"" } else { "\"" });
                for sign in text(value).chars() {
                    if matches!(sign, '"' | '\\') {
                        list.push('\\');
                    }
                    list.push(sign);
                }
                list.push('"');
            }
            list.push('}');
            list
        }
    }
}

/// The bytes of a value as the server sends them.
pub(crate) struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_type: &Type) -> bool {
        true
    }
}

/// How a type's values look from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// JSON as it stands.
    Json,
    /// Text, to be quoted.
    Text,
}

/// Whether values of the type have a form here.
pub(crate) fn has_form(of: &Type) -> bool {
    look(of).is_some()
}

fn look(of: &Type) -> Option<Look> {
    match of.kind() {
        Kind::Enum(_) => return Some(Look::Text),
        Kind::Domain(base) => return look(base),
        Kind::Array(item) => return look(item).map(|_| Look::Json),
        _ => {}
    }
    Some(match *of {
        Type::BOOL
        | Type::INT2
        | Type::INT4
        | Type::INT8
        | Type::OID
        | Type::FLOAT4
        | Type::FLOAT8
        | Type::NUMERIC
        | Type::JSON
        | Type::JSONB => Look::Json,
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::UNKNOWN
        | Type::XML
        | Type::CHAR
        | Type::BYTEA
        | Type::UUID
        | Type::DATE
        | Type::TIME
        | Type::TIMESTAMP
        | Type::TIMESTAMPTZ
        | Type::VOID => Look::Text,
        _ if of.name() == "citext" => Look::Text,
        _ => return None,
    })
}

/// Adds the next cell. `None`: the bytes are not those of the type, which would be the server's fault.
pub(crate) fn push(piece: &mut SqlPiece, of: &Type, raw: Option<Raw<'_>>) -> Option<()> {
    let Some(Raw(raw)) = raw else {
        piece.push(SqlCell::Null);
        return Some(());
    };
    let value = Value::read(of, raw)?;
    if value.is_json() {
        piece.push_json(&value);
    } else {
        piece.push_text(&value);
    }
    Some(())
}

/// A value that was read.
enum Value<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Of 32 bits: its shortest digits are fewer.
    Single(f32),
    Decimal(Decimal<'a>),
    Json(&'a str),
    Text(&'a str),
    Bytes(&'a [u8]),
    Uuid(&'a [u8]),
    Day(i32),
    Moment {
        micros: i64,
        has_zone: bool,
    },
    Time(i64),
    /// As JSON.
    Array(String),
}

impl<'a> Value<'a> {
    fn read(of: &Type, raw: &'a [u8]) -> Option<Self> {
        match of.kind() {
            Kind::Domain(base) => return Self::read(base, raw),
            Kind::Array(item) => return Some(Self::Array(array(item, raw)?)),
            Kind::Enum(_) => return Some(Self::Text(std::str::from_utf8(raw).ok()?)),
            _ => {}
        }
        let four = || raw.try_into().ok();
        let eight = || raw.try_into().ok();
        Some(match *of {
            Type::BOOL => Self::Bool(*raw.first()? != 0),
            Type::INT2 => Self::Int(i16::from_be_bytes(raw.try_into().ok()?).into()),
            Type::INT4 => Self::Int(i32::from_be_bytes(four()?).into()),
            Type::INT8 => Self::Int(i64::from_be_bytes(eight()?)),
            Type::OID => Self::Int(u32::from_be_bytes(four()?).into()),
            Type::FLOAT4 => Self::Single(f32::from_be_bytes(four()?)),
            Type::FLOAT8 => Self::Float(f64::from_be_bytes(eight()?)),
            Type::NUMERIC => Self::Decimal(Decimal::read(raw)?),
            Type::JSON => Self::Json(std::str::from_utf8(raw).ok()?),
            Type::JSONB => Self::Json(std::str::from_utf8(raw.get(1..)?).ok()?),
            Type::BYTEA => Self::Bytes(raw),
            Type::UUID => Self::Uuid(raw),
            Type::DATE => Self::Day(i32::from_be_bytes(four()?)),
            Type::TIME => Self::Time(i64::from_be_bytes(eight()?)),
            Type::TIMESTAMP => {
                Self::Moment { micros: i64::from_be_bytes(eight()?), has_zone: false }
            }
            Type::TIMESTAMPTZ => {
                Self::Moment { micros: i64::from_be_bytes(eight()?), has_zone: true }
            }
            _ => Self::Text(std::str::from_utf8(raw).ok()?),
        })
    }

    /// Numbers that JSON does not have are texts.
    fn is_json(&self) -> bool {
        match self {
            Self::Bool(_) | Self::Int(_) | Self::Json(_) | Self::Array(_) => true,
            Self::Float(number) => number.is_finite(),
            Self::Single(number) => number.is_finite(),
            Self::Decimal(number) => number.sign < SPECIAL,
            _ => false,
        }
    }
}

impl Display for Value<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(is_true) => write!(out, "{is_true}"),
            Self::Int(number) => write!(out, "{number}"),
            Self::Float(number) if number.is_finite() => write!(out, "{number:?}"),
            Self::Float(number) => special(out, *number),
            Self::Single(number) if number.is_finite() => write!(out, "{number:?}"),
            Self::Single(number) => special(out, f64::from(*number)),
            Self::Decimal(number) => number.fmt(out),
            Self::Json(text) | Self::Text(text) => out.write_str(text),
            Self::Array(text) => out.write_str(text),
            Self::Bytes(bytes) => {
                out.write_str("\\x")?;
                bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
            Self::Uuid(bytes) => bytes.iter().enumerate().try_for_each(|(at, byte)| {
                let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                write!(out, "{hyphen}{byte:02x}")
            }),
            Self::Day(days) => Day(*days).fmt(out),
            Self::Moment { micros, has_zone } => {
                Moment { micros: *micros, has_zone: *has_zone }.fmt(out)
            }
            Self::Time(micros) => crate::postgres::sql_times::time(out, *micros),
        }
    }
}

fn special(out: &mut Formatter<'_>, number: f64) -> fmt::Result {
    out.write_str(match number {
        number if number.is_nan() => "NaN",
        number if number > 0.0 => "Infinity",
        _ => "-Infinity",
    })
}

/// Signs of `numeric` from here on are NaN and the infinities.
const SPECIAL: u16 = 0xC000;

/// A decimal number: groups of four digits.
struct Decimal<'a> {
    /// Two bytes a group.
    groups: &'a [u8],
    /// The first group counts ten thousands to this power.
    weight: i16,
    sign: u16,
    /// Digits behind the point.
    scale: u16,
}

impl<'a> Decimal<'a> {
    fn read(raw: &'a [u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_be_bytes(raw.get(at..at + 2)?.try_into().ok()?));
        let n_groups = usize::from(number(0)?);
        let groups = raw.get(8..8 + 2 * n_groups)?;
        Some(Self { groups, weight: number(2)?.cast_signed(), sign: number(4)?, scale: number(6)? })
    }

    fn group(&self, at: i32) -> u16 {
        let at = usize::try_from(at).unwrap_or(usize::MAX).saturating_mul(2);
        self.groups
            .get(at..at.saturating_add(2))
            .map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
    }
}

impl Display for Decimal<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.sign {
            0xC000 => return out.write_str("NaN"),
            0xD000 => return out.write_str("Infinity"),
            0xF000 => return out.write_str("-Infinity"),
            0x4000 => out.write_char('-')?,
            _ => {}
        }
        let weight = i32::from(self.weight);
        if weight < 0 {
            out.write_char('0')?;
        }
        for at in 0..=weight {
            if at == 0 {
                write!(out, "{}", self.group(0))?;
            } else {
                write!(out, "{:04}", self.group(at))?;
            }
        }
        let mut left = usize::from(self.scale);
        if left > 0 {
            out.write_char('.')?;
        }
        let mut at = weight + 1;
        while left > 0 {
            // Before the first group there are zeros, too.
            let digits = format!("{:04}", if at < 0 { 0 } else { self.group(at) });
            let n_digits = left.min(4);
            out.write_str(&digits[..n_digits])?;
            (left, at) = (left - n_digits, at + 1);
        }
        Ok(())
    }
}

/// An array of any number of dimensions, as JSON.
fn array(item: &Type, raw: &[u8]) -> Option<String> {
    let number = |at: usize| Some(i32::from_be_bytes(raw.get(at..at + 4)?.try_into().ok()?));
    let n_dimensions = usize::try_from(number(0)?).ok()?;
    let mut lengths = Vec::new();
    for dimension in 0..n_dimensions {
        lengths.push(usize::try_from(number(12 + 8 * dimension)?).ok()?);
    }
    let mut items = raw.get(12 + 8 * n_dimensions..)?;
    let mut out = String::new();
    if lengths.is_empty() {
        out.push_str("[]");
    } else {
        level(&mut out, item, &lengths, &mut items)?;
    }
    Some(out)
}

fn level(out: &mut String, item: &Type, lengths: &[usize], items: &mut &[u8]) -> Option<()> {
    let Some((length, deeper)) = lengths.split_first() else {
        let (size, rest) = items.split_first_chunk::<4>()?;
        *items = rest;
        let Ok(size) = usize::try_from(i32::from_be_bytes(*size)) else {
            out.push_str("null");
            return Some(());
        };
        let value = Value::read(item, items.get(..size)?)?;
        *items = &items[size..];
        if value.is_json() {
            let _ = write!(out, "{value}");
        } else {
            out.push_str(&serde_json::to_string(&value.to_string()).ok()?);
        }
        return Some(());
    };
    out.push('[');
    for at in 0..*length {
        if at > 0 {
            out.push(',');
        }
        level(out, item, deeper, items)?;
    }
    out.push(']');
    Some(())
}

//! One value: whether its column takes it, and its one spelling. docs/http-api.md says the same to users.
//!
//! Invariant: what two senders mean alike is spelled alike, and no number passes through a double on its way, except to a
//! column that holds doubles.

use std::borrow::Cow;

use model::Timestamp;
use serde::de::IgnoredAny;
use store::{Column, ColumnKind};
use uuid::Uuid;

use crate::batches::array_text::literal;
use crate::batches::calendar;
use crate::batches::number::Plain;
use crate::depth::{DEPTH_MAX, is_deeper_than};

/// A value as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    /// One JSON value, as written.
    Json(&'a str),
    /// One field of a CSV record, unquoted.
    Csv(&'a str),
}

/// Why a column does not take a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// `type` or `not_null`.
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

/// Longest part of a value that an error quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// The value as its column wants it; `None` is null.
pub(crate) fn check<'a>(column: &Column, given: Given<'a>) -> Result<Option<Cow<'a, str>>, Wrong> {
    match given {
        Given::Json("null") => match column.kind {
            ColumnKind::Json if !column.is_nullable => Ok(Some(Cow::Borrowed("null"))),
            _ => null(column),
        },
        Given::Csv("") if column.is_nullable => Ok(None),
        Given::Csv("") if !matches!(column.kind, ColumnKind::Text { .. } | ColumnKind::Other) => {
            null(column)
        }
        given => value(column.kind, given).map(Some).map_err(|what| {
            let (Given::Json(text) | Given::Csv(text)) = given;
            wrong(column, text, &what)
        }),
    }
}

fn null<'a>(column: &Column) -> Result<Option<Cow<'a, str>>, Wrong> {
    if column.is_nullable {
        return Ok(None);
    }
    let detail = format!("{} takes no null", column.name);
    Err(Wrong { rule: "not_null", detail })
}

fn wrong(column: &Column, text: &str, what: &str) -> Wrong {
    let end = text.char_indices().nth(QUOTED_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { "…" } else { "" };
    let shown: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let detail = format!("{shown}{more} is {what}; {} is {}", column.name, column.declared);
    Wrong { rule: "type", detail }
}

fn value(kind: ColumnKind, given: Given<'_>) -> Result<Cow<'_, str>, String> {
    match kind {
        ColumnKind::Int { bits } => int(number_text(given)?.as_ref(), bits).map(Cow::Owned),
        ColumnKind::Float { bits } => float(number_text(given)?.as_ref(), bits).map(Cow::Owned),
        ColumnKind::Decimal { limits } => {
            decimal(number_text(given)?.as_ref(), limits).map(Cow::Owned)
        }
        ColumnKind::Bool => boolean(given).map(Cow::Borrowed),
        ColumnKind::Text { chars_max } => {
            let text = text(given)?;
            match chars_max {
                Some(max) if text.chars().nth(max as usize).is_some() => {
                    Err(format!("longer than {max} characters"))
                }
                _ => Ok(text),
            }
        }
        ColumnKind::Date => {
            let text = text(given)?;
            let is_day = calendar::is_day(&text);
            if is_day { Ok(text) } else { Err("no day, like 2026-11-01".to_owned()) }
        }
        ColumnKind::Time => calendar::time(&text(given)?)
            .map(Cow::Owned)
            .ok_or_else(|| "no time of day, like 08:00:00".to_owned()),
        ColumnKind::Timestamp { has_zone: true } => match Timestamp::parse(&text(given)?) {
            Ok(at) => Ok(Cow::Owned(at.to_string())),
            Err(error) => Err(format!("no instant, like 2026-11-01T08:00:00Z ({error})")),
        },
        ColumnKind::Timestamp { has_zone: false } => calendar::day_and_time(&text(given)?)
            .map(Cow::Owned)
            .ok_or_else(|| "no date and time without an offset, like 2026-11-01 08:00:00".into()),
        ColumnKind::Uuid => match Uuid::try_parse(&text(given)?) {
            Ok(uuid) => Ok(Cow::Owned(uuid.to_string())),
            Err(_) => Err("no UUID".to_owned()),
        },
        ColumnKind::Json => json(given),
        ColumnKind::Bytes => bytes(text(given)?),
        ColumnKind::Array => array(given),
        ColumnKind::Other => other(given),
    }
}

/// A number as written. A text that holds one counts, too: writers of JSON that hold numbers as doubles send long ones so.
fn number_text(given: Given<'_>) -> Result<Cow<'_, str>, String> {
    match given {
        Given::Csv(text) => Ok(Cow::Borrowed(text)),
        Given::Json(raw) if raw.starts_with('"') => text(given),
        Given::Json(raw) => Ok(Cow::Borrowed(raw)),
    }
}

fn int(text: &str, bits: u8) -> Result<String, String> {
    let number = plain(text)?;
    if !number.is_whole() {
        return Err("no whole number".to_owned());
    }
    let max = i64::MAX >> 64_u8.saturating_sub(bits);
    match number.to_i64() {
        Some(value) if (-max - 1..=max).contains(&value) => Ok(value.to_string()),
        _ => Err(format!("beyond {bits} bits")),
    }
}

fn float(text: &str, bits: u8) -> Result<String, String> {
    // The shape first: Rust also reads words such as inf.
    plain_shape(text)?;
    let no_number = |_| "no number".to_owned();
    // Read at its own width: by way of 64 bits a number could be rounded twice.
    let (is_finite, is_zero, spelled) = if bits == 32 {
        let value: f32 = text.parse().map_err(no_number)?;
        (value.is_finite(), value == 0.0, format!("{value:?}"))
    } else {
        let value: f64 = text.parse().map_err(no_number)?;
        (value.is_finite(), value == 0.0, format!("{value:?}"))
    };
    if !is_finite {
        return Err(format!("beyond a float of {bits} bits"));
    }
    let mut mantissa = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    if is_zero && mantissa.any(|byte| matches!(byte, b'1'..=b'9')) {
        return Err(format!("too small for a float of {bits} bits, which would hold 0"));
    }
    Ok(spelled)
}

fn decimal(text: &str, limits: Option<(u16, i16)>) -> Result<String, String> {
    let mut number = plain(text)?;
    if let Some((precision, scale)) = limits {
        let n_fraction = usize::try_from(scale).unwrap_or(0);
        let Some(fitting) = number.with_fraction_max(n_fraction) else {
            return Err(format!("finer than {n_fraction} digits behind the point"));
        };
        number = fitting;
        let n_whole_max = usize::try_from(i32::from(precision) - i32::from(scale)).unwrap_or(0);
        if number.whole.len() > n_whole_max {
            return Err(format!("longer than {n_whole_max} digits before the point"));
        }
    }
    Ok(number.spelled())
}

fn plain(text: &str) -> Result<Plain, String> {
    Plain::parse(text).ok_or_else(|| "no number".to_owned())
}

/// Only digits, signs, a point and an exponent: `1e400` passes, `inf` does not.
fn plain_shape(text: &str) -> Result<(), String> {
    let is_sign = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let is_number = text.bytes().all(is_sign) && text.bytes().any(|byte| byte.is_ascii_digit());
    if is_number { Ok(()) } else { Err("no number".to_owned()) }
}

fn boolean(given: Given<'_>) -> Result<&'static str, String> {
    let word = match given {
        Given::Json(raw @ ("true" | "false")) => raw,
        Given::Json(_) => "",
        Given::Csv(text) => text,
    };
    let is = |words: [&str; 3]| words.into_iter().any(|known| known.eq_ignore_ascii_case(word));
    match () {
        () if is(["true", "t", "1"]) => Ok("true"),
        () if is(["false", "f", "0"]) => Ok("false"),
        () => Err("neither true nor false".to_owned()),
    }
}

/// A text that both databases keep.
fn text(given: Given<'_>) -> Result<Cow<'_, str>, String> {
    let text = match given {
        Given::Csv(text) => Cow::Borrowed(text),
        Given::Json(raw) if raw.starts_with('"') => string(raw)?,
        Given::Json(_) => return Err("no text".to_owned()),
    };
    if text.contains('\0') {
        return Err("a text with U+0000, which no database keeps".to_owned());
    }
    Ok(text)
}

fn string(raw: &str) -> Result<Cow<'_, str>, String> {
    // Without escapes the text is what stands between the quotes.
    if !raw.contains('\\') {
        return Ok(Cow::Borrowed(&raw[1..raw.len() - 1]));
    }
    let text = serde_json::from_str::<String>(raw);
    text.map(Cow::Owned).map_err(|_| "a text with half of a surrogate pair".to_owned())
}

fn json(given: Given<'_>) -> Result<Cow<'_, str>, String> {
    match given {
        Given::Json(raw) => Ok(Cow::Borrowed(raw)),
        // The row is a level of its own, and for a schema becomes one.
        Given::Csv(text) if is_deeper_than(DEPTH_MAX - 1, text) => {
            Err(format!("nested deeper than {} levels", DEPTH_MAX - 1))
        }
        Given::Csv(text) => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Ok(Cow::Borrowed(text)),
            Err(_) => Err("no JSON".to_owned()),
        },
    }
}

fn bytes(text: Cow<'_, str>) -> Result<Cow<'_, str>, String> {
    let digits = text.strip_prefix("\\x").unwrap_or("?");
    let is_hex =
        digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return Err("no bytes, like \\x00ff".to_owned());
    }
    let is_lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    Ok(if is_lower { text } else { Cow::Owned(text.to_ascii_lowercase()) })
}

fn array(given: Given<'_>) -> Result<Cow<'_, str>, String> {
    match given {
        Given::Json(raw) if raw.starts_with('[') => {
            literal(raw, |raw| text(Given::Json(raw))).map(Cow::Owned)
        }
        Given::Json(raw) if !raw.starts_with('"') => {
            Err("neither an array nor the text of one, like {1,2}".to_owned())
        }
        given => text(given),
    }
}

fn other(given: Given<'_>) -> Result<Cow<'_, str>, String> {
    match given {
        Given::Json(raw) if !raw.starts_with('"') => Ok(Cow::Borrowed(raw)),
        given => text(given),
    }
}

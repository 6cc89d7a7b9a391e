//! Texts of strangers as typed values, or the reason why not. Pure; nothing gets past here that a database could not take as
//! the value of its type.

use std::borrow::Cow;
use std::fmt::Write as _;

use model::Timestamp;
use store::{SqlKind, SqlType, SqlValue};

use crate::problem::Problem;
use crate::queries::published::QueryParam;
use crate::query::{bad, decode};

/// Longest text of one value.
const TEXT_BYTES_MAX: usize = 4_096;
/// Most values of a list.
pub(crate) const LIST_VALUES_MAX: usize = 1_000;

/// Reads the values of a query string, one for each of `params`. Parameters that nobody declared are ignored; of those that
/// are repeated the first counts, and of a list all.
pub(crate) fn from_query(
    text: Option<&str>,
    params: &[QueryParam],
) -> Result<Vec<SqlValue>, Problem> {
    let pairs: Vec<(Cow<'_, str>, &str)> = text
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, true)?, value))
        })
        .collect();
    params.iter().map(|param| one(&pairs, param)).collect()
}

fn one(pairs: &[(Cow<'_, str>, &str)], param: &QueryParam) -> Result<SqlValue, Problem> {
    let QueryParam { name, kind, .. } = param;
    let mut given = pairs.iter().filter(|(given, _)| given == name).map(|(_, value)| *value);
    // Of a list all count: an empty value before others does not make the others go away.
    let n_counted = if kind.is_list { usize::MAX } else { 1 };
    if given.clone().take(n_counted).all(str::is_empty) {
        return match &param.default {
            Some((value, _)) => Ok(value.clone()),
            None if param.is_optional => Ok(SqlValue::Null),
            None => Err(bad(name, &format!("is missing; it must be {}", allowed(*kind)))),
        };
    }
    let read = |value: &str| {
        let broken = || bad(name, "is not percent-encoded UTF-8");
        let text = decode(value, true).ok_or_else(broken)?;
        read_one(kind.of, &text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            bad(name, &format!("must be {}, not {shown:?}", allowed(*kind)))
        })
    };
    if !kind.is_list {
        return read(given.next().unwrap_or_default());
    }
    let values: Vec<_> = given.take(LIST_VALUES_MAX + 1).map(read).collect::<Result<_, _>>()?;
    if values.len() > LIST_VALUES_MAX {
        return Err(bad(name, &format!("is given more than {LIST_VALUES_MAX} times")));
    }
    Ok(SqlValue::List(values))
}

/// Reads a value from the texts of a configuration: one, or for a list any number.
///
/// # Errors
/// What it must be, for people.
pub fn read_param(kind: SqlKind, texts: &[String]) -> Result<SqlValue, String> {
    let must_be = || format!("must be {}", allowed(kind));
    let read = |text: &String| read_one(kind.of, text).ok_or_else(must_be);
    match texts {
        [text] if !kind.is_list => read(text),
        texts if kind.is_list && texts.len() <= LIST_VALUES_MAX => {
            Ok(SqlValue::List(texts.iter().map(read).collect::<Result<_, _>>()?))
        }
        _ => Err(must_be()),
    }
}

/// What a value must be; completes "must be …".
pub(crate) fn allowed(kind: SqlKind) -> String {
    let one = match kind.of {
        SqlType::Text => "a text of 1 to 4096 bytes",
        SqlType::Int => "a whole number of 64 bits",
        SqlType::Float => "a finite number such as 0.5 or 1e6",
        SqlType::Bool => "true or false",
        SqlType::Date => "a day that exists, such as 2021-01-31, from year 0001 to 9999",
        SqlType::Timestamp => "an RFC 3339 time such as 2026-11-01T08:00:00Z (write + as %2B)",
        SqlType::Uuid => "a UUID of 32 hexadecimal digits with hyphens",
    };
    if kind.is_list {
        format!("{one}; repeat the parameter for more values")
    } else {
        one.to_owned()
    }
}

/// A value of this type; `None` where the text is none. The empty text is none of any type.
fn read_one(of: SqlType, text: &str) -> Option<SqlValue> {
    match of {
        SqlType::Text => {
            let is_good = (1..=TEXT_BYTES_MAX).contains(&text.len()) && !text.contains('\0');
            is_good.then(|| SqlValue::Text(text.to_owned()))
        }
        SqlType::Int => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse().ok()).flatten().map(SqlValue::Int)
        }
        SqlType::Float => {
            // No `inf` and `nan`, which have no letters in common with a number but `e`.
            let is_number =
                text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            let number = is_number.then(|| text.parse().ok()).flatten();
            number.filter(|number: &f64| number.is_finite()).map(SqlValue::Float)
        }
        SqlType::Bool => match text {
            "true" => Some(SqlValue::Bool(true)),
            "false" => Some(SqlValue::Bool(false)),
            _ => None,
        },
        SqlType::Date => date(text).map(SqlValue::Text),
        SqlType::Timestamp => {
            let time = Timestamp::parse(text).ok()?.to_string();
            // PostgreSQL has no year 0.
            (!time.starts_with("0000") && !time.starts_with('-')).then_some(SqlValue::Text(time))
        }
        SqlType::Uuid => uuid(text).then(|| SqlValue::Text(text.to_ascii_lowercase())),
    }
}

/// A four-digit year from 0001 to 9999, a month and a day of one or two digits, ASCII, `-` between, nothing around it; as
/// `YYYY-MM-DD`. The day must exist.
pub(crate) fn date(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_good = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if parts.next().is_some()
        || !is_good(year, 4..=4)
        || !is_good(month, 1..=2)
        || !is_good(day, 1..=2)
    {
        return None;
    }
    let number = |part: &str| part.parse::<u32>().ok();
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if year == 0 || !(1..=days).contains(&day) {
        return None;
    }
    let mut spelled = String::with_capacity(10);
    let _ = write!(spelled, "{year:04}-{month:02}-{day:02}");
    Some(spelled)
}

fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

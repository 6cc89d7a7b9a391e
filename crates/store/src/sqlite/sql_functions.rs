//! `instr`, `replace`, `trim`, `ltrim` and `rtrim` once more, for statements of others: the same answers as SQLite's own, in a
//! time that grows with the texts and not with their product. SQLite's compare the whole pattern at every place, so that one
//! call over two long texts outlasts any time limit, which is only looked at between calls.
//!
//! Invariant: no call takes longer than a few passes over its arguments, or makes a text that SQLite would not take.

use std::borrow::Cow;

use memchr::memmem;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

/// Longest text, blob or row: an event's data and a row of a table have at most 1 MiB, which fits also in hexadecimal digits.
pub(crate) const VALUE_BYTES_MAX: usize = (2 << 20) + (64 << 10);

/// Puts them in the place of SQLite's own on this connection.
pub(crate) fn install(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("instr", 2, flags, |call| Ok(instr(call)))?;
    conn.create_scalar_function("replace", 3, flags, replace)?;
    // With one argument they look for spaces alone, and SQLite's own stay.
    conn.create_scalar_function("trim", 2, flags, |call| Ok(trim(call, true, true)))?;
    conn.create_scalar_function("ltrim", 2, flags, |call| Ok(trim(call, true, false)))?;
    conn.create_scalar_function("rtrim", 2, flags, |call| Ok(trim(call, false, true)))?;
    // It looks through all of its second argument for each byte of the first.
    conn.create_scalar_function("unhex", 2, flags, |_| -> Result<Option<Vec<u8>>> {
        Err(Error::UserFunctionError("unhex(X, Y) is not available here: use unhex(X)".into()))
    })
}

/// Where the second begins in the first: counted in bytes where both are blobs, else in characters. 0: nowhere.
fn instr(call: &Context<'_>) -> Option<i64> {
    let (within, wanted) = (call.get_raw(0), call.get_raw(1));
    let are_blobs = matches!((within, wanted), (ValueRef::Blob(_), ValueRef::Blob(_)));
    let (within, wanted) = (bytes(within)?, bytes(wanted)?);
    let Some(at) = memmem::find(&within, &wanted) else { return Some(0) };
    let is_counted = |byte: &&u8| are_blobs || !is_inside(**byte);
    i64::try_from(within[..at].iter().filter(is_counted).count() + 1).ok()
}

/// A byte of a character that is not its first.
fn is_inside(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// The first with the third wherever the second was.
fn replace(call: &Context<'_>) -> Result<Option<String>> {
    let (Some(text), Some(old)) = (bytes(call.get_raw(0)), bytes(call.get_raw(1))) else {
        return Ok(None);
    };
    if old.first().is_none_or(|&first| first == 0) {
        return Ok(Some(owned(&text)));
    }
    let Some(new) = bytes(call.get_raw(2)) else { return Ok(None) };
    let (mut out, mut begin) = (Vec::with_capacity(text.len()), 0);
    for at in memmem::find_iter(&text, &*old) {
        out.extend_from_slice(&text[begin..at]);
        out.extend_from_slice(&new);
        begin = at + old.len();
        if out.len() > VALUE_BYTES_MAX {
            return Err(Error::UserFunctionError("string or blob too big".into()));
        }
    }
    out.extend_from_slice(&text[begin..]);
    Ok(Some(owned(&out)))
}

/// The first without the characters of the second at its ends.
fn trim(call: &Context<'_>, at_start: bool, at_end: bool) -> Option<String> {
    let (text, set) = (bytes(call.get_raw(0))?, bytes(call.get_raw(1))?);
    let (text, set) = (String::from_utf8_lossy(&text), String::from_utf8_lossy(&set));
    // As for SQLite, the set ends where U+0000 stands.
    let mut set: Vec<char> = set.chars().take_while(|&sign| sign != '\0').collect();
    set.sort_unstable();
    set.dedup();
    let is_in = |sign: char| set.binary_search(&sign).is_ok();
    let mut rest = &*text;
    if at_start {
        rest = rest.trim_start_matches(is_in);
    }
    if at_end {
        rest = rest.trim_end_matches(is_in);
    }
    Some(rest.to_owned())
}

fn owned(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A value as the bytes of its text; `None` is null.
fn bytes(value: ValueRef<'_>) -> Option<Cow<'_, [u8]>> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cow::Borrowed(bytes),
        ValueRef::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
        ValueRef::Real(number) => Cow::Owned(real(number).into_bytes()),
    })
}

/// A number as SQLite writes it, with an exponent where it is very small or large; but always with its shortest digits, as in
/// answers, where SQLite may have a seventeenth that changes nothing.
fn real(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Inf" } else { "-Inf" }.to_owned();
    }
    // Zero has no sign there.
    let number = if number == 0.0 { 0.0 } else { number };
    let shortest = format!("{number:e}");
    let (digits, power) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let with_point =
        |digits: String| if digits.contains('.') { digits } else { format!("{digits}.0") };
    if (-4..17).contains(&power) {
        return with_point(number.to_string());
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", with_point(digits.to_owned()), power.abs())
}

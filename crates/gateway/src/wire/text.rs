//! Checks on bytes before anybody parses them: encoding, depth, and where a parser stopped.

use std::borrow::Cow;

use memchr::{memchr, memchr2_iter};
use serde::Deserialize;

use crate::error::Kind;
use crate::problem::{Position, Problem};

/// A text that is borrowed unless it has escapes. (Serde borrows a `Cow` only when it is told to, and
/// cannot be told so inside an `Option`.)
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// `fragment` as text. It begins at `start` of `body`, which positions count from.
pub(crate) fn utf8<'a>(body: &[u8], start: usize, fragment: &'a [u8]) -> Result<&'a str, Problem> {
    std::str::from_utf8(fragment).map_err(|error| {
        let at = start + error.valid_up_to();
        Kind::InvalidUtf8
            .problem(format!("The body is not UTF-8: byte 0x{:02x} at offset {at}.", body[at]))
            .position(Position::of(body, at))
    })
}

/// A body that begins with a byte order mark is refused, not repaired: `data` is kept byte for byte.
pub(crate) fn no_byte_order_mark(body: &[u8]) -> Result<(), Problem> {
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(Kind::ByteOrderMark
            .problem("The body begins with a byte order mark.")
            .position(Position::of(body, 0)));
    }
    Ok(())
}

/// Only the white space that JSON knows.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The first byte that is not white space.
pub(crate) fn first_sign(bytes: &[u8]) -> Option<u8> {
    bytes.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Without the white space around it.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Refuses deeper nesting than `depth_max` inside the `n_around` levels of an envelope. Only a count: what is no
/// JSON is told so elsewhere.
pub(crate) fn not_too_deep(text: &[u8], n_around: usize, depth_max: usize) -> Result<(), Problem> {
    // A text with few opening brackets cannot be deep. Nearly every event ends here.
    if memchr2_iter(b'[', b'{', text).nth(n_around + depth_max).is_none() {
        return Ok(());
    }
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match text[at] {
            b'"' => at = end_of_string(text, at + 1),
            b'[' | b'{' => {
                depth += 1;
                if depth > n_around + depth_max {
                    return Err(Kind::TooDeep.problem(format!(
                        "Arrays and objects nest deeper than {depth_max} levels."
                    )));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Index of the quote that ends a string, or the end of the text.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(sign) = text.get(at) {
        match sign {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// What `serde_json` says about a fragment that begins at `start` of `body`.
pub(crate) fn invalid_json(body: &[u8], start: usize, error: &serde_json::Error) -> Problem {
    let mut line_start = start;
    for _ in 1..error.line() {
        let next = memchr(b'\n', &body[line_start..]);
        line_start = next.map_or(body.len(), |at| line_start + at + 1);
    }
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    Kind::InvalidJson
        .problem(format!("The body is not JSON: {words}."))
        .position(Position::of(body, line_start + error.column().saturating_sub(1)))
}

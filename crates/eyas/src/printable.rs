//! Text that others wrote, made safe to show on a terminal.
//!
//! Invariant: what comes out holds no control character and no bidirectional mark, so an event cannot
//! move the cursor, colour the screen or turn the reading order around.

use std::fmt::Write as _;

/// Control characters, line separators and bidirectional marks as `\u{1b}`; everything else as it is.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        push(&mut out, sign);
    }
    out
}

/// Like [`printable`], cut to `chars_max` characters; `…` is the last of them when something was cut.
pub(crate) fn printable_start(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    let mut n_chars = 0;
    let mut cut_at = 0;
    for sign in text.chars() {
        let before = out.len();
        push(&mut out, sign);
        // An escape is several characters, and is shown whole or not at all. All of it is ASCII.
        n_chars += if out.len() - before == sign.len_utf8() { 1 } else { out.len() - before };
        if n_chars > chars_max {
            out.truncate(cut_at);
            out.push('…');
            return out;
        }
        if n_chars < chars_max {
            cut_at = out.len();
        }
    }
    out
}

fn push(out: &mut String, sign: char) {
    if is_unsafe(sign) {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(sign));
    } else {
        out.push(sign);
    }
}

fn is_unsafe(sign: char) -> bool {
    sign.is_control()
        || matches!(
            sign,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
                | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

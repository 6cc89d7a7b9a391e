//! U+0000, which no text of PostgreSQL can hold: a statement with one fails, whatever it wanted.
//!
//! Labels, names and ids have no control characters, so a text that is sought may become one that nothing has, and a
//! text that people wrote changes by one sign that nobody sees.

use std::borrow::Cow;

/// The text with U+0001 in place of U+0000.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{1}").into() } else { text.into() }
}

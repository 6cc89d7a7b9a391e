//! Texts that begin alike, as one range of an index.

/// The first text above all that begin with `prefix`, in the order of bytes, which for UTF-8 is the
/// order of characters. `None` if there is none: the prefix is empty or all U+10FFFF.
pub(crate) fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // A range of chars steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

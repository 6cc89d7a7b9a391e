//! Which JSON texts a `json` column can hold for good.
//!
//! PostgreSQL takes any JSON text into such a column, but every `->>` fails over the whole table once one row escapes
//! U+0000 or half of a surrogate pair. Those stand beside it, as bytes.

/// Whether PostgreSQL can take the text apart. The text is JSON.
pub(crate) fn fits_json(text: &str) -> bool {
    let (mut rest, mut awaits_low) = (text.as_bytes(), false);
    // In JSON a backslash stands inside strings only, and what follows it is one sign, or `u` and four digits.
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        if awaits_low && at > 0 {
            return false;
        }
        rest = &rest[at + 1..];
        let Some((b'u', digits)) = rest.split_first() else {
            if awaits_low {
                return false;
            }
            rest = rest.get(1..).unwrap_or_default();
            continue;
        };
        match (code(digits), awaits_low) {
            (0xdc00..=0xdfff, true) => awaits_low = false,
            (_, true) | (0 | 0xdc00..=0xdfff, false) => return false,
            (0xd800..=0xdbff, false) => awaits_low = true,
            (_, false) => {}
        }
        rest = digits.get(4..).unwrap_or_default();
    }
    !awaits_low
}

fn code(digits: &[u8]) -> u32 {
    let digits = digits.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

//! Promises of [`crate::printable`].

use crate::printable::{printable, printable_start};

#[test]
fn nothing_that_steers_a_terminal_gets_through() {
    for (text, expected) in [
        ("plain ✓ é 😀", "plain ✓ é 😀"),
        ("\u{1b}[31mred", "\\u{1b}[31mred"),
        ("a\nb\tc\r\u{7f}\u{9b}", "a\\u{a}b\\u{9}c\\u{d}\\u{7f}\\u{9b}"),
        ("\u{202e}abc\u{2066}\u{200f}", "\\u{202e}abc\\u{2066}\\u{200f}"),
        ("\u{2028}\u{2029}\u{feff}", "\\u{2028}\\u{2029}\\u{feff}"),
    ] {
        assert_eq!(printable(text), expected);
    }
}

#[test]
fn what_is_cut_has_at_most_so_many_characters_and_says_so() {
    for (text, expected) in [
        ("", ""),
        ("12345", "12345"),
        ("123456", "1234…"),
        ("ééééé", "ééééé"),
        ("éééééé", "éééé…"),
        ("12\u{7f}", "12…"),
        ("\u{7f}", "…"),
    ] {
        assert_eq!(printable_start(text, 5), expected, "{text:?}");
    }
    assert_eq!(printable_start("\u{7f}", 6), "\\u{7f}");
}

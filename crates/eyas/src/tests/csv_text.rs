//! Promises of [`crate::commands::csv_text`].

use crate::commands::csv_text::records;

#[test]
fn quotes_commas_and_line_breaks_inside_of_fields_are_kept() {
    for (text, wanted) in [
        ("", vec![]),
        ("a,b\r\n1,\r\n", vec![vec!["a", "b"], vec!["1", ""]]),
        ("a\r\n\"x, \"\"y\"\"\r\nz\"\r\n", vec![vec!["a"], vec!["x, \"y\"\r\nz"]]),
        ("a\nlast", vec![vec!["a"], vec!["last"]]),
    ] {
        assert_eq!(records(text), wanted, "{text:?}");
    }
}

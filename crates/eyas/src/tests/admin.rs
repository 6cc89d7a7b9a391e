//! Promises of [`crate::commands::admin`] that need no server.

use crate::commands::admin::table::{Table, text, time};

#[test]
fn a_table_is_aligned_and_what_strangers_wrote_does_nothing() {
    let mut table = Table::new(&["name", "n"]);
    table.row(["é".to_owned(), "1".to_owned()]);
    table.row(["\u{1b}[31mred\r\n".to_owned(), "22".to_owned()]);
    let row = |first: &str, second: &str| format!("{first:23}  {second}\n");
    let escaped = "\\u{1b}[31mred\\u{d}\\u{a}";
    assert_eq!(table.lines(), [row("name", "n"), row("é", "1"), row(escaped, "22")].concat());
}

#[test]
fn a_time_loses_its_fraction_and_none_is_a_dash() {
    for (given, shown) in [
        (Some("2026-11-21T10:00:00.123456Z"), "2026-11-21T10:00:00Z"),
        (Some("2026-11-21T10:00:00Z"), "2026-11-21T10:00:00Z"),
        (Some(""), "-"),
        (None, "-"),
    ] {
        assert_eq!(time(given), shown);
    }
    assert_eq!((text(Some("")), text(Some("x"))), ("-".to_owned(), "x".to_owned()));
}

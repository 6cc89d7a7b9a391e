//! The pure half of filters: where the texts of a prefix end.

use crate::prefix::successor;

#[test]
fn a_prefix_ends_at_the_next_text() {
    let check = |prefix: &str, wanted: Option<&str>| {
        assert_eq!(successor(prefix).as_deref(), wanted, "{prefix:?}");
    };
    check("", None);
    check("a", Some("b"));
    check("a%", Some("a&"));
    check("az\u{7f}", Some("az\u{80}"));
    check("\u{d7ff}", Some("\u{e000}"));
    check("a\u{10ffff}", Some("b"));
    check("a\u{10ffff}\u{10ffff}", Some("b"));
    check("\u{10ffff}", None);
    check("\u{10ffff}\u{10ffff}", None);
}

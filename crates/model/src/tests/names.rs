//! Names have limits.

use crate::names::{NameError, StreamName, check_label};

#[test]
fn stream_names_are_plain() {
    for good in ["events", "a", "orders.eu-1_x", &"x".repeat(64)] {
        assert!(StreamName::new(good).is_ok(), "{good}");
    }
    for (bad, expected) in [
        ("", NameError::Empty),
        ("Orders", NameError::StreamSigns),
        ("a/b", NameError::StreamSigns),
        ("a b", NameError::StreamSigns),
        ("ä", NameError::StreamSigns),
        (&"x".repeat(65), NameError::TooLong { bytes_max: 64 }),
    ] {
        assert_eq!(StreamName::new(bad), Err(expected), "{bad}");
    }
}

#[test]
fn labels_are_printable_and_short() {
    assert_eq!(check_label("page interaction · 検索", 256), Ok(()));
    assert_eq!(check_label("", 256), Err(NameError::Empty));
    assert_eq!(check_label("a\nb", 256), Err(NameError::Control));
    assert_eq!(check_label("\u{9b}31m", 256), Err(NameError::Control));
    assert_eq!(check_label(&"é".repeat(129), 256), Err(NameError::TooLong { bytes_max: 256 }));
}

//! Times and sizes are read and written as people do.

use std::time::Duration;

use crate::units::{bytes, duration, micros};

#[test]
fn times_are_read_with_their_unit() {
    for (text, ms) in [("0", 0), ("500ms", 500), ("5s", 5000), ("2m", 120_000), ("1h", 3_600_000)] {
        assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
    }
    for text in
        ["", "5", "s", "-1s", "1.5s", "5 s", "5S", "99999999999999999999s", "9999999999999999999h"]
    {
        assert_eq!(duration(text), None, "{text}");
    }
}

#[test]
fn times_and_sizes_are_written_with_theirs() {
    assert_eq!(
        [micros(0), micros(999), micros(1240), micros(3_100_000)],
        ["0 µs", "999 µs", "1.24 ms", "3.10 s"]
    );
    assert_eq!(
        [bytes(0), bytes(1023), bytes(1536), bytes(5 << 40)],
        ["0 B", "1023 B", "1.5 KiB", "5.0 TiB"]
    );
}

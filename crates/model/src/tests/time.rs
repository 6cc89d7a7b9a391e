//! Two spellings in, one out.

use crate::time::{Timestamp, TimestampError};

#[test]
fn both_spellings_are_read_and_one_is_written() {
    for (text, expected) in [
        ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00.000000Z"),
        ("2026-11-01T08:00:00.296Z", "2026-11-01T08:00:00.296000Z"),
        ("2026-11-01T08:00:00.2961239Z", "2026-11-01T08:00:00.296123Z"),
        ("2026-11-01t08:00:00z", "2026-11-01T08:00:00.000000Z"),
        ("2026-11-01T08:00:00+02:00", "2026-11-01T06:00:00.000000Z"),
        ("2026-11-01T00:30:00.5-23:59", "2026-11-02T00:29:00.500000Z"),
        ("2026-11-01 08:00:00", "2026-11-01T08:00:00.000000Z"),
        ("2026-11-01 08:00:00.095000", "2026-11-01T08:00:00.095000Z"),
        ("2026-11-01 08:00:00.29Z", "2026-11-01T08:00:00.290000Z"),
        ("2026-11-01 08:00:00+00:00", "2026-11-01T08:00:00.000000Z"),
        ("2024-02-29T23:59:60Z", "2024-02-29T23:59:59.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
    ] {
        assert_eq!(
            Timestamp::parse(text).map(|at| at.to_string()),
            Ok(expected.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_time_is_refused() {
    use TimestampError::{NoSuchTime, Shape};
    for (text, expected) in [
        ("", Shape),
        ("now", Shape),
        ("2026-11-01", Shape),
        ("2026-11-01T08:00:00", Shape),
        ("2026-11-01T08:00Z", Shape),
        ("2026-11-01 08:00:00 Z", Shape),
        ("2026-11-01T08:00:00.Z", Shape),
        ("2026-11-01T08:00:00,5Z", Shape),
        ("2026-11-01T08:00:00+0200", Shape),
        ("2026-11-01_08:00:00Z", Shape),
        ("20261101T080000Z......", Shape),
        ("2026-11-01T08:00:00Z[UTC]", Shape),
        ("２026-11-01T08:00:00Z", Shape),
        ("2026-13-01T08:00:00Z", NoSuchTime),
        ("2026-02-29T08:00:00Z", NoSuchTime),
        ("2026-11-01T24:00:00Z", NoSuchTime),
        ("2026-11-01T08:60:00Z", NoSuchTime),
        ("2026-11-01T08:00:61Z", NoSuchTime),
        ("2026-11-01T08:00:00+24:00", NoSuchTime),
        ("0000-01-01T00:00:00Z", NoSuchTime),
        ("0001-01-01T00:00:00+01:00", NoSuchTime),
        ("9999-12-31T23:59:59-01:00", NoSuchTime),
    ] {
        assert_eq!(Timestamp::parse(text), Err(expected), "{text:?}");
    }
}

#[test]
fn every_day_prints_as_the_calendar_says() {
    let mut date = jiff::civil::date(1, 1, 1);
    let first = Timestamp::parse("0001-01-01T00:00:00Z").unwrap().micros();
    // A step of 13 days meets every kind of month and year end within the range.
    for days in (0..3_652_058).step_by(13) {
        let printed = Timestamp::from_micros(first + days * 86_400_000_000).to_string();
        assert_eq!(printed[..10], date.to_string());
        date = date.saturating_add(jiff::Span::new().days(13));
    }
}

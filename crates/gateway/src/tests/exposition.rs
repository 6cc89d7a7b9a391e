//! The text format, line by line.

use meter::Histogram;

use crate::exposition::{Exposition, seconds};

#[test]
fn labels_are_escaped_and_every_family_has_help_and_type() {
    let mut out = Exposition::default();
    out.counters("a_total", "Things.", [(vec![("k", "a\"b\\c\nd"), ("l", "x")], 7)]);
    out.one_of("b", "State.", "state", &["on", "off"], "off");
    assert_eq!(
        out.into_text(),
        "# HELP a_total Things.\n# TYPE a_total counter\na_total{k=\"a\\\"b\\\\c\\nd\",l=\"x\"} 7\n\
         # HELP b State.\n# TYPE b gauge\nb{state=\"on\"} 0\nb{state=\"off\"} 1\n"
    );
}

#[test]
fn buckets_are_cumulative_and_end_with_all() {
    let histogram = Histogram::default();
    for us in [10, 63, 64, 1_000_000, 60_000_000] {
        histogram.record(us);
    }
    let mut out = Exposition::default();
    out.durations("d_seconds", "Time.", [(vec![("route", "write")], histogram.snapshot())]);
    let text = out.into_text();
    for line in [
        "d_seconds_bucket{route=\"write\",le=\"0.000064\"} 2",
        "d_seconds_bucket{route=\"write\",le=\"0.000128\"} 3",
        "d_seconds_bucket{route=\"write\",le=\"16.777216\"} 4",
        "d_seconds_bucket{route=\"write\",le=\"+Inf\"} 5",
        "d_seconds_sum{route=\"write\"} 61.000137",
        "d_seconds_count{route=\"write\"} 5",
    ] {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
    let mut out = Exposition::default();
    out.numbers("n", "Things.", &histogram.snapshot());
    assert!(out.into_text().contains("n_bucket{le=\"63\"} 2\nn_bucket{le=\"127\"} 3\n"));
}

#[test]
fn seconds_are_exact() {
    for (us, text) in [(0, "0"), (1, "0.000001"), (1_500_000, "1.5"), (2_000_000, "2")] {
        assert_eq!(seconds(us), text);
    }
}

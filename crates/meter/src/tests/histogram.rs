//! Buckets have no holes, quantiles are an eighth too large at most, and counts add up.

use crate::histogram::{Histogram, Snapshot};

fn of(values: impl IntoIterator<Item = u64>) -> Snapshot {
    let histogram = Histogram::default();
    values.into_iter().for_each(|value| histogram.record(value));
    histogram.snapshot()
}

#[test]
fn a_quantile_is_never_too_small_and_an_eighth_too_large_at_most() {
    for value in (0..4_000).chain((12..36).flat_map(|n| [(1 << n) - 1, 1 << n, (1 << n) + 1])) {
        let seen = of([value]).quantile(0.5).unwrap();
        assert!(seen >= value && seen <= value + value / 8, "{value} shows as {seen}");
    }
}

#[test]
fn quantiles_stand_where_they_should() {
    let snapshot = of(1..=1_000);
    for (share, value) in [(0.0, 1), (0.5, 500), (0.95, 950), (0.99, 990), (1.0, 1_000)] {
        let seen = snapshot.quantile(share).unwrap();
        assert!(seen >= value && seen <= value + value / 8, "{share}: {seen}");
    }
    assert_eq!(snapshot.count(), 1_000);
    assert_eq!(snapshot.sum, 500_500);
    assert_eq!(of([]).quantile(0.5), None);
    assert_eq!(of([]).mean(), None);
}

#[test]
fn counts_below_a_power_of_two_are_exact() {
    let snapshot = of(0..1_000);
    for power in 0..12 {
        assert_eq!(snapshot.count_below_power(power), (1_u64 << power).min(1_000), "2^{power}");
    }
}

#[test]
fn what_came_between_two_looks_is_their_difference() {
    let histogram = Histogram::default();
    histogram.record(3);
    let before = histogram.snapshot();
    histogram.record(70_000);
    histogram.record(3);
    let mut between = histogram.snapshot().since(&before);
    assert_eq!(between, of([3, 70_000]));
    between.add(&before);
    assert_eq!(between, histogram.snapshot());
}

#[test]
fn a_value_past_the_end_counts_as_the_largest() {
    assert_eq!(of([u64::MAX]).count_below_power(36), 1);
}

//! The breaker opens for a broken database, and not for a few bad records.

use crate::breaker::{Breaker, RECORDS_MIN, WINDOW};

/// How many refusals in a row it takes after such a past.
fn refusals_until_open(past: impl IntoIterator<Item = bool>) -> usize {
    let mut breaker = Breaker::new(past);
    (1..=WINDOW).find(|_| breaker.refused()).unwrap()
}

#[test]
fn more_than_half_of_the_window_opens_it() {
    assert_eq!(refusals_until_open([false; WINDOW]), WINDOW / 2 + 1);
    assert_eq!(refusals_until_open([false; 10 * WINDOW]), WINDOW / 2 + 1);
    assert_eq!(refusals_until_open([false; 200]), 201);
}

#[test]
fn a_handful_never_does() {
    assert_eq!(refusals_until_open([]), RECORDS_MIN);
    assert_eq!(refusals_until_open([true; 50]), RECORDS_MIN - 50);
    assert_eq!(refusals_until_open([false; 10]), RECORDS_MIN - 10);
}

#[test]
fn every_second_record_may_be_bad() {
    let mut breaker = Breaker::new([]);
    for _ in 0..5 * WINDOW {
        breaker.stored();
        assert!(!breaker.refused());
    }
    assert_eq!(breaker.counts(), (WINDOW / 2, WINDOW));
    assert!(breaker.refused());
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let past = [true; 400].into_iter().chain([false; WINDOW]);
    assert_eq!(refusals_until_open(past), WINDOW / 2 + 1);
}

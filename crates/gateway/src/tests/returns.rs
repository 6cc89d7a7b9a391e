//! The more are sent away, the longer the time over which they come back.

use crate::returns::Returns;

fn widest(is_for_all: bool, n_subscriptions: usize) -> u64 {
    let returns = Returns::default();
    let waits: Vec<u64> =
        (0..2_000).map(|_| returns.wait_ms(is_for_all, n_subscriptions)).collect();
    assert!(waits.iter().all(|wait_ms| *wait_ms >= 100));
    *waits.iter().max().unwrap()
}

#[test]
fn the_spread_grows_with_the_crowd_up_to_30_seconds() {
    for (n, most) in [(1, 2_000), (1_000, 2_000), (10_000, 10_100), (1_000_000, 30_100)] {
        let widest = widest(true, n);
        assert!((most - most / 10..=most).contains(&widest), "{n}: {widest}");
    }
    assert!(widest(false, 10_000) <= 2_000, "one that is sent away alone does not wait for others");
}

#[test]
fn those_who_leave_last_are_spread_like_those_who_leave_first() {
    let returns = Returns::default();
    returns.wait_ms(true, 10_000);
    assert!((0..2_000).any(|_| returns.wait_ms(true, 1) > 5_000));
}

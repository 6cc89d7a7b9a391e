//! Who gets how many of the places that all want.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::shares::{Crowded, Share, Shares};

const LONG: Duration = Duration::from_mins(1);

/// As many as `holder` gets one by one.
fn all(shares: &Arc<Shares>, holder: &str) -> (Vec<Share>, Crowded) {
    let mut held = Vec::new();
    loop {
        match shares.take(holder, 1) {
            Ok(share) => held.push(share),
            Err(crowded) => return (held, crowded),
        }
    }
}

/// Whether it stays undecided when everybody has had a turn.
async fn is_waiting(asked: &mut (impl Future + Unpin)) -> bool {
    timeout(Duration::ZERO, asked).await.is_err()
}

#[test]
fn nobody_takes_more_than_is_left_for_others() {
    let shares = Shares::new(64);
    let mut held = Vec::new();
    for (holder, n) in [("a", 32), ("b", 16), ("c", 8), ("d", 4), ("e", 2), ("f", 1), ("g", 1)] {
        let (own, crowded) = all(&shares, holder);
        assert_eq!((own.len(), crowded.n_held), (n, n), "{holder}");
        held.push(own);
    }
    let crowded = shares.take("h", 1).unwrap_err();
    assert_eq!((crowded.n_held, crowded.n_free, shares.n_free()), (0, 0, 0));
    assert_eq!(crowded.to_string(), "others have all 64 places");
    let words = "all 64 places are taken, 32 of them by a";
    assert_eq!(shares.take("a", 1).unwrap_err().to_string(), words);
    drop(held.pop());
    let words = "a has 32 of the 64 places, and the 1 that are free are kept for others";
    assert_eq!(shares.take("a", 1).unwrap_err().to_string(), words);
    drop(shares.take("h", 1).unwrap());
    drop(held);
    assert_eq!(shares.n_free(), 64);
}

#[test]
fn many_at_once_are_taken_together_or_not_at_all() {
    let shares = Shares::new(10);
    let mut five = shares.take("a", 3).unwrap();
    five.grow(2).unwrap();
    assert!(five.grow(1).is_err());
    assert_eq!((five.n(), shares.n_free()), (5, 5));
    assert!(shares.take("a", 1).is_err() && shares.take("b", 3).is_ok());
    assert!(shares.take("b", 6).is_err() && shares.take("b", usize::MAX / 2).is_err());
    drop(five);
    assert_eq!(shares.n_free(), 10);
}

#[tokio::test]
async fn who_has_the_least_is_served_first_and_then_who_came_first() {
    let shares = Shares::new(2);
    let mut first = shares.take("greedy", 1).unwrap();
    let other = shares.take("other", 1).unwrap();
    let mut waiting = JoinSet::new();
    for (n, holder) in ["greedy", "greedy", "late", "later"].into_iter().enumerate() {
        let shares = Arc::clone(&shares);
        waiting.spawn(async move { (n, shares.take_within(holder, LONG).await.unwrap()) });
        // Tasks of one thread have their turns in the order in which they were spawned.
        tokio::task::yield_now().await;
    }
    drop(other);
    for expected in [2, 3, 0, 1] {
        let (n, share) = timeout(LONG, waiting.join_next()).await.unwrap().unwrap().unwrap();
        assert_eq!(n, expected);
        // Its place goes to the next one.
        if n < 3 {
            drop(share);
        } else {
            drop(std::mem::replace(&mut first, share));
        }
    }
    drop(first);
    assert_eq!(shares.n_free(), 2);
}

#[tokio::test]
async fn who_goes_away_while_it_waits_holds_nothing() {
    let shares = Shares::new(1);
    let only = shares.take("a", 1).unwrap();
    let (mut one, mut two) =
        (Box::pin(shares.take_within("b", LONG)), Box::pin(shares.take_within("c", LONG)));
    assert!(is_waiting(&mut one).await && is_waiting(&mut two).await);
    drop(one);
    drop(only);
    // It is on its way to the second, who does not take it either.
    assert_eq!(shares.n_free(), 0);
    drop(two);
    assert_eq!(shares.n_free(), 1);
    let crowded = shares.take("a", 2).unwrap_err();
    assert_eq!((crowded.n_held, crowded.n_free), (0, 1));
    let held = shares.take("a", 1).unwrap();
    let late = shares.take_within("b", Duration::ZERO).await.unwrap_err();
    assert_eq!(late.to_string(), "others have all 1 places");
    drop(held);
}

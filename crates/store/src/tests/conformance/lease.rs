//! Promises about the lease: one consumer, one log, and nobody who was overtaken changes anything.

use model::{Filter, LogId, Seq};

use crate::error::StoreError;
use crate::events::{Apply, Claim, EventStore, Lease, Order};
use crate::tests::conformance::sample::{
    HOLDER, NOW_US, apply, at, claim, draft, log, read_all, seq, stored,
};

const SECOND_US: i64 = 1_000_000;

fn wish(holder: &str, now_s: i64, until_s: i64) -> Claim {
    let (now, until) = (at(NOW_US + now_s * SECOND_US), at(NOW_US + until_s * SECOND_US));
    Claim { holder: holder.to_owned(), log: log(), now, until }
}

pub(crate) async fn a_new_store_has_nothing_applied(store: &dyn EventStore) {
    let wanted = Lease { log: None, applied: Seq::ZERO, holder: None, until: None };
    assert_eq!(store.lease().await.unwrap(), wanted);
    // Nobody is the holder, so nobody may apply.
    let res = apply(store, vec![stored(1, &draft("a"))]).await;
    assert!(matches!(res, Err(StoreError::Fenced { .. })), "{res:?}");
}

pub(crate) async fn a_claim_binds_renews_and_runs_out(store: &dyn EventStore) {
    let lease = store.claim(wish("one", 0, 10)).await.unwrap();
    let wanted = Lease {
        log: Some(log()),
        applied: Seq::ZERO,
        holder: Some("one".to_owned()),
        until: Some(at(NOW_US + 10 * SECOND_US)),
    };
    assert_eq!(lease, wanted);
    assert_eq!(store.lease().await.unwrap(), wanted);
    let res = store.claim(wish("two", 9, 19)).await;
    assert!(matches!(res, Err(StoreError::Held { ref holder, .. }) if holder == "one"), "{res:?}");
    // Renewed by its holder, so it still holds at 15 and is free from 20 on.
    store.claim(wish("one", 9, 20)).await.unwrap();
    assert!(matches!(store.claim(wish("two", 15, 25)).await, Err(StoreError::Held { .. })));
    let lease = store.claim(wish("two", 20, 30)).await.unwrap();
    assert_eq!(lease.holder.as_deref(), Some("two"));
    assert!(matches!(store.claim(wish("one", 21, 31)).await, Err(StoreError::Held { .. })));
}

pub(crate) async fn another_log_is_refused(store: &dyn EventStore) {
    claim(store).await;
    let other = LogId::new(77).unwrap();
    for now_s in [0, 100] {
        let res = store.claim(Claim { log: other, ..wish(HOLDER, now_s, now_s + 10) }).await;
        let is_told = matches!(res, Err(StoreError::OtherLog { bound, log: asked })
            if bound == log() && asked == other);
        assert!(is_told, "{res:?}");
    }
    assert_eq!(store.lease().await.unwrap().log, Some(log()));
}

pub(crate) async fn a_stale_consumer_changes_nothing(store: &dyn EventStore) {
    claim(store).await;
    apply(store, vec![stored(5, &draft("a"))]).await.unwrap();
    let before = store.lease().await.unwrap();
    for (holder, expected) in [(HOLDER, 0), (HOLDER, 4), (HOLDER, 6), ("somebody", 5)] {
        let events = vec![stored(7, &draft("b")), stored(8, &draft("a"))];
        let (holder, expected) = (holder.to_owned(), seq(expected));
        let res = store.apply(Apply { holder, expected, events, applied: seq(8) }).await;
        let is_told = matches!(res, Err(StoreError::Fenced { expected: told }) if told == expected);
        assert!(is_told, "{res:?}");
    }
    assert_eq!(store.lease().await.unwrap(), before);
    let (events, _) = read_all(store, &Filter::default(), Order::Asc, 10).await;
    assert_eq!(events.len(), 1);
    assert!(!store.holds(seq(8)).await.unwrap());
}

pub(crate) async fn records_out_of_order_are_refused(store: &dyn EventStore) {
    claim(store).await;
    apply(store, vec![stored(5, &draft("a"))]).await.unwrap();
    for (positions, applied, refused) in
        [(vec![5], 6, 5), (vec![7, 6], 7, 6), (vec![6, 6], 6, 6), (vec![6, 9], 8, 9)]
    {
        let events = positions.iter().map(|&at| stored(at, &draft(&format!("id-{at}")))).collect();
        let (holder, applied) = (HOLDER.to_owned(), seq(applied));
        let res = store.apply(Apply { holder, expected: seq(5), events, applied }).await;
        let is_told =
            matches!(res, Err(StoreError::Refused { seq: told, .. }) if told == seq(refused));
        assert!(is_told, "{positions:?}: {res:?}");
    }
    assert_eq!(store.lease().await.unwrap().applied, seq(5));
}

pub(crate) async fn progress_moves_without_rows(store: &dyn EventStore) {
    claim(store).await;
    let holder = HOLDER.to_owned();
    let empty = Apply { holder, expected: Seq::ZERO, events: Vec::new(), applied: seq(40) };
    store.apply(empty).await.unwrap();
    assert_eq!(store.lease().await.unwrap().applied, seq(40));
    assert!(!store.holds(seq(40)).await.unwrap());
}

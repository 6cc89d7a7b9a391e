//! Promises about records that the database refuses. The driver first makes its database refuse the
//! id `poison`.

use model::Filter;

use crate::error::StoreError;
use crate::events::{EventStore, Order};
use crate::tests::conformance::sample::{apply, claim, draft, positions, read_all, seq, stored};

/// The record is named, nothing of its transaction is stored, and the store goes on.
pub(crate) async fn a_refused_record_is_named_and_nothing_is_stored(store: &dyn EventStore) {
    claim(store).await;
    apply(store, vec![stored(1, &draft("a"))]).await.unwrap();
    let before = store.lease().await.unwrap();
    let events = vec![
        stored(2, &draft("b")),
        stored(3, &draft("a")),
        stored(4, &draft("poison")),
        stored(5, &draft("c")),
    ];
    let res = apply(store, events).await;
    let is_told = matches!(&res, Err(StoreError::Refused { seq: told, reason })
        if *told == seq(4) && !reason.is_empty());
    assert!(is_told, "{res:?}");
    assert_eq!(store.lease().await.unwrap(), before);
    assert!(!store.holds(seq(2)).await.unwrap());
    apply(store, vec![stored(2, &draft("b")), stored(5, &draft("c"))]).await.unwrap();
    let (events, _) = read_all(store, &Filter::default(), Order::Asc, 10).await;
    assert_eq!(positions(&events), [1, 2, 5]);
}

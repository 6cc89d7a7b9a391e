//! Promises across a restart. The driver calls `fill`, closes, opens again, and calls `check`.

use model::Filter;

use crate::error::StoreError;
use crate::events::{Applied, Claim, EventStore, Lease, Order};
use crate::tests::conformance::sample::{
    HOLDER, NOW_US, apply, assert_same, at, claim, draft, log, mixed, read_all, stored,
};

const N_EVENTS: usize = 200;

/// Applies some events and answers with the lease as it then stands.
pub(crate) async fn fill(store: &dyn EventStore) -> Lease {
    claim(store).await;
    apply(store, mixed(N_EVENTS)).await.unwrap();
    store.lease().await.unwrap()
}

/// Everything is still there, the lease too, and the work goes on.
pub(crate) async fn check(store: &dyn EventStore, lease: Lease) {
    assert_eq!(store.lease().await.unwrap(), lease);
    let (found, _) = read_all(store, &Filter::default(), Order::Asc, 33).await;
    assert_same(&found, &mixed(N_EVENTS));
    let now = at(NOW_US + 1);
    let other = Claim { holder: "node-2".to_owned(), log: log(), now, until: at(NOW_US + 2) };
    let res = store.claim(other).await;
    assert!(matches!(res, Err(StoreError::Held { ref holder, .. }) if holder == HOLDER), "{res:?}");
    let res = apply(store, vec![stored(lease.applied.next().get(), &draft("one more"))]).await;
    let through = lease.applied.next();
    assert_eq!(res.unwrap(), Applied { through, n_stored: 1, ..Applied::default() });
}

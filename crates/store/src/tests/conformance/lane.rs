//! Promises about the batches lane itself: its lease, batches that end without rows, and finding them again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use model::Seq;
use tokio::time::timeout;

use crate::batches::{Batch, BatchQuery, BatchState, BatchStore, ErrorFeed, LaneStep, RowError};
use crate::error::StoreError;
use crate::events::Claim;
use crate::tables::TableStore;
use crate::tests::conformance::batch_sample::{
    Errors, apply_of, batch, loaded, prepare, rows, step,
};
use crate::tests::conformance::sample::{HOLDER, NOW_US, at, log};

pub(crate) async fn the_lane_has_a_lease_of_its_own<S: BatchStore + TableStore>(store: &S) {
    let lease = store.lane().await.unwrap();
    assert_eq!((lease.log, lease.applied, lease.holder), (None, Seq::ZERO, None));
    prepare(store).await;
    let lease = store.lane().await.unwrap();
    assert_eq!((lease.log, lease.holder.as_deref()), (Some(log()), Some(HOLDER)));
    let (now, until) = (at(NOW_US + 1), at(NOW_US + 2));
    let other = Claim { holder: "other".to_owned(), log: log(), now, until };
    let res = store.claim_lane(other).await;
    assert!(matches!(res, Err(StoreError::Held { ref holder, .. }) if holder == HOLDER), "{res:?}");
    let lease = store.bind_lane(model::LogId::new(7).unwrap()).await.unwrap();
    assert_eq!((lease.log.map(model::LogId::get), lease.holder), (Some(7), None));
}

pub(crate) async fn a_stale_step_of_the_lane_changes_nothing<S: BatchStore + TableStore>(
    store: &S,
) {
    prepare(store).await;
    loaded(store, batch("b1", "regions", 1), "slug,parent", &["a,-"]).await;
    let before = store.lane().await.unwrap();
    let next = step(store).await;
    let stale = [
        LaneStep { expected: Seq::ZERO, ..next.clone() },
        LaneStep { expected: next.applied, applied: next.applied.next(), ..next.clone() },
        LaneStep { holder: "somebody".to_owned(), ..next },
    ];
    for step in stale {
        let batch = batch("b2", "regions", 1);
        let apply = apply_of(step.clone(), batch.clone(), "slug,parent", rows(&["b,-"]));
        let res = store.apply_batch(apply).await;
        assert!(matches!(res, Err(StoreError::Fenced { .. })), "{res:?}");
        let res = store.settle_batch(step, batch, Arc::new(Errors(1, 1))).await;
        assert!(matches!(res, Err(StoreError::Fenced { .. })), "{res:?}");
    }
    assert_eq!(store.lane().await.unwrap(), before);
    assert_eq!(store.batch("b2").await.unwrap(), None);
    loaded(store, batch("b3", "regions", 1), "slug,parent", &["b,-"]).await;
}

pub(crate) async fn errors_of_any_number_are_kept_in_order<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    let step = step(store).await;
    let rejected = Batch {
        state: BatchState::Rejected,
        n_errors: 10_000,
        detail: Some("10000 rows are wrong".to_owned()),
        ..batch("b1", "prices", 20_000)
    };
    store.settle_batch(step.clone(), rejected.clone(), Arc::new(Errors(10_000, 77))).await.unwrap();
    assert_eq!(store.batch("b1").await.unwrap(), Some(rejected));
    assert_eq!(store.lane().await.unwrap().applied, step.applied);
    let (mut seen, mut n_pages) = (0, 0);
    loop {
        let page = store.batch_errors("b1", seen, 999).await.unwrap();
        let wanted: Vec<u64> = (seen + 1..=(seen + 999).min(10_000)).collect();
        assert_eq!(page.iter().map(|error| error.row).collect::<Vec<_>>(), wanted);
        if page.is_empty() {
            break;
        }
        assert_eq!(page[0].detail, format!("row {} is wrong", seen + 1));
        (seen, n_pages) = (seen + page.len() as u64, n_pages + 1);
    }
    assert_eq!((seen, n_pages), (10_000, 11));
}

/// Its rows stand in the log, and there may be very many of them.
pub(crate) async fn a_batch_without_errors_is_settled_without_its_rows<
    S: BatchStore + TableStore,
>(
    store: &S,
) {
    struct Endless;
    impl ErrorFeed for Endless {
        fn errors(&self) -> BoxStream<'static, Result<Vec<RowError>, StoreError>> {
            stream::pending().boxed()
        }
    }
    prepare(store).await;
    let cancelled = Batch { state: BatchState::Cancelled, ..batch("b1", "ports", 1) };
    let step = step(store).await;
    let settled = store.settle_batch(step, cancelled.clone(), Arc::new(Endless));
    timeout(Duration::from_secs(30), settled).await.expect("nobody asks for errors").unwrap();
    assert_eq!(store.batch("b1").await.unwrap(), Some(cancelled));
}

pub(crate) async fn batches_are_found_by_what_they_are<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    let plain = |id: &str, table: &str, state| Batch { state, ..batch(id, table, 0) };
    let with = |batch: Batch, application: Option<&str>, key: &str| Batch {
        application: application.map(str::to_owned),
        key: Some(key.to_owned()),
        ..batch
    };
    let (committed, cancelled) = (BatchState::Committed, BatchState::Cancelled);
    let all = [
        with(plain("b1", "ports", committed), Some("loader"), "k"),
        with(plain("b2", "ports", cancelled), None, "k"),
        with(plain("b3", "regions", committed), Some("loader"), "k"),
        with(plain("b4", "ports", cancelled), Some(""), "other"),
        plain("b5", "ports", cancelled),
        with(plain("b6", "ports", committed), None, "k"),
        with(plain("b7", "ports", cancelled), None, "k"),
        Batch { same_as: Some("b6".to_owned()), ..plain("b8", "ports", cancelled) },
        Batch { revalidates: Some("b5".to_owned()), ..plain("b9", "ports", committed) },
    ];
    for batch in &all {
        store.settle_batch(step(store).await, batch.clone(), Arc::new(Errors(0, 1))).await.unwrap();
    }
    let ids = async |query: BatchQuery| -> Vec<String> {
        store.batches(query).await.unwrap().into_iter().map(|batch| batch.id).collect()
    };
    let any = BatchQuery { limit: 100, ..BatchQuery::default() };
    assert_eq!(ids(any.clone()).await, ["b9", "b8", "b7", "b6", "b5", "b4", "b3", "b2", "b1"]);
    for batch in &all[7..] {
        assert_eq!(store.batch(&batch.id).await.unwrap().as_ref(), Some(batch));
    }
    let (table, state) = (Some("ports".to_owned()), Some(cancelled));
    let query = BatchQuery { table, state, before: Some("b5".to_owned()), ..any.clone() };
    assert_eq!(ids(query).await, ["b4", "b2"]);
    let application = Some("loader".to_owned());
    assert_eq!(ids(BatchQuery { application, limit: 1, ..any }).await, ["b3"]);
    let keyed = async |application, table, key| {
        store.batch_with_key(application, table, key).await.unwrap().map(|batch| batch.id)
    };
    assert_eq!(keyed(Some("loader"), "ports", "k").await.as_deref(), Some("b1"));
    // A key that was used again means the newest that was not cancelled, however many were before and after it.
    assert_eq!(keyed(None, "ports", "k").await.as_deref(), Some("b6"));
    assert_eq!(keyed(None, "regions", "k").await, None);
    assert_eq!(keyed(Some(""), "ports", "other").await, None, "cancelled");
}

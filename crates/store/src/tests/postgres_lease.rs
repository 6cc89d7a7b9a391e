//! The leases on PostgreSQL: whoever waits at the row of a server that applies something finds it held.

use crate::batches::{BatchStore as _, BatchVerdict};
use crate::error::StoreError;
use crate::events::{Apply, Claim, EventStore as _, Lease};
use crate::tests::conformance::batch_sample::{apply_of, batch, prepare, rows, step};
use crate::tests::conformance::sample::{HOLDER, at, claim, draft, log, seq, stored};
use crate::tests::postgres_settled::fresh;

/// Of a server with a copy of the data directory, when the lease as it was granted has just run out.
fn of_another(granted: &Lease) -> Claim {
    let now = granted.until.unwrap();
    let until = at(now.micros() + 30_000_000);
    Claim { holder: "a copy".to_owned(), log: log(), now, until }
}

/// Each insertion into a table takes more than a second.
fn slow(table: &str) -> String {
    format!(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(1.2); RETURN new; END $$; \
         CREATE TRIGGER slow BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION slow()"
    )
}

// Two threads: `psql` blocks one, and the other one ends the transactions that were dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_long_transaction_does_not_count_against_the_lease_of_the_events() {
    let (store, database) = fresh().await;
    claim(&*store).await;
    database.sql(&slow("eyas.events"));
    let granted = store.lease().await.unwrap();
    let expected = granted.applied;
    let events = vec![stored(1, &draft("a"))];
    let apply = Apply { holder: HOLDER.to_owned(), expected, events, applied: seq(1) };
    store.apply(apply).await.unwrap();
    let refused = store.claim(of_another(&granted)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Held { holder, .. } if holder == HOLDER), "{refused}");
    store.close().await.unwrap();
}

// As above.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_that_of_a_batch_against_the_lease_of_its_lane() {
    let (store, database) = fresh().await;
    prepare(&*store).await;
    database.sql(&slow("ports"));
    let granted = store.lane().await.unwrap();
    let apply = apply_of(step(&*store).await, batch("b1", "ports", 1), "code,name", rows(&["A,a"]));
    assert_eq!(store.apply_batch(apply).await.unwrap(), BatchVerdict::Committed);
    let refused = store.claim_lane(of_another(&granted)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Held { holder, .. } if holder == HOLDER), "{refused}");
    store.close().await.unwrap();
}

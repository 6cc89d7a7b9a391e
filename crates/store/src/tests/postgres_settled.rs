//! PostgreSQL against the promises about what is settled: the trail, trust, schemas, sign-ins, jobs.

use std::sync::Arc;

use testbed::{Database, Postgres};

use crate::control::ControlStore as _;
use crate::dead_letters::DeadFilter;
use crate::postgres::store::{PostgresOptions, PostgresStore};
use crate::stores::Stores;
use crate::tests::conformance::suite::every_promise;
use crate::tests::conformance::{audit, control, jobs, schemas, sign_ins, trust};

every_promise!(settled fresh);

async fn open(database: &Database) -> Arc<PostgresStore> {
    let url = database.url();
    let options = PostgresOptions { url, password: None, n_connections: 8 };
    PostgresStore::open(options).await.unwrap()
}

/// A store of its own, and the database, which goes with its value.
pub(crate) async fn fresh() -> (Arc<PostgresStore>, Database) {
    let database = Postgres::shared().create_database();
    (open(&database).await, database)
}

#[tokio::test]
async fn what_is_settled_is_kept_over_a_restart() {
    let (store, database) = fresh().await;
    let settled = control::fill(&*store).await;
    drop(store);
    assert_eq!(control::read(&*open(&database).await).await, settled);
}

/// It compiles: every contract is there.
#[tokio::test]
async fn one_database_has_every_contract() {
    let (store, _database) = fresh().await;
    let stores = Stores::of(&store);
    assert_eq!(stores.control.instance().await.unwrap(), store.instance().await.unwrap());
    assert!(stores.dead_letters.dead_groups(DeadFilter::default()).await.unwrap().is_empty());
}

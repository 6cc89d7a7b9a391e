//! PostgreSQL against the promises about what is settled: the trail, trust, schemas, sign-ins, jobs.

use std::sync::Arc;

use testbed::{Database, Postgres};

use crate::postgres::{PostgresOptions, PostgresStore};
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

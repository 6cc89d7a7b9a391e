//! Tables and batches on PostgreSQL: the suite, and what is PostgreSQL's own.

use std::sync::Arc;

use testbed::{Database, Postgres};

use crate::postgres::store::{PostgresOptions, PostgresStore};
use crate::tests::conformance::batch_suite::every_batch_promise;
use crate::tests::conformance::{batches, lane, tables};

every_batch_promise!(fresh);

async fn fresh() -> (Arc<PostgresStore>, Database) {
    let database = Postgres::shared().create_database();
    let options = PostgresOptions { url: database.url(), password: None, n_connections: 4 };
    (PostgresStore::open(options).await.unwrap(), database)
}

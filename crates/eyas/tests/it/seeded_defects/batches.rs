//! The lane of batches with a defect in front of its database: the eye of the crash test sees it, and nothing where there is none.
//!
//! The real lane over a log in memory and real SQLite. Between two of its transactions the faulty database waits until
//! somebody has looked at the table, as somebody will sooner or later.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use model::LogId;
use pipeline::{Batches, Begin, Lane, LaneOptions, RowFormat, TableRules, Tenancy, UploadWish};
use queue::MemoryQueue;
use rusqlite::{Connection, params_from_iter};
use store::{
    ApplyBatch, Batch, BatchQuery, BatchStore, BatchVerdict, Claim, ErrorFeed, LaneStep, Lease,
    RowError, RowFeed, SqliteOptions, SqliteStore, StoreError, TableMode, TableStore,
    UserMigration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::DEADLINE;
use crate::beside::Beside;
use crate::checker::batches::{BatchHistory, Broken, Listed, Look, Sent, Wanted, check};

const TABLE: &str = "readings";
const N_ROWS: u64 = 100;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// Half of the rows can be seen before the rest.
    TwoTransactions,
    /// The rows go in by a transaction that moves no position, so the next one puts them in again.
    PositionApart,
}

struct FaultyTables {
    inner: Arc<SqliteStore>,
    dir: PathBuf,
    defect: Option<Defect>,
    /// The table is in a state that somebody should look at; somebody has looked.
    look: Notify,
    looked: Notify,
}

impl FaultyTables {
    fn database(&self) -> Connection {
        Connection::open(self.dir.join("tables.db")).unwrap()
    }

    /// Puts rows into the table, in a transaction of its own.
    fn insert(&self, rows: &[Vec<String>]) {
        let mut database = self.database();
        let transaction = database.transaction().unwrap();
        for row in rows {
            let sql = format!("INSERT INTO {TABLE} (batch, n) VALUES (?, ?)");
            transaction.execute(&sql, params_from_iter(row)).unwrap();
        }
        transaction.commit().unwrap();
    }
}

async fn all(feed: &dyn RowFeed) -> Vec<Vec<String>> {
    let (mut blocks, mut all) = (feed.blocks(), Vec::new());
    while let Some(block) = blocks.next().await {
        let block = block.unwrap();
        let (mut rows, mut values) = (block.rows(), Vec::new());
        while rows.next_into(&mut values).unwrap().is_some() {
            all.push(values.iter().map(|value| value.unwrap().to_owned()).collect());
        }
    }
    all
}

#[async_trait]
impl BatchStore for FaultyTables {
    async fn lane(&self) -> Result<Lease, StoreError> {
        self.inner.lane().await
    }

    async fn claim_lane(&self, claim: Claim) -> Result<Lease, StoreError> {
        self.inner.claim_lane(claim).await
    }

    async fn bind_lane(&self, log: LogId) -> Result<Lease, StoreError> {
        self.inner.bind_lane(log).await
    }

    async fn apply_batch(&self, apply: ApplyBatch) -> Result<BatchVerdict, StoreError> {
        let rows = all(&*apply.rows).await;
        match self.defect {
            None => {}
            Some(Defect::TwoTransactions) => {
                self.insert(&rows[..rows.len() / 2]);
                self.look.notify_one();
                self.looked.notified().await;
                // The rest follows, so that the end is right: only a look in between can tell.
                self.database().execute_batch(&format!("DELETE FROM {TABLE}")).unwrap();
            }
            Some(Defect::PositionApart) => self.insert(&rows),
        }
        self.inner.apply_batch(apply).await
    }

    async fn settle_batch(
        &self,
        step: LaneStep,
        batch: Batch,
        errors: Arc<dyn ErrorFeed>,
    ) -> Result<(), StoreError> {
        self.inner.settle_batch(step, batch, errors).await
    }

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        self.inner.batch(id).await
    }

    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError> {
        self.inner.batches(query).await
    }

    async fn batch_with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Result<Option<Batch>, StoreError> {
        self.inner.batch_with_key(application, table, key).await
    }

    async fn batch_errors(
        &self,
        id: &str,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<RowError>, StoreError> {
        self.inner.batch_errors(id, skip, limit).await
    }
}

/// One batch through the lane, and looks at the table: before it, where the defect wants one, after it.
async fn history(defect: Option<Defect>) -> BatchHistory {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions {
        dir: dir.path().to_owned(),
        events_file: "eyas.db".to_owned(),
        n_readers: 2,
        wal_bytes_max: u64::MAX,
    };
    let inner = SqliteStore::open(options).unwrap();
    let sql = format!("CREATE TABLE {TABLE} (batch text NOT NULL, n integer NOT NULL)");
    let migration = UserMigration { folder: "m".to_owned(), name: "0001".to_owned(), sql };
    inner.migrate_tables(vec![migration]).await.unwrap();
    let table = inner.describe_tables(vec![TABLE.to_owned()]).await.unwrap().remove(0);
    let (look, looked) = (Notify::new(), Notify::new());
    let store = Arc::new(FaultyTables { inner, dir: dir.path().to_owned(), defect, look, looked });
    let queue = Arc::new(MemoryQueue::new(LogId::new(7).unwrap()));
    let rules = vec![TableRules { table, mode: TableMode::Append, schema: None }];
    let tables = Arc::clone(&store) as Arc<dyn BatchStore>;
    let (batches, lane) = Lane::open(queue, tables, rules, lane_options()).await.unwrap();
    let shutdown = CancellationToken::new();
    let lane = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));

    let mut rows = Beside::Sqlite(dir.path().to_owned()).rows(TABLE);
    let asked = vec!["b".to_owned()];
    let mut see = || Look { asked: asked.clone(), n_rows: rows.count("batch", &asked).unwrap() };
    let mut looks = vec![see()];
    let id = send(&batches).await;
    if defect == Some(Defect::TwoTransactions) {
        tokio::time::timeout(DEADLINE, store.look.notified()).await.unwrap();
        looks.push(see());
        store.looked.notify_one();
    }
    let view = batches.ended(&id, DEADLINE).await.unwrap().unwrap();
    looks.push(see());
    shutdown.cancel();
    lane.await.unwrap().unwrap();
    batches.close().await;
    let state = view.batch.state.as_str().to_owned();
    let table = looks.last().unwrap().n_rows.clone().into_iter().collect();
    let name = asked[0].clone();
    let listed = vec![Listed { id: id.clone(), name: name.clone(), state, same_as: None }];
    let sent = Sent { name, n_rows: N_ROWS, wanted: Wanted::Committed, ids: vec![id] };
    BatchHistory { sent: vec![sent], looks, listed, table }
}

fn lane_options() -> LaneOptions {
    LaneOptions {
        tenancy: Tenancy {
            holder: "test".to_owned(),
            is_shared: false,
            lease: Duration::from_secs(30),
            look_every: Duration::from_millis(50),
            retry_max: Duration::from_millis(200),
            refused_retry: Duration::from_millis(50),
        },
        log_bytes_max: 64 << 20,
        keep: Duration::ZERO,
        keep_refused: Duration::ZERO,
        keep_bytes_max: 0,
        idle_max: Duration::from_hours(24),
        pause_free: Duration::from_secs(30),
    }
}

/// Its id.
async fn send(batches: &Batches) -> String {
    let wish = UploadWish {
        table: TABLE.to_owned(),
        format: RowFormat::Ndjson,
        application: None,
        sent_by: "test".to_owned(),
        holder: "test".to_owned(),
        label: Some("b".to_owned()),
        key: None,
        dry_run: false,
        resumable: false,
        now: model::Timestamp::from_micros(1_800_000_000_000_000),
        revalidates: None,
    };
    let Begin::Upload(mut upload) = batches.begin(wish).await.unwrap();
    let rows: Vec<String> = (0..N_ROWS).map(|n| format!(r#"{{"batch":"b","n":{n}}}"#)).collect();
    upload.push(rows.join("\n").into()).await.unwrap();
    upload.finish().await.unwrap().batch.batch.id
}

#[tokio::test]
async fn without_a_defect_every_look_is_right() {
    assert_eq!(check(&history(None).await), []);
}

#[tokio::test]
async fn a_batch_in_two_transactions_is_caught() {
    let wrong = check(&history(Some(Defect::TwoTransactions)).await);
    assert_eq!(wrong, [Broken::Part { name: "b".to_owned(), n_rows: N_ROWS / 2 }]);
}

#[tokio::test]
async fn rows_apart_from_their_position_are_caught() {
    let wrong = check(&history(Some(Defect::PositionApart)).await);
    assert!(
        wrong.contains(&Broken::Part { name: "b".to_owned(), n_rows: 2 * N_ROWS }),
        "{wrong:?}"
    );
}

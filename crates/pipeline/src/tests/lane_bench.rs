//! A lane over a log in memory and SQLite, for the tests of its promises.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::LogId;
use queue::{MemoryQueue, Queue};
use store::{BatchStore, SqliteOptions, SqliteStore, TableMode, TableStore, UserMigration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::batches::desk::LaneOptions;
use crate::batches::error::BatchError;
use crate::batches::face::{Batches, Begin};
use crate::batches::lane::Lane;
use crate::batches::rules::{RowFormat, TableRules};
use crate::batches::upload::Upload;
use crate::batches::view::{BatchView, Finished, UploadWish};
use crate::clock;
use crate::halt::StartError;
use crate::tests::intake::tenancy;

const TABLES: &str = "
    CREATE TABLE ports (code VARCHAR(5) PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE prices (
        orig TEXT NOT NULL REFERENCES ports (code),
        day DATE NOT NULL,
        price INTEGER NOT NULL CHECK (price > 0),
        note TEXT
    );";

pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// A lane in a folder of its own.
pub(crate) struct Bench {
    pub(crate) queue: MemoryQueue,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) dir: tempfile::TempDir,
}

/// A lane that runs.
pub(crate) struct Running {
    pub(crate) batches: Batches,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), StartError>>,
}

pub(crate) fn options() -> LaneOptions {
    LaneOptions {
        tenancy: tenancy(),
        log_bytes_max: 256 << 20,
        keep: Duration::ZERO,
        keep_refused: Duration::ZERO,
        keep_bytes_max: 0,
        idle_max: Duration::from_hours(24),
        pause_free: Duration::from_secs(30),
    }
}

/// Of a database that others reach, and that may lose what it had.
pub(crate) fn shared_options() -> LaneOptions {
    let mut options =
        LaneOptions { keep: Duration::from_hours(24), keep_bytes_max: 1 << 30, ..options() };
    options.tenancy.is_shared = true;
    options
}

pub(crate) fn open_store(dir: &tempfile::TempDir) -> Arc<SqliteStore> {
    SqliteStore::open(SqliteOptions {
        dir: dir.path().to_owned(),
        events_file: "eyas.db".to_owned(),
        n_readers: 2,
        wal_bytes_max: u64::MAX,
    })
    .unwrap()
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open_store(&dir);
        let migration = UserMigration {
            folder: "m".to_owned(),
            name: "0001_tables".to_owned(),
            sql: TABLES.to_owned(),
        };
        store.migrate_tables(vec![migration]).await.unwrap();
        Self { queue: MemoryQueue::new(LogId::new(7).unwrap()), store, dir }
    }

    pub(crate) async fn rules(&self) -> Vec<TableRules> {
        let names = ["ports", "prices"].map(str::to_owned).to_vec();
        let tables = self.store.describe_tables(names).await.unwrap();
        let rules = |table| TableRules { table, mode: TableMode::Append, schema: None };
        tables.into_iter().map(rules).collect()
    }

    pub(crate) async fn open(&self, options: LaneOptions) -> (Batches, Lane) {
        let rules = self.rules().await;
        let queue: Arc<dyn Queue> = Arc::new(self.queue.clone());
        let store = Arc::clone(&self.store) as Arc<dyn BatchStore>;
        Lane::open(queue, store, rules, options).await.unwrap()
    }

    pub(crate) async fn run(&self) -> Running {
        self.run_with(options()).await
    }

    pub(crate) async fn run_with(&self, options: LaneOptions) -> Running {
        let (batches, lane) = self.open(options).await;
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
        Running { batches, shutdown, task }
    }

    /// All rows of a table, each as texts.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let db = rusqlite::Connection::open(self.dir.path().join("tables.db")).unwrap();
        let mut select = db.prepare(sql).unwrap();
        let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    pub(crate) fn ports(&self) -> Vec<String> {
        self.rows("SELECT code FROM ports ORDER BY code")
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
        self.batches.close().await;
    }

    pub(crate) async fn over(&self, id: &str) -> BatchView {
        let view = self.batches.ended(id, WAIT).await.unwrap().unwrap();
        assert!(view.batch.state.is_over(), "{view:?}");
        view
    }
}

pub(crate) fn wish(table: &str, format: RowFormat) -> UploadWish {
    UploadWish {
        table: table.to_owned(),
        format,
        application: None,
        sent_by: "test".to_owned(),
        holder: "test".to_owned(),
        label: None,
        key: None,
        dry_run: false,
        resumable: false,
        now: clock::now(),
        revalidates: None,
    }
}

pub(crate) async fn begin(batches: &Batches, wish: UploadWish) -> Result<Upload, BatchError> {
    batches.begin(wish).await.map(|Begin::Upload(upload)| upload)
}

pub(crate) async fn send(
    batches: &Batches,
    wish: UploadWish,
    body: &str,
) -> Result<Finished, BatchError> {
    let mut upload = begin(batches, wish).await?;
    upload.push(Bytes::copy_from_slice(body.as_bytes())).await?;
    upload.finish().await
}

pub(crate) fn keyed(table: &str, key: &str) -> UploadWish {
    UploadWish { key: Some(key.to_owned()), ..wish(table, RowFormat::Ndjson) }
}

pub(crate) const TWO_PORTS: &str =
    "{\"code\":\"CNSGH\",\"name\":\"Shanghai\"}\n{\"code\":\"NLRTM\",\"name\":\"Rotterdam\"}\n";

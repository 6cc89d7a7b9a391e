//! A lane over a log in memory and SQLite, and the promises of batches on it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{LogId, Seq};
use queue::{MemoryQueue, Queue};
use store::{
    BatchQuery, BatchState, BatchStore, RowError, SqliteOptions, SqliteStore, TableMode,
    TableStore, UserMigration,
};
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
use crate::lease::Tenancy;

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
        tenancy: Tenancy {
            holder: "test".to_owned(),
            is_shared: false,
            lease: Duration::from_secs(30),
            look_every: Duration::from_millis(50),
            retry_max: Duration::from_millis(200),
            refused_retry: Duration::from_millis(50),
        },
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

fn keyed(table: &str, key: &str) -> UploadWish {
    UploadWish { key: Some(key.to_owned()), ..wish(table, RowFormat::Ndjson) }
}

const TWO_PORTS: &str =
    "{\"code\":\"CNSGH\",\"name\":\"Shanghai\"}\n{\"code\":\"NLRTM\",\"name\":\"Rotterdam\"}\n";

#[tokio::test]
async fn a_batch_of_any_format_goes_in_whole() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    for (format, body) in [
        (RowFormat::Ndjson, TWO_PORTS),
        (
            RowFormat::JsonArray,
            " [{\"name\":\"A\",\"code\":\"A\"} , {\"code\":\"B\",\"name\":\"B\"}]\n",
        ),
        (RowFormat::Csv, "code,name\r\nC,\"C, or\r\nsea\"\r\nD,D"),
    ] {
        let finished = send(&lane.batches, wish("ports", format), body).await.unwrap();
        assert_eq!(finished.batch.batch.state, BatchState::Queued, "{finished:?}");
        assert!(!finished.duplicate && finished.first_errors.is_empty());
        let view = lane.over(&finished.batch.batch.id).await;
        assert_eq!(view.batch.state, BatchState::Committed, "{view:?}");
        assert_eq!((view.batch.n_rows, view.rows_applied), (2, 2));
    }
    assert_eq!(bench.ports(), ["A", "B", "C", "CNSGH", "D", "NLRTM"]);
    assert_eq!(bench.rows("SELECT name FROM ports WHERE code = 'C'"), ["C, or\r\nsea"]);
    let standing = lane.batches.standing();
    assert_eq!((standing.counts.committed, standing.lag_batches), (3, 0));
    lane.stop().await;
    assert_eq!(bench.queue.size_bytes(), 0, "what is applied is trimmed");
}

#[tokio::test]
async fn one_wrong_row_keeps_all_rows_out_and_every_error_is_kept() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let wrong = |n| format!("{{\"code\":\"P{n}\",\"name\":{n}}}\n");
    let body = TWO_PORTS.to_owned() + &(0..250).map(wrong).collect::<Vec<_>>().concat();
    let finished = send(&lane.batches, wish("ports", RowFormat::Ndjson), &body).await.unwrap();
    assert_eq!(finished.batch.batch.state, BatchState::Rejected);
    assert_eq!((finished.batch.batch.n_errors, finished.first_errors.len()), (250, 100));
    let RowError { row, line, pointer, rule, .. } = &finished.first_errors[0];
    assert_eq!((*row, *line, pointer.as_str(), rule.as_str()), (3, 3, "/name", "type"));
    let id = &finished.batch.batch.id;
    assert_eq!(lane.batches.errors(id, 240, 100).await.unwrap().len(), 10);
    assert_eq!(lane.over(id).await.batch.state, BatchState::Rejected);
    assert!(bench.ports().is_empty());
    lane.stop().await;
}

#[tokio::test]
async fn what_the_database_refuses_is_rejected_whole_with_its_words() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    send(&lane.batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    let body = "orig,day,price\nCNSGH,2026-01-01,5\nXXXXX,2026-01-01,6\n";
    let finished = send(&lane.batches, wish("prices", RowFormat::Csv), body).await.unwrap();
    let view = lane.over(&finished.batch.batch.id).await;
    assert_eq!(view.batch.state, BatchState::Rejected);
    let errors = lane.batches.errors(&view.batch.id, 0, 10).await.unwrap();
    assert_eq!((errors[0].row, errors[0].line), (2, 3), "{errors:?}");
    assert!(bench.rows("SELECT orig FROM prices").is_empty());
    lane.stop().await;
}

#[tokio::test]
async fn the_same_key_means_the_same_batch_once() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(options()).await;
    let first = send(&batches, keyed("ports", "k"), TWO_PORTS).await.unwrap();
    // Spelled otherwise, the rows are the same.
    let again = " {\"name\":\"Shangh\\u0061i\", \"code\":\"CNSGH\"}\n\n{\"code\":\"NLRTM\",\"name\":\"Rotterdam\"}";
    let id = first.batch.batch.id.clone();
    for is_running in [false, true] {
        let second = send(&batches, keyed("ports", "k"), again).await.unwrap();
        assert!(second.duplicate);
        assert_eq!(second.batch.batch.id, id);
        let other = send(&batches, keyed("ports", "k"), &TWO_PORTS[..36]).await.unwrap_err();
        assert!(matches!(&other, BatchError::KeyConflict { id: first } if *first == id), "{other}");
        if !is_running {
            break;
        }
    }
    // The key of another table is another key.
    let prices = "{\"orig\":\"CNSGH\",\"day\":\"2026-01-01\",\"price\":1}";
    assert!(!send(&batches, keyed("prices", "k"), prices).await.unwrap().duplicate);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    assert_eq!(batches.ended(&id, WAIT).await.unwrap().unwrap().batch.state, BatchState::Committed);
    let third = send(&batches, keyed("ports", "k"), again).await.unwrap();
    assert!(third.duplicate && third.batch.batch.id == id, "found in the database");
    assert_eq!(bench.ports().len(), 2);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_is_busy_while_its_first_batch_uploads_and_free_once_that_was_dropped() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let mut upload = begin(&lane.batches, keyed("ports", "k")).await.unwrap();
    upload.push(Bytes::from_static(b"{\"code\":\"A\",")).await.unwrap();
    let id = upload.id().to_owned();
    let busy = send(&lane.batches, keyed("ports", "k"), TWO_PORTS).await.unwrap_err();
    assert!(matches!(&busy, BatchError::KeyBusy { id: first } if *first == id), "{busy}");
    drop(upload);
    assert_eq!(lane.over(&id).await.batch.state, BatchState::Cancelled);
    let finished = send(&lane.batches, keyed("ports", "k"), TWO_PORTS).await.unwrap();
    assert!(!finished.duplicate);
    assert_eq!(lane.over(&finished.batch.batch.id).await.batch.state, BatchState::Committed);
    lane.stop().await;
}

#[tokio::test]
async fn a_cancelled_batch_is_never_applied_also_after_a_restart() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(options()).await;
    let finished = send(&batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    let later = "{\"code\":\"Z\",\"name\":\"Z\"}";
    let later = send(&batches, wish("ports", RowFormat::Ndjson), later).await.unwrap();
    let id = finished.batch.batch.id;
    let view = batches.cancel(&id, "somebody").await.unwrap();
    assert_eq!(view.batch.state, BatchState::Cancelled);
    assert!(matches!(
        batches.cancel(&id, "somebody").await,
        Err(BatchError::NotCancellable { .. })
    ));
    assert!(matches!(batches.cancel("nobody", "x").await, Err(BatchError::NoSuchBatch)));
    drop((batches, lane));
    let lane = bench.run().await;
    assert_eq!(lane.over(&later.batch.batch.id).await.batch.state, BatchState::Committed);
    let view = lane.over(&id).await;
    assert_eq!(view.batch.state, BatchState::Cancelled);
    assert_eq!(view.batch.detail.as_deref(), Some("cancelled by somebody"));
    let listed =
        lane.batches.list(BatchQuery { limit: 10, ..BatchQuery::default() }).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(bench.ports(), ["Z"]);
    lane.stop().await;
}

#[tokio::test]
async fn an_upload_that_pauses_over_restarts_is_the_batch_that_goes_in_one_go() {
    let body = "code,name\nA,\"a\nb\"\nB,b\nC,c\n";
    let array = "[{\"code\":\"A\",\"name\":\"a\\nb\"},{\"code\":\"B\",\"name\":\"b\"},\n{\"code\":\"C\",\"name\":\"c\"}]";
    let mut hashes = Vec::new();
    for (format, body) in [(RowFormat::Csv, body), (RowFormat::JsonArray, array)] {
        let bench = Bench::new().await;
        let wish = UploadWish { resumable: true, ..wish("ports", format) };
        let (batches, lane) = bench.open(options()).await;
        let upload = begin(&batches, wish).await.unwrap();
        let id = upload.id().to_owned();
        let mut offset = upload.pause().await.unwrap().upload_offset.unwrap();
        drop((batches, lane));
        // One byte more each time; what was no whole row is sent again.
        let mut n = 0;
        loop {
            n += 1;
            let (batches, lane) = bench.open(options()).await;
            let wrong = batches.resume(&id, offset + 1).await.err().unwrap();
            assert!(matches!(wrong, BatchError::WrongOffset { offset: is } if is == offset));
            let mut upload = batches.resume(&id, offset).await.unwrap();
            let end = (offset as usize + n).min(body.len());
            upload
                .push(Bytes::copy_from_slice(&body.as_bytes()[offset as usize..end]))
                .await
                .unwrap();
            if end == body.len() {
                hashes.push(upload.finish().await.unwrap().batch.batch.hash);
                drop((batches, lane));
                break;
            }
            let now_at = upload.pause().await.unwrap().upload_offset.unwrap();
            if now_at > offset {
                n = 0;
            }
            offset = now_at;
            drop((batches, lane));
        }
        let lane = bench.run().await;
        let view = lane.over(&id).await;
        assert_eq!(view.batch.state, BatchState::Committed, "{view:?}");
        assert_eq!(view.batch.n_rows, 3);
        assert_eq!(bench.ports(), ["A", "B", "C"]);
        lane.stop().await;
    }
    let bench = Bench::new().await;
    let lane = bench.run().await;
    for (format, body) in [(RowFormat::Csv, body), (RowFormat::JsonArray, array)] {
        let dry = UploadWish { dry_run: true, ..wish("ports", format) };
        hashes.push(send(&lane.batches, dry, body).await.unwrap().batch.batch.hash);
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    assert!(bench.ports().is_empty(), "a dry run keeps nothing");
    lane.stop().await;
}

#[tokio::test]
async fn an_upload_without_a_byte_for_a_day_is_cancelled() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let wish = UploadWish { resumable: true, ..wish("ports", RowFormat::Ndjson) };
    let mut upload = begin(&lane.batches, wish).await.unwrap();
    let id = upload.id().to_owned();
    upload.push(Bytes::from_static(b"{\"code\":\"A\",\"name\":\"a\"}\n{\"c")).await.unwrap();
    // A connection that breaks is a pause.
    drop(upload);
    let is_paused = async || {
        let view = lane.batches.batch(&id).await.unwrap().unwrap();
        view.upload_offset == Some(24)
    };
    while !is_paused().await {
        tokio::task::yield_now().await;
    }
    let later =
        |hours: i64| model::Timestamp::from_micros(clock::now().micros() + hours * 3_600_000_000);
    lane.batches.desk.abandon_idle(later(23)).await.unwrap();
    assert_eq!(lane.batches.batch(&id).await.unwrap().unwrap().batch.state, BatchState::Receiving);
    lane.batches.desk.abandon_idle(later(25)).await.unwrap();
    let view = lane.over(&id).await;
    assert_eq!(view.batch.state, BatchState::Cancelled);
    assert_eq!(view.batch.detail.as_deref(), Some("no byte of it came for 24 h"));
    lane.stop().await;
}

#[tokio::test]
async fn whoever_goes_on_with_an_upload_takes_it_from_a_connection_that_hangs() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let wish = UploadWish { resumable: true, ..wish("ports", RowFormat::Ndjson) };
    let mut hanging = begin(&lane.batches, wish).await.unwrap();
    let id = hanging.id().to_owned();
    hanging.push(Bytes::from_static(TWO_PORTS.as_bytes())).await.unwrap();
    let mut upload = lane.batches.resume(&id, 0).await.unwrap();
    assert!(matches!(hanging.finish().await, Err(BatchError::Busy)));
    upload.push(Bytes::from_static(TWO_PORTS.as_bytes())).await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(lane.over(&id).await.batch.n_rows, 2);
    lane.stop().await;
}

#[tokio::test]
async fn a_plain_upload_does_not_outlive_the_process() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(options()).await;
    let mut upload = begin(&batches, wish("ports", RowFormat::Ndjson)).await.unwrap();
    let id = upload.id().to_owned();
    upload.push(Bytes::from_static(TWO_PORTS.as_bytes())).await.unwrap();
    // As a process that dies: nobody says goodbye.
    std::mem::forget(upload);
    drop((batches, lane));
    let lane = bench.run().await;
    assert_eq!(lane.over(&id).await.batch.state, BatchState::Cancelled);
    assert!(bench.ports().is_empty());
    lane.stop().await;
}

#[tokio::test]
async fn a_log_that_is_full_takes_nothing_new() {
    let bench = Bench::new().await;
    let (batches, _lane) = bench.open(LaneOptions { log_bytes_max: 1_000, ..options() }).await;
    let mut n_taken = 0;
    let full = loop {
        match send(&batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await {
            Ok(_) => n_taken += 1,
            Err(error) => break error,
        }
    };
    assert!(n_taken > 0 && matches!(&full, BatchError::Full(_)), "{full}");
    assert!(bench.queue.size_bytes() < 5_000);
}

#[tokio::test]
async fn a_database_that_lost_batches_gets_them_again_from_the_kept_log() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(shared_options()).await;
    let (shutdown, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(shutdown.clone(), stop.clone()));
    let one = send(&batches, keyed("ports", "k"), TWO_PORTS).await.unwrap();
    batches.ended(&one.batch.batch.id, WAIT).await.unwrap();
    let kept = bench.dir.path().join("before.db");
    rusqlite::Connection::open(bench.dir.path().join("tables.db"))
        .unwrap()
        .execute("VACUUM INTO ?", [kept.to_str().unwrap()])
        .unwrap();
    let more = "{\"code\":\"Z\",\"name\":\"Z\"}";
    let two = send(&batches, wish("ports", RowFormat::Ndjson), more).await.unwrap();
    batches.ended(&two.batch.batch.id, WAIT).await.unwrap();
    assert!(bench.queue.bounds().first == Seq::ZERO.next(), "everything is kept");
    shutdown.cancel();
    running.await.unwrap().unwrap();
    // The database goes back to where it was.
    let Bench { queue, store, dir } = bench;
    drop((batches, store));
    for file in ["tables.db-wal", "tables.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    std::fs::rename(&kept, dir.path().join("tables.db")).unwrap();
    let bench = Bench { store: open_store(&dir), queue, dir };
    assert_eq!(bench.ports().len(), 2);
    let (batches, lane) = bench.open(shared_options()).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), stop));
    let view = batches.ended(&two.batch.batch.id, WAIT).await.unwrap().unwrap();
    assert_eq!(view.batch.state, BatchState::Committed);
    assert_eq!(bench.ports(), ["CNSGH", "NLRTM", "Z"]);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_batches_log_that_parted_from_the_one_that_fed_the_database_is_refused() {
    let bench = Bench::new().await;
    let (batches, _) = bench.open(options()).await;
    send(&batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    batches.close().await;
    // A copy of the log has fed the database up to the same position, with another batch.
    let last = bench.queue.bounds().last;
    let db = rusqlite::Connection::open(bench.dir.path().join("tables.db")).unwrap();
    db.execute("UPDATE eyas_lease SET applied = ?", [last.get() as i64]).unwrap();
    let (queue, store) = (Arc::new(bench.queue.clone()), Arc::clone(&bench.store));
    let rules = bench.rules().await;
    let error = Lane::open(queue, store, rules, options()).await.err().unwrap();
    assert!(matches!(&error, StartError::Forked(text) if text.contains("batches' log")), "{error}");
}

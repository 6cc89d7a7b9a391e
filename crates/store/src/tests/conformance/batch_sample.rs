//! What the suite feeds to the batches lane: tables that every database can make, rows, and a lane to apply them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use model::ContentHash;
use model::rows::{RowBlock, RowBlockBuilder};
use tokio_util::sync::CancellationToken;

use crate::batches::{
    ApplyBatch, Batch, BatchState, BatchStore, BatchVerdict, ErrorFeed, LaneStep, RowError,
    RowFeed, TableMode,
};
use crate::error::StoreError;
use crate::events::Claim;
use crate::tables::{TableStore, UserMigration};
use crate::tests::conformance::sample::{HOLDER, NOW_US, at, log};

/// Ports and prices, and regions that refer to each other.
pub(crate) const TABLES: &str = "
    CREATE TABLE regions (
        slug TEXT PRIMARY KEY,
        parent TEXT REFERENCES regions (slug)
    );
    CREATE TABLE ports (code VARCHAR(5) PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE prices (
        orig TEXT NOT NULL REFERENCES ports (code),
        dest TEXT NOT NULL REFERENCES ports,
        day DATE NOT NULL,
        price INTEGER NOT NULL CHECK (price > 0),
        note TEXT DEFAULT 'none',
        UNIQUE (orig, dest, day, price)
    );";

/// Rows of a block, so that a test of a few rows has several.
const BLOCK_ROWS: usize = 3;

pub(crate) type Row = Vec<Option<String>>;

/// Rows from anywhere, without holding them all.
pub(crate) struct Feed<F>(pub(crate) u64, pub(crate) usize, pub(crate) F);

impl<F: Fn(u64) -> Row + Clone + Send + Sync + 'static> RowFeed for Feed<F> {
    fn blocks(&self) -> BoxStream<'static, Result<RowBlock<Bytes>, StoreError>> {
        let Self(n_rows, block_rows, make) = self;
        let (n_rows, make) = (*n_rows, make.clone());
        let block_rows = *block_rows as u64;
        let block = move |first: u64| {
            let mut builder = RowBlockBuilder::default();
            let mut n_columns = 0;
            for nth in first..(first + block_rows).min(n_rows) {
                let row = make(nth);
                n_columns = row.len();
                builder.push(nth + 2, row.iter().map(Option::as_deref));
            }
            let n_rows = builder.n_rows();
            Ok(RowBlock { bytes: builder.take().into(), n_columns, n_rows, first_row: first + 1 })
        };
        let firsts = (0..n_rows.div_ceil(block_rows)).map(move |nth| nth * block_rows);
        stream::iter(firsts.map(block)).boxed()
    }
}

/// Rows as they are written in a test: fields by `,`, `-` is null.
pub(crate) fn rows(text: &[&str]) -> Arc<dyn RowFeed> {
    let rows: Arc<Vec<Row>> = Arc::new(text.iter().map(|row| fields(row)).collect());
    let n_rows = rows.len() as u64;
    Arc::new(Feed(n_rows, BLOCK_ROWS, move |nth: u64| rows[nth as usize].clone()))
}

pub(crate) fn fields(row: &str) -> Row {
    row.split(',').map(|field| (field != "-").then(|| field.to_owned())).collect()
}

/// What is wrong, in slices.
pub(crate) struct Errors(pub(crate) u64, pub(crate) usize);

impl ErrorFeed for Errors {
    fn errors(&self) -> BoxStream<'static, Result<Vec<RowError>, StoreError>> {
        let rows: Vec<u64> = (1..=self.0).collect();
        let slices: Vec<_> = rows.chunks(self.1).map(|rows| Ok(errors_of(rows))).collect();
        stream::iter(slices).boxed()
    }
}

fn errors_of(rows: &[u64]) -> Vec<RowError> {
    let error = |&row: &u64| RowError {
        row,
        line: row + 1,
        pointer: "/price".to_owned(),
        rule: "type".to_owned(),
        detail: format!("row {row} is wrong"),
    };
    rows.iter().map(error).collect()
}

/// A batch as it is before anything happened to it.
pub(crate) fn batch(id: &str, table: &str, n_rows: u64) -> Batch {
    Batch {
        id: id.to_owned(),
        table: table.to_owned(),
        mode: TableMode::Append,
        application: None,
        sent_by: "token:load".to_owned(),
        label: None,
        key: None,
        state: BatchState::Committed,
        n_rows,
        n_bytes: 10 * n_rows,
        hash: ContentHash(u128::MAX - 7),
        created_at: at(NOW_US),
        received_at: Some(at(NOW_US + 1)),
        started_at: Some(at(NOW_US + 2)),
        ended_at: Some(at(NOW_US + 3)),
        n_errors: 0,
        detail: None,
        same_as: None,
        revalidates: None,
    }
}

/// Makes the tables and becomes the lane's consumer.
pub(crate) async fn prepare<S: BatchStore + TableStore>(store: &S) {
    store.migrate_tables(vec![migration("0001_tables", TABLES)]).await.unwrap();
    let (now, until) = (at(NOW_US), at(NOW_US + 10_000_000));
    let claim = Claim { holder: HOLDER.to_owned(), log: log(), now, until };
    store.claim_lane(claim).await.unwrap();
}

pub(crate) fn migration(name: &str, sql: &str) -> UserMigration {
    UserMigration { folder: "migrations".to_owned(), name: name.to_owned(), sql: sql.to_owned() }
}

/// The next step of the lane.
pub(crate) async fn step(store: &dyn BatchStore) -> LaneStep {
    let expected = store.lane().await.unwrap().applied;
    LaneStep { holder: HOLDER.to_owned(), expected, applied: expected.next() }
}

/// A batch of these rows, as the lane hands it over.
pub(crate) fn apply_of(
    step: LaneStep,
    batch: Batch,
    columns: &str,
    rows: Arc<dyn RowFeed>,
) -> ApplyBatch {
    ApplyBatch {
        step,
        batch,
        clock: Arc::new(|| at(NOW_US + 3)),
        columns: columns.split(',').map(str::to_owned).collect(),
        rows,
        progress: Arc::new(AtomicU64::new(77)),
        stop: CancellationToken::new(),
    }
}

/// Applies rows to a table.
pub(crate) async fn load(
    store: &dyn BatchStore,
    batch: Batch,
    columns: &str,
    text: &[&str],
) -> Result<BatchVerdict, StoreError> {
    let batch = Batch { n_rows: text.len() as u64, ..batch };
    store.apply_batch(apply_of(step(store).await, batch, columns, rows(text))).await
}

/// Loads what must be taken.
pub(crate) async fn loaded(store: &dyn BatchStore, batch: Batch, columns: &str, text: &[&str]) {
    let res = load(store, batch, columns, text).await;
    assert_eq!(res.unwrap(), BatchVerdict::Committed);
}

/// Loads what must be refused; what is wrong, as `row line pointer rule`, and the batch as it stands there now.
pub(crate) async fn refused(
    store: &dyn BatchStore,
    batch: Batch,
    columns: &str,
    text: &[&str],
) -> (Batch, Vec<String>) {
    let (id, before) = (batch.id.clone(), store.lane().await.unwrap().applied);
    let verdict = load(store, batch, columns, text).await.unwrap();
    let BatchVerdict::Rejected(rejected) = verdict else { panic!("{id} is taken") };
    assert_eq!(rejected.state, BatchState::Rejected);
    assert_eq!(store.batch(&id).await.unwrap().as_ref(), Some(&*rejected));
    assert_eq!(store.lane().await.unwrap().applied, before.next(), "the lane goes on");
    let errors = store.batch_errors(&id, 0, 1_000).await.unwrap();
    assert_eq!(rejected.n_errors, errors.len() as u64);
    let told = |error: &RowError| {
        assert!(!error.detail.is_empty());
        format!("{} {} {} {}", error.row, error.line, error.pointer, error.rule)
    };
    let told = errors.iter().map(told).collect();
    (*rejected, told)
}

//! The batches that stand in their log: what each record is, put together by batch.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::Seq;
use pipeline::BatchRecord;
use serde::Serialize;

/// One batch of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ToldBatch {
    /// Its id.
    pub(crate) batch: String,
    /// Where its rows go; unknown where its first record is gone.
    pub(crate) table: Option<String>,
    /// What the log says last: `begin` and `rows` while it is being uploaded, then `commit`, `reject` or `cancel`.
    pub(crate) last_record: &'static str,
    /// Rows whose records are here.
    pub(crate) rows: u64,
    /// Of its first record here.
    pub(crate) first_seq: u64,
    /// Of its last one.
    pub(crate) last_seq: u64,
    /// The database knows how it ended.
    pub(crate) applied: bool,
}

impl ToldBatch {
    /// For people.
    pub(crate) fn line(&self) -> String {
        let Self { batch, table, last_record, rows, first_seq, last_seq, applied } = self;
        let table = table.as_deref().unwrap_or("?");
        let applied = if *applied { "in the database" } else { "not in the database" };
        format!(
            "batch {batch}  {table}  {rows} rows  seq {first_seq} to {last_seq}, {last_record}  {applied}"
        )
    }
}

/// Gathers them, record by record in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    by_id: BTreeMap<String, ToldBatch>,
}

impl Batches {
    /// Takes an append: the Seq of its first record, and each record after its length (u32, little-endian).
    pub(crate) fn take(&mut self, first: u64, payload: &Bytes) {
        let (mut rest, mut seq) = (payload.clone(), first);
        while let Some(length) = rest.first_chunk::<4>() {
            let end = 4 + u32::from_le_bytes(*length) as usize;
            if rest.len() < end {
                return;
            }
            let record = rest.split_to(end).slice(4..);
            if let Some(record) = BatchRecord::read(&record) {
                self.add(seq, record);
            }
            seq += 1;
        }
    }

    fn add(&mut self, seq: u64, record: BatchRecord) {
        let BatchRecord { kind, batch, table, rows } = record;
        let told = self.by_id.entry(batch).or_insert_with_key(|id| ToldBatch {
            batch: id.clone(),
            table: None,
            last_record: kind,
            rows: 0,
            first_seq: seq,
            last_seq: seq,
            applied: false,
        });
        told.table = table.or(told.table.take());
        told.rows += rows.filter(|_| kind == "rows").unwrap_or(0);
        (told.last_record, told.last_seq) = (kind, seq);
    }

    /// All of them, oldest first, where the database has applied so much.
    pub(crate) fn told(&self, applied: Seq) -> Vec<ToldBatch> {
        let is_over = |kind| matches!(kind, "commit" | "reject" | "cancel");
        let told = |told: &ToldBatch| {
            let applied = is_over(told.last_record) && told.last_seq <= applied.get();
            ToldBatch { applied, ..told.clone() }
        };
        let mut all: Vec<ToldBatch> = self.by_id.values().map(told).collect();
        all.sort_by_key(|told| told.first_seq);
        all
    }
}

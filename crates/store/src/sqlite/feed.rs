//! The rows of a batch as the writer's thread reads them: one block at a time, until the server ends.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use model::rows::RowBlock;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::batches::ApplyBatch;
use crate::error::StoreError;

/// The blocks of a batch, read on the writer's thread.
pub(crate) struct Feed<'a> {
    blocks: BoxStream<'static, Result<RowBlock<Bytes>, StoreError>>,
    n_columns: usize,
    stop: &'a CancellationToken,
    runtime: &'a Handle,
    apply: &'a ApplyBatch,
}

impl<'a> Feed<'a> {
    /// From the first row on.
    pub(crate) fn new(apply: &'a ApplyBatch, runtime: &'a Handle) -> Self {
        let (blocks, n_columns) = (apply.rows.blocks(), apply.columns.len());
        Self { blocks, n_columns, stop: &apply.stop, runtime, apply }
    }

    /// The next block, unless the server ends.
    pub(crate) fn next(&mut self) -> Result<Option<RowBlock<Bytes>>, StoreError> {
        let next = async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    Some(Err(StoreError::Unavailable("the server ends".to_owned())))
                }
                block = self.blocks.next() => block,
            }
        };
        match self.runtime.block_on(next).transpose()? {
            Some(block) if block.n_columns != self.n_columns => Err(damaged(self.apply)),
            block => Ok(block),
        }
    }
}

/// The log and the database disagree about the rows of a batch: no batch is to blame for that.
pub(crate) fn damaged(apply: &ApplyBatch) -> StoreError {
    StoreError::Unusable(format!(
        "the log does not give the {} rows of batch {} back; run `eyas log verify`",
        apply.batch.n_rows, apply.batch.id
    ))
}

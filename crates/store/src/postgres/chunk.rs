//! How many rows the server is asked for at once.
//!
//! A statement that is not read to its end is sent to its end all the same. Rows of a few hundred bytes want large
//! chunks, rows of a megabyte small ones; what was read so far tells which they are.

use tokio_postgres::Row;

/// Rows of the first chunk, and most of any.
const ROWS: (i64, i64) = (64, 4096);
/// What a chunk should not exceed by much.
const BYTES_MAX: i64 = 4 << 20;

/// The size of the next chunk.
pub(crate) struct Chunk {
    n_rows: i64,
    n_bytes: i64,
}

impl Chunk {
    pub(crate) fn new() -> Self {
        Self { n_rows: 0, n_bytes: 0 }
    }

    /// A row came.
    pub(crate) fn note(&mut self, row: &Row) {
        self.n_rows += 1;
        self.n_bytes += row.raw_size_bytes() as i64;
    }

    /// Rows that the next statement should ask for.
    pub(crate) fn rows_max(&self) -> i64 {
        if self.n_rows == 0 {
            return ROWS.0;
        }
        let row_bytes = (self.n_bytes / self.n_rows).max(1);
        (BYTES_MAX / row_bytes).clamp(1, (self.n_rows * 4).min(ROWS.1))
    }
}

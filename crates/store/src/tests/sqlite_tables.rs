//! Tables and batches on SQLite: the suite, and what is SQLite's own.

use crate::tests::conformance::batch_suite::every_batch_promise;
use crate::tests::conformance::{batches, lane, tables};
use crate::tests::sqlite::ready;

every_batch_promise!(ready);

//! PostgreSQL against the promises about what the consumer writes and what is read of it.

use crate::tests::conformance::suite::every_promise;
use crate::tests::conformance::{ids, lease, pages, reading, sessions};
use crate::tests::postgres_settled::fresh;

every_promise!(applied fresh);

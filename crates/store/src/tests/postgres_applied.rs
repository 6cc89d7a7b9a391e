//! PostgreSQL against the promises about events: what the consumer writes, what is read of it, and what is done later.

use crate::tests::conformance::suite::every_promise;
use crate::tests::conformance::{
    dead_letters, explore, ids, lease, pages, reading, retention, sessions, verdicts,
};
use crate::tests::postgres_settled::fresh;

every_promise!(fresh);

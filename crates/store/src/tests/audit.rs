//! The audit trail: kept over a restart, newest first, page by page.

use model::Timestamp;

use crate::audit::{AuditEntry, AuditStore as _};
use crate::events::EventStore as _;
use crate::tests::sqlite::open;

#[tokio::test]
async fn the_trail_is_read_from_its_newest_line_back() {
    let dir = tempfile::tempdir().unwrap();
    let entry = |n: i64| AuditEntry {
        at: Timestamp::from_micros(n),
        actor: "local".to_owned(),
        act: "token.create".to_owned(),
        object: format!("object {n}"),
        detail: "{}".to_owned(),
    };
    let store = open(&dir).unwrap();
    for n in 1..=5 {
        store.audit(entry(n)).await.unwrap();
    }
    store.close().await.unwrap();

    let store = open(&dir).unwrap();
    let newest = store.audited(None, 2).await.unwrap();
    assert_eq!(
        newest.iter().map(|line| line.entry.clone()).collect::<Vec<_>>(),
        [entry(5), entry(4)]
    );
    let rest = store.audited(Some(newest[1].id), 10).await.unwrap();
    assert_eq!(
        rest.into_iter().map(|line| line.entry).collect::<Vec<_>>(),
        [entry(3), entry(2), entry(1)]
    );
    store.close().await.unwrap();
}

//! Promises about the audit trail.

use crate::audit::{AuditEntry, AuditStore};
use crate::tests::conformance::sample::at;

/// A line that differs from the others by its number.
pub(crate) fn entry(n: i64) -> AuditEntry {
    AuditEntry {
        at: at(n),
        actor: "local".to_owned(),
        act: "token.create".to_owned(),
        object: format!("object {n}"),
        detail: "{}".to_owned(),
    }
}

pub(crate) async fn the_trail_is_read_from_its_newest_line_back(store: &impl AuditStore) {
    for n in 1..=5 {
        store.audit(entry(n)).await.unwrap();
    }
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
    assert!(store.audited(Some(0), 10).await.unwrap().is_empty());
}

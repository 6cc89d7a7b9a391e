//! Promises about the metric history: replaced point by point, and bounded. And that whatever is settled is kept over a
//! restart: the driver calls `fill`, closes, opens again, and compares `read` with what `fill` answered.

use crate::audit::{AuditEntry, AuditStore, Audited};
use crate::control::{ControlStore, History, HistoryMark, HistoryPoint, HistorySave};
use crate::jobs::{Job, JobStore};
use crate::schemas::{SchemaKey, SchemaStates, SchemaStore};
use crate::sessions::{SessionStore, SignIn};
use crate::tests::conformance::sample::at;
use crate::tests::conformance::{audit, jobs, schemas, sign_ins, trust};
use crate::trust::{Trust, TrustAct, TrustError, TrustStore};

fn point(step_s: u32, at_s: i64, point: &str) -> HistoryPoint {
    HistoryPoint { step_s, at_s, point: point.to_owned() }
}

fn mark(at_us: i64, what: &str) -> HistoryMark {
    HistoryMark { at: at(at_us), what: what.to_owned() }
}

fn save(
    points: &[HistoryPoint],
    mark: HistoryMark,
    from_s: i64,
    marks_from_us: i64,
) -> HistorySave {
    HistorySave {
        points: points.to_vec(),
        marks: vec![mark],
        keep_from: vec![(1, from_s)],
        keep_marks_from: at(marks_from_us),
    }
}

pub(crate) async fn the_metric_history_forgets_what_is_old(store: &impl ControlStore) {
    assert_eq!(store.metric_history().await.unwrap(), History::default());
    let points = [point(10, 10, "{}"), point(1, 11, "a"), point(1, 12, "b")];
    store.save_metric_history(save(&points, mark(5, "start"), 0, 0)).await.unwrap();
    let points = [point(1, 12, "c"), point(1, 13, "d")];
    for _ in 0..2 {
        store.save_metric_history(save(&points, mark(9, "stop"), 12, 6)).await.unwrap();
        let history = store.metric_history().await.unwrap();
        assert_eq!(history.points, [point(1, 12, "c"), point(1, 13, "d"), point(10, 10, "{}")]);
        assert_eq!(history.marks, [mark(9, "stop")]);
    }
}

/// Everything settled.
#[derive(Debug, PartialEq)]
pub(crate) struct Settled {
    instance: String,
    history: History,
    trail: Vec<Audited>,
    trust: Trust,
    schemas: SchemaStates,
    sign_ins: Vec<SignIn>,
    jobs: Vec<Job>,
}

/// Puts something into each room.
pub(crate) async fn fill<S>(store: &S) -> Settled
where
    S: ControlStore + AuditStore + TrustStore + SchemaStore + SessionStore + JobStore,
{
    let points = [point(10, 10, "{}")];
    store.save_metric_history(save(&points, mark(5, "start"), 0, 0)).await.unwrap();
    store.audit(audit::entry(1)).await.unwrap();
    trust::add_both(store).await;
    schemas::put_one(store).await;
    let entry = sign_ins::entry("session.begin");
    store.sign_in(sign_ins::sign_in(1, 10, 100), entry).await.unwrap();
    jobs::begun(store, "1", "replay").await;
    let settled = read(store).await;
    assert_eq!((settled.instance.len(), settled.trail.len()), (32, 5));
    settled
}

/// Reads all of it.
pub(crate) async fn read<S>(store: &S) -> Settled
where
    S: ControlStore + AuditStore + TrustStore + SchemaStore + SessionStore + JobStore,
{
    Settled {
        instance: store.instance().await.unwrap(),
        history: store.metric_history().await.unwrap(),
        trail: store.audited(None, 10).await.unwrap(),
        trust: store.trust().await.unwrap(),
        schemas: store.schemas().await.unwrap(),
        sign_ins: store.sign_ins().await.unwrap(),
        jobs: store.jobs(10).await.unwrap(),
    }
}

/// U+0000 cannot stand in every database's texts. What somebody seeks by such a text is not there, and that is all.
pub(crate) async fn a_text_that_no_name_can_be_is_found_nowhere<S>(store: &S)
where
    S: AuditStore + TrustStore + SchemaStore + JobStore,
{
    let entry = |object: &str| AuditEntry { object: object.to_owned(), ..audit::entry(1) };
    assert_eq!(store.job("a\0").await.unwrap(), None);
    let revoke = TrustAct::Revoke { id: "\0".to_owned(), at: at(1) };
    let revoked = store.change_trust(revoke, entry("token")).await;
    assert!(matches!(revoked, Err(TrustError::Unknown)), "{revoked:?}");
    let (stream, category) = ("events".to_owned(), Some("a\0".to_owned()));
    let key = SchemaKey { stream, category, name: None };
    assert_eq!(store.schema_versions(&key).await.unwrap(), None);
    store.audit(entry("what somebody wrote\0")).await.unwrap();
    let line = &store.audited(None, 1).await.unwrap()[0].entry.object;
    assert!(line.starts_with("what somebody wrote"), "{line:?}");
}

//! The metric history: kept over a restart, replaced point by point, and bounded.

use model::Timestamp;

use crate::control::{ControlStore as _, HistoryMark, HistoryPoint, HistorySave};
use crate::events::EventStore as _;
use crate::tests::sqlite::open;

fn point(step_s: u32, at_s: i64, point: &str) -> HistoryPoint {
    HistoryPoint { step_s, at_s, point: point.to_owned() }
}

fn mark(at_us: i64, what: &str) -> HistoryMark {
    HistoryMark { at: Timestamp::from_micros(at_us), what: what.to_owned() }
}

#[tokio::test]
async fn the_metric_history_is_kept_and_forgets_what_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    assert_eq!(store.metric_history().await.unwrap(), crate::control::History::default());
    let save = |points, marks, from_s, marks_from_us| HistorySave {
        points,
        marks,
        keep_from: vec![(1, from_s)],
        keep_marks_from: Timestamp::from_micros(marks_from_us),
    };
    let points = vec![point(10, 10, "{}"), point(1, 11, "a"), point(1, 12, "b")];
    store.save_metric_history(save(points, vec![mark(5, "start")], 0, 0)).await.unwrap();
    store.close().await.unwrap();

    let store = open(&dir).unwrap();
    let points = vec![point(1, 12, "c"), point(1, 13, "d")];
    store.save_metric_history(save(points, vec![mark(9, "stop")], 12, 6)).await.unwrap();
    let history = store.metric_history().await.unwrap();
    assert_eq!(history.points, [point(1, 12, "c"), point(1, 13, "d"), point(10, 10, "{}")]);
    assert_eq!(history.marks, [mark(9, "stop")]);
    store.close().await.unwrap();
}

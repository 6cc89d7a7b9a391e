//! `load`: the ledger finds every kind of lie, the pace keeps its times, and events are known by their numbers.

use std::time::{Duration, Instant};

use crate::commands::load::event::Shape;
use crate::commands::load::ledger::{Fate, Ledger, Verdict};
use crate::commands::load::pace::Pace;

#[test]
fn every_kind_of_lie_is_counted() {
    let ledger = Ledger::new(10);
    ledger.settle(0, 6, Fate::Accepted);
    ledger.settle(6, 2, Fate::Unknown);
    let mut verdict = Verdict::default();
    // 0 and 1 are as they should be, 2 came twice, 3 was changed, 4 and 5 are missing.
    for number in [0, 1, 2, 2] {
        ledger.found(Some(number), true, &mut verdict);
    }
    ledger.found(Some(3), false, &mut verdict);
    // 6 was never answered and is there; 8 was refused and is there.
    ledger.found(Some(6), true, &mut verdict);
    ledger.found(Some(8), true, &mut verdict);
    ledger.found(Some(10), true, &mut verdict);
    ledger.found(None, false, &mut verdict);
    ledger.close(&mut verdict);
    let expected = Verdict {
        stored: 4,
        missing: 2,
        doubled: 1,
        changed: 1,
        refused_but_stored: 1,
        unknown_stored: 1,
        unknown_absent: 1,
        strange: 2,
    };
    assert_eq!(verdict, expected);
    assert!(!verdict.is_good());
    assert_eq!(ledger.missing(1), [4]);
    assert_eq!(ledger.missing(9), [4, 5]);
}

#[test]
fn an_unknown_outcome_may_be_stored_or_not() {
    let ledger = Ledger::new(3);
    ledger.settle(0, 3, Fate::Unknown);
    let mut verdict = Verdict::default();
    ledger.found(Some(1), true, &mut verdict);
    ledger.close(&mut verdict);
    assert!(verdict.is_good(), "{verdict:?}");
}

#[test]
fn an_event_is_known_by_its_number() {
    let shape = Shape::new(100);
    assert_eq!(shape.number(&shape.id(17)), Some(17));
    assert_eq!(shape.number("load-x-17"), None);
    assert_eq!(Shape::new(100).number(&shape.id(17)), None, "another run");
    assert_eq!(shape.data(17).len(), 100);
    assert_ne!(shape.data(17), shape.data(18));
    let body = shape.body(5, 3);
    let lines: Vec<serde_json::Value> = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["id"], shape.id(7));
    assert_eq!(lines[2]["data"]["n"], 7);
}

#[tokio::test]
async fn requests_are_handed_out_when_they_are_due_and_no_earlier() {
    let pace = std::sync::Arc::new(Pace::new(5, 0.02, 1));
    let releasing = std::sync::Arc::clone(&pace);
    let pacer = std::thread::spawn(move || releasing.release());
    for number in 0..5 {
        assert_eq!(pace.next().await, Some(number));
        assert!(Instant::now() >= pace.due(number));
    }
    assert_eq!(pace.next().await, None);
    pacer.join().unwrap();
    assert!(pace.unsent().is_empty());
}

#[tokio::test]
async fn what_nobody_took_in_time_is_told() {
    let pace = Pace::new(1000, 0.000_001, 1);
    pace.release();
    assert_eq!(pace.next().await, None);
    assert_eq!(pace.unsent(), 0..1000);
    assert!(pace.elapsed() < Duration::from_mins(1));
}

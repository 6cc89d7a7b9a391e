//! Points stand where they belong, gaps stay gaps, and what was saved comes back.

use std::time::{Duration, Instant};

use model::Timestamp;
use store::{History as Saved, HistoryPoint};

use crate::health::history::{COLUMNS, History, Series, Values};
use crate::health::totals::{Gauges, Totals};

/// 2026-11-21T14:00:00Z, a multiple of 900 s.
const START_S: i64 = 1_795_269_600;

fn totals(origin: Instant, second: u64, accepted: u64) -> Totals {
    Totals {
        at: origin + Duration::from_secs(second),
        counts: pipeline::Counts { accepted, ..Default::default() },
        by_status: [0, accepted, 0, 0, 0],
        request_us: meter::Snapshot::default(),
        commit_us: meter::Snapshot::default(),
        commit_records: meter::Snapshot::default(),
        commit_bytes: 0,
        apply_us: meter::Snapshot::default(),
        fsync_busy: Duration::ZERO,
        apply_busy: Duration::ZERO,
        push_busy: Duration::ZERO,
        process_cpu: Duration::ZERO,
        cores: None,
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros((START_S + second as i64) * 1_000_000 + 300_000)
}

/// `n` seconds from `from` on, in each of which so many were accepted as it is second of the run.
fn run(history: &mut History, from: u64, n: u64) {
    let origin = Instant::now();
    let accepted = |second: u64| (1..=second).sum::<u64>();
    for second in 0..n {
        let before = totals(origin, second, accepted(second));
        let now = totals(origin, second + 1, accepted(second + 1));
        let gauges = Gauges { lag_s: second as f64, ..Gauges::default() };
        history.push(at(from + second + 1), &before, &now, &gauges);
    }
}

fn series(history: &History, range: &str) -> Series {
    history.series(range, at(0)).unwrap()
}

fn column(series: &Series, name: &str) -> Vec<Option<f64>> {
    let at = COLUMNS.iter().position(|column| *column == name).unwrap();
    series.points.iter().map(|point: &Option<Values>| point.and_then(|values| values[at])).collect()
}

#[test]
fn every_ring_has_its_step_and_its_length() {
    let history = History::default();
    for (range, step_s, n) in
        [("5m", 1, 300), ("1h", 10, 360), ("24h", 60, 1440), ("30d", 900, 2880)]
    {
        let series = series(&history, range);
        assert_eq!((series.step_s, series.points.len()), (step_s, n), "{range}");
        assert_eq!(series.start_s % i64::from(step_s), 0);
    }
    assert!(history.series("1y", at(0)).is_none());
}

#[test]
fn a_coarse_point_is_made_of_its_whole_step() {
    let mut history = History::default();
    run(&mut history, 0, 25);
    let fine = column(&series(&history, "5m"), "accepted");
    let measured: Vec<f64> = fine[275..].iter().map(|value| value.unwrap()).collect();
    assert_eq!(measured, (1..=25).map(f64::from).collect::<Vec<_>>());
    assert!(fine[..275].iter().all(Option::is_none), "before the start nothing was measured");
    let coarse = series(&history, "1h");
    assert_eq!(coarse.start_s, START_S + 20 - 359 * 10);
    // (1 + … + 10) / 10, (11 + … + 20) / 10, and the five seconds so far.
    assert_eq!(column(&coarse, "accepted")[357..], [Some(5.5), Some(15.5), Some(23.0)]);
    assert_eq!(column(&coarse, "lag_s")[357..], [Some(9.0), Some(19.0), Some(24.0)], "the largest");
    assert_eq!(column(&series(&history, "30d"), "accepted")[2879], Some(13.0));
    assert_eq!(column(&coarse, "commit_p50_us")[359], None, "no commit, no latency");
}

#[test]
fn old_points_fall_out() {
    let mut history = History::default();
    run(&mut history, 0, 700);
    let fine = column(&series(&history, "5m"), "accepted");
    assert_eq!((fine[0], fine[299]), (Some(401.0), Some(700.0)));
}

#[test]
fn a_late_tick_stands_for_the_seconds_it_covers() {
    let mut history = History::default();
    let origin = Instant::now();
    history.push(at(1), &totals(origin, 0, 0), &totals(origin, 1, 5), &Gauges::default());
    history.push(at(4), &totals(origin, 1, 5), &totals(origin, 4, 35), &Gauges::default());
    let fine = column(&series(&history, "5m"), "accepted");
    assert_eq!(fine[296..], [Some(5.0), Some(10.0), Some(10.0), Some(10.0)]);
}

#[test]
fn a_restart_keeps_the_past_and_shows_the_gap() {
    let mut first = History::default();
    first.mark(at(0), "start");
    run(&mut first, 0, 30);
    let (save, ends) = first.unsaved().unwrap();
    assert_eq!(save.points.len(), 30 + 3 + 1 + 1);
    first.saved(save.marks.len(), ends);
    let (again, _) = first.unsaved().unwrap();
    assert_eq!((again.points.len(), again.marks.len()), (4, 0), "the open point of each ring");

    let mut second = History::default();
    second.mark(at(50), "start");
    run(&mut second, 50, 10);
    second.restore(Saved { points: save.points, marks: save.marks });
    let fine = column(&series(&second, "5m"), "accepted");
    assert_eq!((fine[240], fine[269]), (Some(1.0), Some(30.0)));
    assert!(fine[270..290].iter().all(Option::is_none), "{fine:?}");
    assert_eq!((fine[290], fine[299]), (Some(1.0), Some(10.0)));
    let marks = series(&second, "5m").marks;
    assert_eq!(marks.iter().map(|mark| mark.at).collect::<Vec<_>>(), [at(0), at(50)]);
    let (save, _) = second.unsaved().unwrap();
    assert_eq!(save.points.len(), 10 + 1 + 1 + 1, "what was restored is not saved again");
}

#[test]
fn a_damaged_point_is_a_gap() {
    let mut history = History::default();
    run(&mut history, 10, 1);
    let point = |at_s, text: &str| HistoryPoint { step_s: 1, at_s, point: text.to_owned() };
    let points = vec![
        point(START_S + 8, "no json"),
        point(START_S + 9, r#"{"accepted":7,"of_a_newer_version":1}"#),
    ];
    history.restore(Saved { points, marks: Vec::new() });
    let fine = series(&history, "5m");
    assert!(fine.points[297].is_none());
    assert_eq!(column(&fine, "accepted")[298..], [Some(7.0), Some(1.0)]);
    assert_eq!(column(&fine, "stored")[298], None);
}

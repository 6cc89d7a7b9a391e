//! Four rings of points, from 5 minutes by the second to 30 days by the quarter hour.
//!
//! Every second goes into the open point of each ring, so a coarse point is made of counters and histograms over
//! its whole step, never of averages of averages. A step in which nothing was measured has no point: a gap.
//! Saved every few seconds; of a kill nothing more is lost, and a step that a restart divides shows its later part.

use std::collections::VecDeque;

use model::Timestamp;
use serde_json::{Map, Number, Value};
use store::{History as Saved, HistoryMark, HistoryPoint, HistorySave};

use crate::health::totals::{Gauges, Totals};

/// What is measured, in the order of [`Values`].
pub(crate) const COLUMNS: [&str; 19] = [
    "accepted",
    "stored",
    "invalid",
    "dead",
    "lag_s",
    "queue_records",
    "commit_p50_us",
    "commit_p95_us",
    "commit_p99_us",
    "request_p50_us",
    "request_p95_us",
    "request_p99_us",
    "status_2xx",
    "status_4xx",
    "status_5xx",
    "batch_records",
    "log_bytes",
    "disk_free_bytes",
    "subscribers",
];

/// One point; `None` was not measured.
pub(crate) type Values = [Option<f64>; COLUMNS.len()];

/// Most marks that are kept.
const MARKS_MAX: usize = 1_000;
/// A sample that came late stands for the seconds since the one before, up to so many.
const LATE_S_MAX: i64 = 30;

/// Name, width of a step, number of steps.
const RINGS: [(&str, u32, usize); 4] =
    [("5m", 1, 300), ("1h", 10, 360), ("24h", 60, 1_440), ("30d", 900, 2_880)];

/// All rings, and when the server started and stopped.
#[derive(Debug)]
pub(crate) struct History {
    rings: [Ring; RINGS.len()],
    marks: VecDeque<HistoryMark>,
    n_marks_unsaved: usize,
    /// The newest second that is in.
    last_s: Option<i64>,
}

#[derive(Debug)]
struct Ring {
    range: &'static str,
    step_s: u32,
    n_max: usize,
    /// Begin of a step, and its point; rising.
    points: VecDeque<(i64, Values)>,
    open: Option<Open>,
    /// Points that begin before this are saved for good, or were measured by another process.
    unsaved_from_s: i64,
}

/// What the newest point is being made of.
#[derive(Debug)]
struct Open {
    at_s: i64,
    base: Totals,
    lag_s_max: f64,
    lag_records_max: u64,
}

/// What `/status/history` answers.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) range: &'static str,
    pub(crate) step_s: u32,
    pub(crate) start_s: i64,
    pub(crate) points: Vec<Option<Values>>,
    pub(crate) marks: Vec<HistoryMark>,
}

impl Default for History {
    fn default() -> Self {
        let rings = RINGS.map(|(range, step_s, n_max)| Ring {
            range,
            step_s,
            n_max,
            points: VecDeque::new(),
            open: None,
            unsaved_from_s: i64::MAX,
        });
        Self { rings, marks: VecDeque::new(), n_marks_unsaved: 0, last_s: None }
    }
}

impl History {
    /// The names of the rings.
    pub(crate) fn ranges() -> [&'static str; RINGS.len()] {
        RINGS.map(|(range, ..)| range)
    }

    /// Puts what earlier processes saved in front of what this one has measured.
    pub(crate) fn restore(&mut self, saved: Saved) {
        for ring in &mut self.rings {
            let begin = ring.points.front().map_or(i64::MAX, |(at_s, _)| *at_s);
            let rows = saved.points.iter().filter(|row| row.step_s == ring.step_s);
            let old = rows
                .filter(|row| row.at_s < begin)
                .filter_map(|row| Some((row.at_s, values_of(&row.point)?)));
            let mut points: VecDeque<_> = old.collect();
            points.append(&mut ring.points);
            ring.points = points;
            ring.trim();
        }
        let new = std::mem::take(&mut self.marks);
        self.marks = saved.marks.into_iter().chain(new).collect();
    }

    /// Notes that the server started or stopped.
    pub(crate) fn mark(&mut self, at: Timestamp, what: &str) {
        self.marks.push_back(HistoryMark { at, what: what.to_owned() });
        self.n_marks_unsaved += 1;
        while self.marks.len() > MARKS_MAX {
            self.marks.pop_front();
        }
    }

    /// What was measured from `before` to `now`, about one second that ended at `at`.
    pub(crate) fn push(&mut self, at: Timestamp, before: &Totals, now: &Totals, gauges: &Gauges) {
        let ended_s = at.micros().div_euclid(1_000_000) - 1;
        let next_s = self.last_s.map_or(ended_s, |last_s| last_s + 1);
        // A tick that is a little early or late belongs to the next second all the same; a clock that was set does not.
        let (from_s, to_s) = match ended_s - next_s {
            -1..=1 => (next_s, next_s),
            2..=LATE_S_MAX => (next_s, ended_s),
            _ => (ended_s, ended_s),
        };
        self.last_s = Some(to_s);
        for ring in &mut self.rings {
            let step_s = i64::from(ring.step_s);
            let (first, last) = (from_s.div_euclid(step_s), to_s.div_euclid(step_s));
            for step in first..=last {
                ring.push(step * step_s, before, now, gauges);
            }
        }
    }

    /// What has to be saved, and up to where each ring will then have been. `None` when nothing is new.
    pub(crate) fn unsaved(&self) -> Option<(HistorySave, [i64; RINGS.len()])> {
        let last_s = self.last_s?;
        let mut points = Vec::new();
        let mut keep_from = Vec::new();
        for ring in &self.rings {
            let first = ring.points.partition_point(|(at_s, _)| *at_s < ring.unsaved_from_s);
            let row = |(at_s, values): &(i64, Values)| HistoryPoint {
                step_s: ring.step_s,
                at_s: *at_s,
                point: text_of(values),
            };
            points.extend(ring.points.range(first..).map(row));
            keep_from.push((ring.step_s, last_s - i64::from(ring.step_s) * ring.n_max as i64));
        }
        let (_, step_s, n_max) = RINGS[RINGS.len() - 1];
        let keep_s = last_s - i64::from(step_s) * n_max as i64;
        let marks = self.marks.range(self.marks.len() - self.n_marks_unsaved..).cloned().collect();
        let keep_marks_from = Timestamp::from_micros(keep_s * 1_000_000);
        let ends = std::array::from_fn(|at| {
            // The newest point of a ring may still grow.
            self.rings[at].points.back().map_or(i64::MIN, |(at_s, _)| *at_s)
        });
        Some((HistorySave { points, marks, keep_from, keep_marks_from }, ends))
    }

    /// What [`unsaved`](Self::unsaved) gave is on disk.
    pub(crate) fn saved(&mut self, n_marks: usize, ends: [i64; RINGS.len()]) {
        for (ring, end) in self.rings.iter_mut().zip(ends) {
            ring.unsaved_from_s = end;
        }
        self.n_marks_unsaved -= n_marks;
    }

    /// One ring up to `now`, if there is one of that name.
    pub(crate) fn series(&self, range: &str, now: Timestamp) -> Option<Series> {
        let ring = self.rings.iter().find(|ring| ring.range == range)?;
        let step_s = i64::from(ring.step_s);
        let end_s = self.last_s.unwrap_or(now.micros().div_euclid(1_000_000) - 1);
        let start_s = end_s.div_euclid(step_s) * step_s - step_s * (ring.n_max as i64 - 1);
        let mut points = vec![None; ring.n_max];
        for (at_s, values) in &ring.points {
            let at = usize::try_from((at_s - start_s).div_euclid(step_s)).unwrap_or(usize::MAX);
            if let Some(point) = points.get_mut(at) {
                *point = Some(*values);
            }
        }
        let is_shown = |mark: &&HistoryMark| mark.at.micros() >= start_s * 1_000_000;
        let marks = self.marks.iter().filter(is_shown).cloned().collect();
        Some(Series { range: ring.range, step_s: ring.step_s, start_s, points, marks })
    }
}

impl Ring {
    fn push(&mut self, at_s: i64, before: &Totals, now: &Totals, gauges: &Gauges) {
        let open = match &mut self.open {
            Some(open) if open.at_s == at_s => open,
            open => {
                open.insert(Open { at_s, base: before.clone(), lag_s_max: 0.0, lag_records_max: 0 })
            }
        };
        open.lag_s_max = open.lag_s_max.max(gauges.lag_s);
        open.lag_records_max = open.lag_records_max.max(gauges.lag_records);
        let values = open.values(now, gauges);
        // A clock that was set back writes over what it passes again.
        while self.points.back().is_some_and(|(last_s, _)| *last_s >= at_s) {
            self.points.pop_back();
        }
        self.points.push_back((at_s, values));
        self.unsaved_from_s = self.unsaved_from_s.min(at_s);
        self.trim();
    }

    fn trim(&mut self) {
        while self.points.len() > self.n_max {
            self.points.pop_front();
        }
    }
}

impl Open {
    fn values(&self, now: &Totals, gauges: &Gauges) -> Values {
        let base = &self.base;
        let seconds = now.seconds_since(base);
        // Thousandths are enough for a rate, and short.
        let rate = |now: u64, before: u64| {
            Some((now.saturating_sub(before) as f64 / seconds * 1e3).round() / 1e3)
        };
        let commit_us = now.commit_us.since(&base.commit_us);
        let request_us = now.request_us.since(&base.request_us);
        let batch = now.commit_records.since(&base.commit_records).mean();
        let status = |class: usize| rate(now.by_status[class - 1], base.by_status[class - 1]);
        [
            rate(now.counts.accepted, base.counts.accepted),
            rate(now.counts.stored, base.counts.stored),
            rate(now.counts.invalid, base.counts.invalid),
            rate(now.counts.dead, base.counts.dead),
            Some((self.lag_s_max * 1e3).round() / 1e3),
            Some(self.lag_records_max as f64),
            commit_us.quantile(0.50).map(|us| us as f64),
            commit_us.quantile(0.95).map(|us| us as f64),
            commit_us.quantile(0.99).map(|us| us as f64),
            request_us.quantile(0.50).map(|us| us as f64),
            request_us.quantile(0.95).map(|us| us as f64),
            request_us.quantile(0.99).map(|us| us as f64),
            status(2),
            status(4),
            status(5),
            batch.map(|mean| (mean * 1e3).round() / 1e3),
            Some(gauges.log_bytes as f64),
            gauges.disk_free_bytes.map(|free| free as f64),
            Some(gauges.n_subscribers as f64),
        ]
    }
}

/// Whole numbers without a point.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn text_of(values: &Values) -> String {
    let named = COLUMNS.iter().zip(values);
    let measured = named.filter_map(|(name, value)| Some(((*name).to_owned(), number((*value)?))));
    Value::Object(measured.collect::<Map<_, _>>()).to_string()
}

/// `None` for a text that is no object; what another version measured besides is passed over.
fn values_of(text: &str) -> Option<Values> {
    let point: Map<String, Value> = serde_json::from_str(text).ok()?;
    Some(COLUMNS.map(|name| point.get(name).and_then(Value::as_f64)))
}

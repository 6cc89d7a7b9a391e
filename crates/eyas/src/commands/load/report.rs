//! What a run comes to, for people and for programs; and its one line while it lasts.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::commands::load::ledger::Verdict;
use crate::commands::load::sender::Run;
use crate::units;

/// Percentiles that are shown.
const PERCENTILES: [(&str, f64); 6] =
    [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p999", 99.9), ("max", 100.0)];

/// How the sending ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// How long it took.
    pub(crate) took: Duration,
    /// Requests that were due and not sent.
    pub(crate) n_unsent: u64,
    /// By Ctrl-C.
    pub(crate) is_interrupted: bool,
}

/// A line on stderr, where that is a terminal.
pub(crate) fn screen() -> ProgressBar {
    let screen = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("{spinner} {msg}").expect("the template is well-formed");
    screen.with_style(style)
}

/// What that line says while events are sent.
pub(crate) fn line(run: &Run) -> String {
    let tally = &run.tally;
    let n_accepted = tally.n_accepted.load(Relaxed);
    let elapsed = run.pace.elapsed().as_secs_f64();
    format!(
        "{elapsed:.0} s  {} accepted ({}/s), {} refused, {} unknown, p50 {}, p99 {}",
        HumanCount(n_accepted),
        HumanCount((n_accepted as f64 / elapsed.max(0.001)) as u64),
        HumanCount(tally.n_refused.load(Relaxed)),
        HumanCount(tally.n_unknown.load(Relaxed)),
        units::micros(tally.latency_us(50.0)),
        units::micros(tally.latency_us(99.0)),
    )
}

/// The whole for programs.
pub(crate) fn json(run: &Run, sent: Sent, verdict: Option<&Verdict>) -> Value {
    let tally = &run.tally;
    let latency: serde_json::Map<String, Value> = PERCENTILES
        .iter()
        .map(|(name, percent)| ((*name).to_owned(), tally.latency_us(*percent).into()))
        .collect();
    json!({
        "session_id": run.shape.session(),
        "seconds": (sent.took.as_secs_f64() * 1000.0).round() / 1000.0,
        "interrupted": sent.is_interrupted,
        "requests": tally.n_requests.load(Relaxed),
        "requests_unsent": sent.n_unsent,
        "retries": tally.n_retries.load(Relaxed),
        "accepted": tally.n_accepted.load(Relaxed),
        "refused": tally.n_refused.load(Relaxed),
        "unknown": tally.n_unknown.load(Relaxed),
        "accepted_per_s": rate(run, sent).round(),
        "latency_us": latency,
        "failures": tally.failures(),
        "proof": verdict,
        "proven": verdict.is_some_and(Verdict::is_good),
    })
}

/// The sending for people.
pub(crate) fn text(run: &Run, sent: Sent) -> String {
    let tally = &run.tally;
    let count = |count: &std::sync::atomic::AtomicU64| HumanCount(count.load(Relaxed));
    let mut out = format!(
        "sent      {} requests in {:.1} s, {} sent again{}\n",
        count(&tally.n_requests),
        sent.took.as_secs_f64(),
        count(&tally.n_retries),
        if sent.is_interrupted { ", ended by Ctrl-C" } else { "" }
    );
    let _ = writeln!(
        out,
        "events    {} accepted ({}/s), {} refused, {} unknown",
        count(&tally.n_accepted),
        HumanCount(rate(run, sent).round() as u64),
        count(&tally.n_refused),
        count(&tally.n_unknown)
    );
    let latencies: Vec<String> = (PERCENTILES.iter())
        .map(|(name, percent)| format!("{name} {}", units::micros(tally.latency_us(*percent))))
        .collect();
    let _ = writeln!(out, "latency   {} (from when each was due)", latencies.join(", "));
    if sent.n_unsent > 0 {
        let n_unsent = HumanCount(sent.n_unsent);
        let _ = writeln!(
            out,
            "too slow  {n_unsent} requests were due and not sent: at this rate more connections are needed, or a \
             faster server; the latencies count them up to the end"
        );
    }
    for (kind, n) in tally.failures() {
        let _ = writeln!(out, "failed    {} x {kind}", HumanCount(n));
    }
    out
}

/// The proof for people.
pub(crate) fn verdict_text(verdict: &Verdict) -> String {
    let Verdict { stored, missing, doubled, changed, refused_but_stored, .. } = verdict;
    let mut out = if verdict.is_good() {
        format!(
            "proof     all {} accepted events are stored, each once, byte for byte",
            HumanCount(*stored)
        )
    } else {
        format!(
            "proof     FAILED: {} stored, {missing} missing, {doubled} doubled, {changed} changed, \
             {refused_but_stored} stored though refused, {} that nobody sent",
            HumanCount(*stored),
            verdict.strange
        )
    };
    let n_unknown = verdict.unknown_stored + verdict.unknown_absent;
    if n_unknown > 0 {
        let _ = write!(
            out,
            "; of {} without an answer {} are stored",
            HumanCount(n_unknown),
            HumanCount(verdict.unknown_stored)
        );
    }
    out
}

fn rate(run: &Run, sent: Sent) -> f64 {
    run.tally.n_accepted.load(Relaxed) as f64 / sent.took.as_secs_f64().max(0.001)
}

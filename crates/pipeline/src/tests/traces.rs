//! Who is traced, and what a `traceparent` says.

use model::{Seq, Timestamp};

use crate::traces::{Caller, Traces};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

#[test]
fn a_traceparent_is_read_strictly() {
    let given = Caller::parse(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
    assert!(given.is_sampled);
    assert_eq!(format!("{:032x}", given.context.trace_id), TRACE);
    assert_eq!(format!("{:016x}", given.context.span_id), SPAN);
    assert!(!Caller::parse(&format!("00-{TRACE}-{SPAN}-00")).unwrap().is_sampled);
    assert!(Caller::parse(&format!("01-{TRACE}-{SPAN}-03-more")).unwrap().is_sampled);
    for bad in [
        String::new(),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-+{}-{SPAN}-01", &TRACE[1..]),
    ] {
        assert_eq!(Caller::parse(&bad), None, "{bad}");
    }
}

#[test]
fn the_caller_decides_and_else_the_ratio() {
    let caller = |flags| Caller::parse(&format!("00-{TRACE}-{SPAN}-{flags}"));
    let n_traced = |ratio| {
        let (traces, _spans) = Traces::new(ratio);
        assert!(traces.begin("x", caller("01")).is_some());
        assert!(traces.begin("x", caller("00")).is_none());
        (0..4_000).filter(|_| traces.begin("x", None).is_some()).count()
    };
    assert_eq!((n_traced(0.0), n_traced(1.0)), (0, 4_000));
    let half = n_traced(0.5);
    assert!((1_600..2_400).contains(&half), "{half}");
}

#[test]
fn a_transaction_links_what_it_stored_and_only_that() {
    let (traces, mut spans) = Traces::new(1.0);
    let [a, b] = [1, 2].map(|_| traces.begin("x", None).unwrap().context);
    let seq = |seq| Seq::new(seq).unwrap();
    traces.appended(a, seq(5));
    traces.appended(b, seq(9));
    traces.applied(Seq::ZERO, seq(4), Timestamp::from_micros(0), 4);
    assert!(spans.try_recv().is_err(), "nothing of a traced request, no span");
    traces.applied(seq(4), seq(8), Timestamp::from_micros(0), 4);
    assert_eq!(spans.try_recv().unwrap().links, [a]);
    traces.applied(seq(8), seq(9), Timestamp::from_micros(0), 1);
    assert_eq!(spans.try_recv().unwrap().links, [b]);
    traces.appended(a, seq(9));
    traces.applied(seq(9), seq(10), Timestamp::from_micros(0), 1);
    assert!(spans.try_recv().is_err(), "what an earlier transaction stored is not this one's");
}

#[test]
fn spans_that_nobody_takes_are_dropped_and_counted() {
    let (traces, _spans) = Traces::new(1.0);
    for _ in 0..5_000 {
        let begun = traces.begin("x", None).unwrap();
        traces.end(begun, false, Vec::new(), false);
    }
    assert_eq!(traces.n_dropped(), 5_000 - 4_096);
}

//! Frames: paced, bounded, and their counts always add up.

use std::time::Duration;

use bytes::Bytes;
use live::{EVENT_PREFIX, Message};
use model::{Cursor, LogId, Seq};
use serde_json::Value;
use tokio::time::Instant;

use crate::routes::frames::Frames;
use crate::routes::outbox::{Outbox, Spelling};

const MS_50: Duration = Duration::from_millis(50);

fn log() -> LogId {
    LogId::new(0x0a1b_2c3d).unwrap()
}

fn cursor(seq: u64) -> Cursor {
    Cursor { log: log(), seq: Seq::new(seq).unwrap() }
}

fn event(seq: u64, n_bytes: usize) -> Message {
    let data = "x".repeat(n_bytes);
    let text = format!("{EVENT_PREFIX}\"seq\":{seq},\"data\":\"{data}\"}}");
    Message::Event { seq: Seq::new(seq).unwrap(), text: Bytes::from(text) }
}

fn events(seqs: std::ops::Range<u64>) -> Vec<Message> {
    seqs.map(|seq| event(seq, 10)).collect()
}

/// Writes what is due and reads it back.
fn frame(frames: &mut Frames, now: Instant) -> Value {
    let mut out = Outbox::new(Spelling::Lines);
    let told = frames.write(now, &mut out);
    let value: Value = serde_json::from_slice(out.bytes()).unwrap();
    let position = value["last"].as_str().or(value["cursor"].as_str()).or(value["head"].as_str());
    assert_eq!(told.map(|told| told.to_string()).as_deref(), position);
    value
}

fn seqs(frame: &Value) -> Vec<u64> {
    frame["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect()
}

#[test]
fn a_frame_holds_whole_events_and_says_what_it_stands_for() {
    let now = Instant::now();
    let mut frames = Frames::new(log(), None, now);
    assert_eq!(frames.due(), None);
    frames.take(events(3..6));
    assert_eq!(frames.due(), Some(now), "the first one does not wait");
    let first = frame(&mut frames, now);
    assert_eq!(
        first.to_string(),
        r#"{"first":"0a1b2c3d.3","items":[{"data":"xxxxxxxxxx","seq":3},{"data":"xxxxxxxxxx","seq":4},{"data":"xxxxxxxxxx","seq":5}],"last":"0a1b2c3d.5","matched":3,"sent":3,"type":"events"}"#
    );
    assert_eq!(frames.due(), None);
    frames.take(events(6..7));
    assert_eq!(frames.due(), Some(now + MS_50), "the next one waits for its time");
}

#[test]
fn without_a_rate_every_event_is_sent_at_most_500_and_256_kib_in_a_frame() {
    let mut now = Instant::now();
    let mut frames = Frames::new(log(), None, now);
    frames.take(events(0..1_200));
    assert!(!frames.has_room(), "no more is taken than the next frames hold");
    let mut seen = Vec::new();
    for n_items in [500, 500, 200] {
        let frame = frame(&mut frames, now);
        assert_eq!((&frame["matched"], &frame["sent"]), (&n_items.into(), &n_items.into()));
        seen.extend(seqs(&frame));
        now += MS_50;
    }
    assert_eq!(seen, (0..1_200).collect::<Vec<_>>());
    frames.take((0..3).map(|seq| event(seq, 200 << 10)).collect());
    assert!(!frames.has_room());
    for seq in 0..3 {
        assert_eq!(seqs(&frame(&mut frames, now)), [seq]);
    }
    assert!(frames.has_room() && frames.due().is_none());
}

#[test]
fn a_sample_is_spread_over_the_second_and_its_counts_are_true() {
    let mut now = Instant::now();
    let mut frames = Frames::new(log(), Some(500), now);
    let (mut n_matched, mut n_sent, mut next) = (0, 0, 1);
    let mut sent_at = Vec::new();
    for n_frame in 0..200_u64 {
        // 5,000 a second, in lumps of any size.
        let end = (n_frame + 1) * 250;
        frames.take(events(next..end - 7));
        frames.take(events(end - 7..end));
        assert!(frames.has_room(), "a sample never holds up the reading");
        let frame = frame(&mut frames, now);
        assert_eq!(frame["first"], cursor(next).to_string());
        assert_eq!(frame["last"], cursor(end - 1).to_string());
        let items = seqs(&frame);
        assert_eq!(frame["sent"], items.len());
        assert!(
            items.is_sorted_by(|a, b| a < b) && items.iter().all(|seq| (next..end).contains(seq))
        );
        if n_frame > 10 {
            assert!(
                (19..=21).contains(&items.len()),
                "frame {n_frame} has its share: {}",
                items.len()
            );
            let widest = items.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(widest <= 2 * 250 / 19, "evenly: {items:?}");
        }
        n_matched += frame["matched"].as_u64().unwrap();
        n_sent += items.len() as u64;
        sent_at.extend(items.iter().map(|_| now));
        (next, now) = (end, now + MS_50);
    }
    assert_eq!(n_matched, 200 * 250 - 1);
    assert!(n_sent > 3_500, "{n_sent} of at most 5,000 in ten seconds");
    let second = Duration::from_secs(1);
    for (at, begin) in sent_at.iter().enumerate() {
        let n_within = sent_at[at..].iter().take_while(|time| **time < *begin + second).count();
        assert!(n_within <= 500, "never more than the rate in a second: {n_within}");
    }
}

#[test]
fn a_short_burst_below_the_rate_is_shown_whole() {
    let now = Instant::now();
    let mut frames = Frames::new(log(), Some(500), now);
    frames.take(events(1..101));
    assert_eq!(frame(&mut frames, now)["sent"], 100);
}

#[test]
fn a_rate_of_one_shows_one_a_second_and_frames_without_items_still_count() {
    let mut now = Instant::now();
    let mut frames = Frames::new(log(), Some(1), now);
    let (mut n_matched, mut n_sent) = (0, 0);
    for n_frame in 0..100_u64 {
        frames.take(events(10 * n_frame..10 * n_frame + 10));
        let frame = frame(&mut frames, now);
        assert_eq!(frame["last"], cursor(10 * n_frame + 9).to_string());
        n_matched += frame["matched"].as_u64().unwrap();
        n_sent += frame["sent"].as_u64().unwrap();
        now += MS_50;
    }
    assert_eq!(n_matched, 1_000);
    assert!((4..=6).contains(&n_sent), "{n_sent} in five seconds");
}

#[test]
fn a_flood_between_two_frames_takes_little_memory_and_is_sampled_from_all_of_it() {
    let now = Instant::now();
    let mut frames = Frames::new(log(), Some(2_000), now);
    for n in 0..100 {
        frames.take(events(n * 1_000..(n + 1) * 1_000));
    }
    let frame = frame(&mut frames, now);
    assert_eq!(frame["matched"], 100_000);
    let items = seqs(&frame);
    assert_eq!(items.len(), 400);
    assert!(items[0] < 1_000 && items[399] > 98_000, "from {} to {}", items[0], items[399]);
}

#[test]
fn what_is_no_event_comes_after_the_events_before_it() {
    let now = Instant::now();
    let mut frames = Frames::new(log(), None, now);
    frames.take(events(1..3));
    frames.take(vec![Message::CaughtUp { head: cursor(2) }]);
    assert!(!frames.has_room(), "what follows must wait");
    assert_eq!(frame(&mut frames, now)["type"], "events");
    assert!(frames.due().is_some());
    assert_eq!(frame(&mut frames, now)["type"], "caught_up");
    assert!(frames.has_room() && frames.due().is_none());
    frames.take(vec![Message::Progress { cursor: cursor(9) }]);
    assert_eq!(frame(&mut frames, now).to_string(), r#"{"cursor":"0a1b2c3d.9","type":"progress"}"#);
}

//! The ring holds what is new, in bounds.

use model::Seq;
use queue::Record;

use crate::error::LiveError;
use crate::frame::Batch;
use crate::ring::{Place, Ring};
use crate::tests::world::{at, event};

fn batch(seqs: &[u64]) -> Batch {
    let record = |seq: &u64| Record { seq: at(*seq), bytes: event(&format!("{seq}"), "a", false) };
    Batch::from_records(seqs.iter().map(record).collect()).unwrap()
}

fn look(ring: &Ring, wanted: u64) -> String {
    match ring.find(at(wanted)) {
        Ok(Place::Here(batch)) => format!("here..{}", batch.through),
        Ok(Place::Before) => "before".to_owned(),
        Ok(Place::Ahead) => "ahead".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_position_is_found_before_in_or_ahead() {
    let ring = Ring::new(1 << 20);
    assert_eq!(look(&ring, 1), "ahead", "before the tail has begun");
    ring.restart(at(10));
    ring.push(batch(&[10, 11]));
    ring.push(batch(&[20]));
    let places = [9, 10, 11, 12, 20, 21].map(|wanted| look(&ring, wanted));
    assert_eq!(places, ["before", "here..11", "here..11", "here..20", "here..20", "ahead"]);
}

#[test]
fn old_batches_make_room_and_the_newest_stays() {
    let size = batch(&[1]).size_bytes();
    let ring = Ring::new(2 * size + size / 2);
    ring.restart(at(1));
    for seq in 1..=5 {
        ring.push(batch(&[seq]));
    }
    assert_eq!([3, 4, 5].map(|wanted| look(&ring, wanted)), ["before", "here..4", "here..5"]);
    ring.push(batch(&[6, 7, 8, 9]));
    assert_eq!([5, 6, 10].map(|wanted| look(&ring, wanted)), ["before", "here..9", "ahead"]);
}

#[test]
fn a_restart_forgets() {
    let ring = Ring::new(1 << 20);
    ring.restart(at(1));
    ring.push(batch(&[1, 2]));
    ring.restart(at(3));
    assert_eq!([2, 3].map(|wanted| look(&ring, wanted)), ["before", "ahead"]);
    assert_eq!(*ring.head().borrow(), at(3));
}

#[test]
fn the_end_is_told_after_what_is_there_and_keeps_its_first_reason() {
    let ring = Ring::new(1 << 20);
    ring.restart(at(2));
    ring.push(batch(&[2]));
    ring.end(LiveError::Log("rotten".to_owned()));
    ring.end(LiveError::Closed);
    let rotten = "the log cannot be read: rotten";
    assert_eq!([1, 2, 3].map(|wanted| look(&ring, wanted)), [rotten, "here..2", rotten]);
}

#[test]
fn a_text_is_one_line_of_json() {
    let batch = batch(&[4]);
    let text = batch.after(Seq::ZERO)[0].text(crate::tests::world::log());
    assert!(
        text.starts_with(b"{\"type\":\"event\",\"id\":\"4\",\"seq\":4,\"cursor\":\"00000007.4\",")
    );
    assert!(!text.contains(&b'\n'));
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(value["data"]["id"], "4");
}

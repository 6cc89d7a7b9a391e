//! The bytes in the log are a promise to logs that were written long ago.

use bytes::Bytes;

use crate::event::Event;
use crate::record::RecordError;
use crate::tests::event::{bare, full, judged};

#[test]
fn the_golden_record_reads_and_writes_the_same() {
    let golden = include_bytes!("../../tests/golden/event-v1.bin");
    assert_eq!(
        Event::encode(&full()),
        golden.as_slice(),
        "the format changed: it needs a new version"
    );
    assert_eq!(Event::decode(Bytes::from_static(golden)).unwrap().name(), Some("検索"));
}

#[test]
fn the_golden_record_of_a_judged_event_reads_and_writes_the_same() {
    let golden = include_bytes!("../../tests/golden/event-v2.bin");
    assert_eq!(Event::encode(&judged()), golden.as_slice(), "the format changed");
    let event = Event::decode(Bytes::from_static(golden)).unwrap();
    assert_eq!((event.name(), event.schema_version()), (Some("検索"), Some(0x0102_0304)));
}

#[test]
fn no_cut_or_longer_record_is_taken() {
    for draft in [full(), bare(), judged()] {
        let record = Event::encode(&draft);
        for length in 0..record.len() {
            assert!(Event::decode(record.slice(..length)).is_err(), "cut at {length}");
        }
        let mut longer = record.to_vec();
        longer.push(0);
        assert!(matches!(Event::decode(longer.into()), Err(RecordError::Long)));
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let record = Event::encode(&judged());
    for at in 0..record.len() {
        for bit in 0..8 {
            let mut damaged = record.to_vec();
            damaged[at] ^= 1 << bit;
            if let Ok(event) = Event::decode(damaged.into()) {
                // Whatever was decoded can be read as a whole.
                let _ = (event.id(), event.stream(), event.application(), event.session_id());
                let _ = (event.category(), event.name(), event.errors(), event.data());
            }
        }
    }
}

#[test]
fn a_newer_version_is_named() {
    let mut record = Event::encode(&bare()).to_vec();
    record[0] = 3;
    let error = Event::decode(record.into()).unwrap_err();
    assert_eq!(error, RecordError::Unknown { version: 3, kind: 1 });
}

//! An id on its way is never forgotten before the database has it, and the table stays within its bound.

use std::sync::Arc;

use model::{ContentHash, Seq};
use store::IdKey;

use crate::recent::{Begin, Recent};

const A: ContentHash = ContentHash(1);
const B: ContentHash = ContentHash(2);

fn key(id: &str) -> Arc<IdKey> {
    Arc::new(IdKey { application: None, stream: "events".to_owned(), id: id.to_owned() })
}

fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

#[test]
fn an_id_is_known_from_begin_to_the_commit_of_its_row() {
    let recent = Recent::new(1 << 20);
    assert!(matches!(recent.begin(&key("x"), A), Begin::Fresh));
    assert!(matches!(recent.begin(&key("x"), A), Begin::Pending { .. }));
    assert!(matches!(recent.begin(&key("x"), B), Begin::Pending { .. }));
    recent.settle(&key("x"), A, seq(7), true);
    recent.forget_through(seq(6));
    assert!(matches!(recent.begin(&key("x"), A), Begin::Known { seq, hash: A } if seq.get() == 7));
    assert!(matches!(recent.begin(&key("x"), B), Begin::Known { hash: A, .. }));
    recent.forget_through(seq(7));
    assert_eq!(recent.n_bytes(), 0);
    assert!(matches!(recent.begin(&key("x"), B), Begin::Fresh));
}

#[test]
fn those_who_wait_are_told_when_it_is_over() {
    let recent = Recent::new(1 << 20);
    for is_appended in [false, true] {
        assert!(matches!(recent.begin(&key("x"), A), Begin::Fresh));
        let Begin::Pending { over } = recent.begin(&key("x"), B) else {
            panic!("the id is pending");
        };
        assert!(over.has_changed().is_ok(), "it is not over yet");
        if is_appended {
            recent.settle(&key("x"), A, seq(3), true);
        } else {
            recent.abandon(&key("x"));
            assert_eq!(recent.n_bytes(), 0);
        }
        assert!(over.has_changed().is_err(), "it is over");
    }
}

#[test]
fn other_content_of_an_undecided_id_is_for_the_consumer_to_decide() {
    let recent = Recent::new(1 << 20);
    assert!(matches!(recent.begin(&key("x"), A), Begin::Fresh));
    recent.settle(&key("x"), A, seq(3), false);
    assert!(matches!(recent.begin(&key("x"), A), Begin::Known { hash: A, .. }));
    assert!(matches!(recent.begin(&key("x"), B), Begin::Untracked));
    assert!(!recent.is_complete(seq(3)), "an untracked append is on its way");
    recent.end_untracked(Some(seq(4)));
    assert!(!recent.is_complete(seq(3)));
    assert!(recent.is_complete(seq(4)));
}

#[test]
fn a_full_table_says_so_instead_of_growing() {
    let recent = Recent::new(1000);
    let fresh = (0..100).filter(|n| matches!(recent.begin(&key(&n.to_string()), A), Begin::Fresh));
    assert_eq!(fresh.count(), 3);
    assert!(recent.n_bytes() <= 1000);
    for _ in 0..97 {
        assert!(!recent.is_complete(seq(9)));
        recent.end_untracked(Some(seq(9)));
    }
    assert!(!recent.is_complete(seq(8)));
    assert!(recent.is_complete(seq(9)));
}

#[test]
fn of_two_recovered_sendings_the_first_keeps_the_id() {
    let recent = Recent::new(1 << 20);
    recent.recover((*key("x")).clone(), A, seq(1), true);
    recent.recover((*key("x")).clone(), B, seq(2), true);
    assert!(matches!(recent.begin(&key("x"), A), Begin::Known { seq, hash: A } if seq.get() == 1));
    recent.forget_through(seq(2));
    assert_eq!(recent.n_bytes(), 0);
}

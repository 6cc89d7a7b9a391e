//! Cursors that we hand out come back; everything else is refused.

use crate::seq::{Cursor, LogId, Seq};

#[test]
fn a_cursor_survives_its_text() {
    for seq in [0, 1, 42, (1 << 53) - 1] {
        let cursor = Cursor { log: LogId::new(0x0a1b_2c3d).unwrap(), seq: Seq::new(seq).unwrap() };
        assert_eq!(cursor.to_string(), format!("0a1b2c3d.{seq}"));
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
}

#[test]
fn other_texts_are_no_cursors() {
    for text in [
        "",
        ".",
        "0a1b2c3d",
        "0a1b2c3d.",
        ".1",
        "0a1b2c3d.01",
        "0a1b2c3d.+1",
        "0a1b2c3d.-1",
        "0A1B2C3D.1",
        "+a1b2c3d.1",
        "0a1b2c3.1",
        "0a1b2c3dd.1",
        "00000000.1",
        "0a1b2c3d.9007199254740992",
        "0a1b2c3d.1 ",
        "0a1b2c3d.99999999999999999999",
        "0a1b2c3d.١",
        "0a1b2c3d.1.1",
    ] {
        assert!(text.parse::<Cursor>().is_err(), "{text:?} was taken for a cursor");
    }
}

#[test]
fn a_seq_stays_below_two_to_the_53() {
    assert_eq!(Seq::new(1 << 53), None);
    assert_eq!(Seq::new((1 << 53) - 1), Some(Seq::MAX));
    assert!(std::panic::catch_unwind(|| Seq::MAX.next()).is_err());
    assert_eq!(Seq::ZERO.prev(), Seq::ZERO);
}

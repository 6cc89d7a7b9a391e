//! Codes to sign in with: once, for ten minutes, and not too many.

use model::Timestamp;

use crate::auth::codes::{Bearer, Codes, Invitation};

fn minute(n: i64) -> Timestamp {
    Timestamp::from_micros(n * 60_000_000)
}

#[test]
fn a_code_is_good_once() {
    let codes = Codes::default();
    let wanted = Invitation { bearer: Bearer::Token("7".to_owned()), maker: Some([1; 32]) };
    let made = codes.make(wanted.clone(), minute(0)).unwrap();
    assert_eq!(made.text.len(), 32);
    assert_eq!(codes.take(b"", minute(1)), None);
    assert_eq!(codes.take(&made.text.as_bytes()[..31], minute(1)), None);
    let taken = codes.take(made.text.as_bytes(), minute(1));
    assert_eq!(taken, Some(wanted));
    assert_eq!(codes.take(made.text.as_bytes(), minute(1)), None);
}

#[test]
fn a_code_is_good_for_ten_minutes() {
    let codes = Codes::default();
    let [early, late] = [0, 1].map(|at| codes.make(Invitation::MACHINE, minute(at)).unwrap());
    assert_eq!(early.expires_at, minute(10));
    assert_eq!(codes.take(early.text.as_bytes(), minute(10)), None);
    assert_eq!(codes.take(late.text.as_bytes(), minute(10)), Some(Invitation::MACHINE));
}

#[test]
fn of_too_many_codes_the_oldest_gives_way() {
    let codes = Codes::default();
    let made: Vec<_> =
        (0..33).map(|_| codes.make(Invitation::MACHINE, minute(0)).unwrap().text).collect();
    let n_good = made.iter().filter(|code| codes.take(code.as_bytes(), minute(1)).is_some());
    assert_eq!(n_good.count(), 32);
    assert_eq!(codes.take(made[0].as_bytes(), minute(1)), None);
}

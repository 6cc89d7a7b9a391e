//! Promises of [`crate::commands::sending`] and [`crate::commands::receipt`].

use crate::commands::receipt::Receipt;
use crate::commands::sending::Total;

fn receipt(body: &str) -> Receipt {
    Receipt::read(body.as_bytes()).unwrap()
}

#[test]
fn the_summary_adds_up_what_the_server_said() {
    let mut total = Total::default();
    total.add(&receipt(
        r#"{"accepted":19000,"first_seq":5,"last_seq":19004,"ids":[],"rejected":[]}"#,
    ));
    total.add(&receipt(
        r#"{"accepted":1000,"duplicates":2,"first_seq":3,"last_seq":20001,"ids":[],
            "rejected":[{"index":4,"line":5,"code":"wrong_type","detail":"no","pointer":null}]}"#,
    ));
    assert_eq!(total.line(1.4), "20,000 accepted (2 repetitions), 1 refused, 1.4 s, 14,286/s");
    let json: serde_json::Value = serde_json::from_str(&total.json(1.4004)).unwrap();
    let expected = serde_json::json!({
        "accepted": 20000, "duplicates": 2, "refused": 1, "first_seq": 3, "last_seq": 20001, "seconds": 1.4
    });
    assert_eq!(json, expected);
}

#[test]
fn one_event_is_answered_in_one_line() {
    let first = receipt(r#"{"id":"i","seq":17,"durability":"disk"}"#);
    assert_eq!(first.line(), "accepted i at seq 17 (disk)");
    let again = receipt(r#"{"id":"i","seq":17,"durability":"disk","duplicate":true}"#);
    assert_eq!(again.line(), "already there: i at seq 17 (disk)");
    let list =
        receipt(r#"{"accepted":1,"first_seq":3,"last_seq":3,"ids":["i"],"durability":"disk"}"#);
    assert_eq!(list.line(), "accepted i at seq 3 (disk)");
    assert_eq!((again.n_accepted(), again.n_duplicates()), (1, 1));
}

#[test]
fn an_answer_that_says_nothing_is_no_receipt() {
    for body in ["{}", "[]", "ok", "", "{\"status\":\"ok\"}"] {
        assert!(Receipt::read(body.as_bytes()).is_err(), "{body}");
    }
    let none_new =
        receipt(r#"{"accepted":1,"duplicates":1,"first_seq":null,"last_seq":null,"ids":["i"]}"#);
    assert_eq!(none_new.range(), None);
}

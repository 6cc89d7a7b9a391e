//! Data as a validator sees it: the same as a common parser's wherever that can hold it, and never a panic.

use serde_json::{Value, json};

use crate::schemas::compiled::Compiled;
use crate::schemas::data::exactly;

#[test]
fn what_a_common_parser_can_hold_reads_the_same() {
    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/../eyas/tests/json_test_suite");
    let mut n_same = 0;
    for entry in std::fs::read_dir(suite).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        // Only what the edge takes comes here: JSON of at most 128 levels.
        if text.starts_with(&"[".repeat(129)) {
            continue;
        }
        if serde_json::from_str::<&serde_json::value::RawValue>(&text).is_err() {
            continue;
        }
        let read = exactly(&text).unwrap();
        match serde_json::from_str::<Value>(&text) {
            Ok(value) if read.inexact.is_empty() => {
                assert_eq!(read.value, value, "{name}");
                n_same += 1;
            }
            _ => assert!(!read.inexact.is_empty(), "{name}"),
        }
    }
    assert!(n_same > 80, "{n_same}");
}

#[test]
fn what_it_cannot_hold_is_named_by_its_place() {
    let read = exactly(
        "{ \"a/b\" : [ 1 , 1e999 , {\"~\": -1E400}] , \"c\":\"\\ud800\", \"d\":18446744073709551615,\r\n\"e\":-0, \"f\":0e-999, \"\\udc00\":1 }",
    )
    .unwrap();
    assert_eq!(read.inexact, ["/a~1b/1", "/a~1b/2/~0", "/c", ""]);
    assert_eq!(
        read.value,
        json!({"a/b": [1, f64::MAX, {"~": f64::MIN}], "c": "\u{fffd}", "d": u64::MAX, "e": -0.0, "f": 0.0, "\u{fffd}": 1})
    );
}

#[test]
fn data_full_of_strange_numbers_takes_bounded_notes() {
    let read = exactly(&format!("[{}]", vec!["1e400"; 5_000].join(","))).unwrap();
    assert!(read.inexact.len() <= 1_000 && read.inexact.contains(&String::new()));
}

#[test]
fn data_of_any_depth_is_read_or_refused_and_never_ends_the_process() {
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    assert!(exactly(&nested(128)).is_some());
    for n in [129, 100_000] {
        assert!(exactly(&nested(n)).is_none(), "{n}");
        let schema = Compiled::compile("{\"type\":\"array\"}").unwrap().compiled;
        let reasons = schema.judge(&nested(n));
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        assert_eq!(reasons[0].rule, "too_complex");
    }
}

//! `wire`: every kind of bad input has its code, its pointer and its place, and nothing of it goes on.

use crate::limits::Limits;
use crate::problem::Problem;
use crate::wire::body::{place_of, read};
use crate::wire::envelope::Shape::{self, Envelope, Raw};
use crate::wire::media::Format::{self, Json, Lines};

/// `Ok` with the number of events, or code, pointer and `line:column@offset`.
fn outcome(format: Format, shape: Shape, body: &[u8]) -> Result<usize, String> {
    let mut n_events = 0;
    let read = read(body, format, shape, &Limits::default(), &mut |place, event| {
        event.map_err(|problem| place.of(problem))?;
        n_events += 1;
        Ok(())
    });
    read.map(|_| n_events).map_err(|problem| place(&problem))
}

fn place(problem: &Problem) -> String {
    let facts = problem.facts();
    let mut text = facts.code.to_owned();
    if let Some(pointer) = &facts.pointer {
        text = format!("{text} {pointer:?}");
    }
    if let Some(position) = facts.position {
        text = format!("{text} {}", position.line);
        if let (Some(column), Some(offset)) = (position.column, position.offset) {
            text = format!("{text}:{column}@{offset}");
        }
    }
    text
}

fn check(format: Format, shape: Shape, body: impl AsRef<[u8]>, expected: &str) {
    let body = body.as_ref();
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    match (outcome(format, shape, body), expected.strip_prefix("ok ")) {
        (Ok(n_events), Some(n)) => assert_eq!(n_events.to_string(), n, "{shown}"),
        (Err(told), None) => assert_eq!(told, expected, "{shown}"),
        (told, _) => panic!("{shown}: {told:?}, expected {expected}"),
    }
}

#[test]
fn good_envelopes_pass() {
    for (format, body, expected) in [
        (Json, r#"{"category":"a","name":"b"}"#, "ok 1"),
        (Json, " \r\n\t{\"category\":\"a\",\"name\":\"b\"}\n ", "ok 1"),
        (
            Json,
            r#"{"id":null,"session_id":null,"category":"a","name":"b","timestamp":null,"data":null}"#,
            "ok 1",
        ),
        (Json, r#"{"c\u0061tegory":"a","name":"\ud83d\ude00"}"#, "ok 1"),
        (Json, r#"[{"category":"a","name":"b"},{"category":"a","name":"b"}]"#, "ok 2"),
        // What is missing is the intake's business.
        (Json, "{}", "ok 1"),
        (Lines, "{}\n\n \t\r\n{}\r\n", "ok 2"),
        (Lines, "{}", "ok 1"),
    ] {
        check(format, Envelope, body, expected);
    }
}

#[test]
fn bad_envelopes_are_told_where() {
    for (body, expected) in [
        ("", "empty_body"),
        (" \n ", "empty_body"),
        ("[]", "empty_batch"),
        ("[ ]", "empty_batch"),
        ("7", "wrong_type \"\""),
        ("null", "wrong_type \"\""),
        ("\"a\"", "wrong_type \"\""),
        ("[7]", "wrong_type \"/0\""),
        ("[{},[]]", "wrong_type \"/1\""),
        (r#"["a","b","c","d","e",1]"#, "wrong_type \"/0\""),
        (r#"{"colour":1}"#, "unknown_field \"/colour\""),
        (r#"{"a/b~c":1}"#, "unknown_field \"/a~1b~0c\""),
        (r#"[{},{"colour":1}]"#, "unknown_field \"/1/colour\""),
        (r#"{"name":7}"#, "wrong_type \"/name\""),
        (r#"{"name":["a"]}"#, "wrong_type \"/name\""),
        (r#"{"id":true}"#, "wrong_type \"/id\""),
        (r#"[{},{"timestamp":1}]"#, "wrong_type \"/1/timestamp\""),
        (r#"{"name":"a","name":"a"}"#, "duplicate_field \"/name\""),
        (r#"{"name":null,"name":null}"#, "duplicate_field \"/name\""),
        (r#"{"data":1,"data":1}"#, "duplicate_field \"/data\""),
        (r#"{"name":"a","n\u0061me":"a"}"#, "duplicate_field \"/name\""),
        (r#"{"name":"\ud800"}"#, "lone_surrogate \"/name\""),
        (r#"{"\udc00":1}"#, "lone_surrogate \"\""),
        ("{", "invalid_json 1:1@0"),
        ("{\"name\":\"a\",}", "invalid_json 1:13@12"),
        ("{\n  \"name\": nope\n}", "invalid_json 2:12@13"),
        ("{} x", "invalid_json 1:4@3"),
        ("{}\n{}", "invalid_json 2:1@3"),
        ("[{},]", "invalid_json 1:5@4"),
        ("[{}", "invalid_json 1:3@2"),
        ("[{}] []", "invalid_json 1:6@5"),
        ("{'name':1}", "invalid_json 1:2@1"),
        ("{\"name\":\"a\nb\"}", "invalid_json 1:10@9"),
        ("NaN", "invalid_json 1:1@0"),
        ("\u{feff}{}", "byte_order_mark 1:1@0"),
        ("\u{0}", "invalid_json 1:1@0"),
    ] {
        check(Json, Envelope, body, expected);
    }
}

#[test]
fn bad_bytes_are_told_where() {
    check(Json, Envelope, b"{\"name\":\"\xff\"}", "invalid_utf8 1:10@9");
    check(Json, Raw, b"\n\"\xc3\"", "invalid_utf8 2:2@2");
    check(Lines, Raw, b"1\n2\n\xed\xa0\x80", "invalid_utf8 3:1@4");
    check(Json, Raw, b"\xff\xfe{\x00}\x00", "invalid_utf8 1:1@0");
}

#[test]
fn lines_are_told_by_number() {
    for (shape, body, expected) in [
        (Envelope, "", "empty_body"),
        (Envelope, "\n\r\n \n", "empty_batch"),
        (Envelope, "{}\n\n{\"colour\":1}\n", "unknown_field \"/colour\" 3"),
        (Envelope, "{}\n{\"name\":}\n", "invalid_json 2:9@11"),
        (Envelope, "{}\n[{}]\n", "wrong_type \"\" 2"),
        (Envelope, "{} {}\n", "invalid_json 1:4@3"),
        (Envelope, "{\n}\n", "invalid_json 1:1@0"),
        (Raw, "1\n2\n3", "ok 3"),
        (Raw, "[1,2]\n[]\nnull\n", "ok 3"),
        (Raw, "1\n2 2\n", "invalid_json 2:3@4"),
    ] {
        check(Lines, shape, body, expected);
    }
}

#[test]
fn raw_streams_take_any_json() {
    for (body, expected) in [
        ("null", "ok 1"),
        ("1E400", "ok 1"),
        ("\"\\ud800\"", "ok 1"),
        ("{\"a\":1,\"a\":2}", "ok 1"),
        ("[1,[2],3]", "ok 3"),
        ("[]", "empty_batch"),
        ("01", "invalid_json 1:2@1"),
        ("+1", "invalid_json 1:1@0"),
        ("\"\\x\"", "invalid_json 1:3@2"),
        ("tru", "invalid_json 1:3@2"),
    ] {
        check(Json, Raw, body, expected);
    }
}

#[test]
fn depth_is_counted_without_recursion() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    check(Lines, Raw, nested(128), "ok 1");
    check(Lines, Raw, nested(129), "too_deep 1");
    check(Json, Raw, format!("[{}]", nested(128)), "ok 1");
    check(Json, Raw, format!("[1,{}]", nested(129)), "too_deep \"/1\"");
    check(Json, Envelope, format!("{{\"data\":{}}}", nested(128)), "ok 1");
    check(Json, Envelope, format!("{{\"data\":{}}}", nested(129)), "too_deep");
    check(Lines, Envelope, format!("{{}}\n{{\"data\":{}}}", nested(129)), "too_deep 2");
    // Wide is not deep, and brackets in strings are not brackets.
    check(Lines, Raw, format!("[{}1]", "[],{},".repeat(1000)), "ok 1");
    check(Lines, Raw, format!("\"{}\\\"{}\"", "[".repeat(500), "{".repeat(500)), "ok 1");
    // A bomb ends as soon as it is seen, whatever follows.
    check(Lines, Raw, "[".repeat(1 << 20), "too_deep 1");
    check(Json, Envelope, format!("{{\"data\":{}", "{\"a\":".repeat(200_000)), "too_deep");
    check(Json, Raw, "[".repeat(1 << 20), "invalid_json 1:1048576@1048575");
}

#[test]
fn limits_hold() {
    let limit = Limits::default().event_bytes_max;
    let text = |n_bytes: usize| format!("\"{}\"", "a".repeat(n_bytes - 2));
    check(Json, Raw, text(limit), "ok 1");
    check(Json, Raw, format!("  {}  ", text(limit)), "ok 1");
    check(Json, Raw, text(limit + 1), "event_too_large \"\"");
    check(Json, Raw, format!("[1,{}]", text(limit + 1)), "event_too_large \"/1\"");
    check(Lines, Raw, format!("1\n\n{}", text(limit + 1)), "event_too_large \"\" 3");
    let many = |n: usize| vec!["1"; n];
    check(Json, Raw, format!("[{}]", many(10_000).join(",")), "ok 10000");
    check(Json, Raw, format!("[{}]", many(10_001).join(",")), "too_many_events");
    check(Lines, Raw, many(10_000).join("\n"), "ok 10000");
    check(Lines, Raw, many(10_001).join("\n"), "too_many_events 10001");
}

#[test]
fn values_one_a_line_get_the_hint_that_helps() {
    let told = read(b"{}\n{}\n", Json, Envelope, &Limits::default(), &mut |place, event| {
        event.map(|_| ()).map_err(|problem| place.of(problem))
    });
    let problem = told.unwrap_err();
    assert_eq!(
        problem.facts().hint,
        "for one value a line send Content-Type: application/x-ndjson"
    );
}

#[test]
fn an_event_is_found_again_by_its_number() {
    let body = b"\n1\n\n2\n  \n3";
    let line = |index| match place_of(body, Lines, true, index) {
        crate::wire::body::Place::Line { index: at, line } if at == index => line,
        other => panic!("{other:?}"),
    };
    assert_eq!((line(0), line(1), line(2)), (2, 4, 6));
}

//! `problem`: how a refusal looks. The bodies are pinned: clients read them.

use http_body_util::BodyExt;
use hyper::header::HeaderValue;

use crate::error::Kind;
use crate::problem::{Position, Problem};

async fn body(problem: Problem) -> String {
    let response = problem.render("r-1");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_refusal_says_what_where_and_what_to_do() {
    let problem = Kind::UnknownField.problem("An event has no field \"a\".").pointer("/3/a");
    assert_eq!(
        body(problem).await,
        r#"{"type":"about:blank","title":"Unprocessable Entity","status":422,"code":"unknown_field","detail":"An event has no field \"a\".","pointer":"/3/a","hint":"put it inside data: that takes any JSON","request_id":"r-1"}"#
    );
    let problem =
        Kind::InvalidJson.problem("The body is not JSON.").position(Position::of(b"{\n a", 3));
    assert_eq!(
        body(problem).await,
        r#"{"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_json","detail":"The body is not JSON.","position":{"line":2,"column":2,"offset":3},"hint":"send one JSON value (RFC 8259); the position says where reading stopped","request_id":"r-1"}"#
    );
}

#[tokio::test]
async fn an_unknown_outcome_says_so() {
    let problem = Problem::from(pipeline::IntakeError::Unknown("fsync failed".to_owned()));
    let response = problem.render("r-1");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &HeaderValue::from(1))
    );
    assert_eq!(
        body(problem).await,
        r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"outcome_unknown","detail":"The log failed while writing, the events may be stored: fsync failed.","hint":"send the request again with the same ids: each event is stored at most once","outcome":"unknown","request_id":"r-1"}"#
    );
}

#[tokio::test]
async fn errors_of_the_intake_have_their_status() {
    use pipeline::IntakeError as E;
    let conflict = E::Conflict { index: 0, id: "a".to_owned(), seq: model::Seq::new(7) };
    for (error, status, code, outcome, retry) in [
        (E::Full, 503, "log_full", Some("rejected"), Some("1")),
        (E::NoRoom("full".to_owned()), 503, "disk_full", Some("rejected"), Some("30")),
        (E::TooLarge { size_bytes: 2, bytes_max: 1 }, 413, "body_too_large", None, None),
        (conflict, 409, "id_conflict", None, None),
        (E::Closed, 503, "shutting_down", Some("rejected"), Some("2")),
    ] {
        let problem = Problem::from(error);
        let response = problem.render("r");
        let given = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
        let facts = problem.facts();
        assert_eq!(
            (facts.status, facts.code, facts.outcome, given),
            (status, code, outcome, retry)
        );
    }
}

#[test]
fn positions_count_from_one_and_offsets_from_zero() {
    for (body, offset, expected) in [
        ("", 0, (1, 1, 0)),
        ("abc", 2, (1, 3, 2)),
        ("a\nb\nc", 4, (3, 1, 4)),
        ("a\n", 9, (2, 1, 2)),
    ] {
        let position = Position::of(body.as_bytes(), offset);
        let (line, column, offset) = expected;
        assert_eq!(position, Position { line, column: Some(column), offset: Some(offset) });
    }
}

//! Promises of [`crate::client`].

use bytes::Bytes;
use hyper::StatusCode;

use crate::client::{Answer, Client, Problem, Server};
use crate::exit::CommandError;

fn problem(status: u16, body: &'static str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    Problem::of(&Answer {
        status,
        headers: hyper::HeaderMap::new(),
        retry_after: None,
        body: Bytes::from_static(body.as_bytes()),
    })
    .text()
}

#[test]
fn a_problem_reads_as_one_line() {
    let full = r#"{"type":"about:blank","title":"Unprocessable Entity","status":422,"code":"unknown_field",
        "detail":"An event has no field \"colour\".","pointer":"/colour","hint":"put it inside data",
        "outcome":"rejected","request_id":"r1"}"#;
    assert_eq!(
        problem(422, full),
        "Unprocessable Entity: An event has no field \"colour\", at /colour (put it inside data) [unknown_field, r1]"
    );
    assert_eq!(problem(400, r#"{"title":"Bad Request"}"#), "Bad Request");
    assert_eq!(problem(400, r#"{"title":"Bad\u001bRequest","code":"x"}"#), "Bad\\u{1b}Request [x]");
}

#[test]
fn an_answer_of_something_else_is_quoted() {
    for (body, quoted) in [("<h1>no</h1>\n", ": <h1>no</h1>"), ("", ""), ("[1]", ": [1]")] {
        let expected = format!(
            "502 Bad Gateway{quoted} (this is no answer of an Eyas server: check --url and EYAS_URL)"
        );
        assert_eq!(problem(502, body), expected);
    }
}

fn client(url: &str) -> Result<Client, CommandError> {
    Client::new(&Server { url: url.to_owned(), token: None })
}

#[tokio::test]
async fn a_token_is_text_without_line_breaks_and_is_never_printed() {
    let with = |token: &str| {
        let (url, token) = ("http://127.0.0.1:1".to_owned(), Some(token.to_owned()));
        Client::new(&Server { url, token })
    };
    let client = with("eyas_secret\n").unwrap();
    assert!(!format!("{client:?}").contains("secret"), "{client:?}");
    let Err(CommandError::Config(text)) = with("eyas\nX: y") else { panic!("it was taken") };
    assert!(text.contains("EYAS_TOKEN") && !text.contains("X: y"), "{text}");
}

#[tokio::test]
async fn an_address_that_cannot_work_is_refused_with_the_fix() {
    for (url, why) in [
        ("https://eyas.example", "is https"),
        ("127.0.0.1:8080", "does not begin with http://"),
        ("localhost", "does not begin with http://"),
        ("http://", "cannot be read"),
        ("http://a b", "cannot be read"),
        ("http://a?b", "has a query"),
        ("", "cannot be read"),
    ] {
        let Err(CommandError::Config(text)) = client(url) else { panic!("{url} was taken") };
        assert!(text.contains(why) && text.contains("http://127.0.0.1:8080"), "{url}: {text}");
    }
    for url in ["http://127.0.0.1:8080", "http://[::1]:1/", "http://eyas.example/behind/a/proxy"] {
        assert!(client(url).is_ok(), "{url}");
    }
}

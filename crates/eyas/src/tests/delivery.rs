//! Promises of [`crate::commands::delivery`], against a server that follows a script.

use std::sync::Mutex;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client::{Client, Server};
use crate::commands::delivery::{Delivery, Undelivered};

/// Status and body of an answer.
type Scripted = (&'static str, &'static str);

const ACCEPTED: Scripted = ("202 Accepted", "{}");
const BUSY: Scripted = ("503 Busy", r#"{"title":"Busy","outcome":"rejected"}"#);
const UNKNOWN: Scripted = ("503 Alas", r#"{"title":"Alas","outcome":"unknown"}"#);
const LIMITED: Scripted = ("429 Slow", "");
const REFUSED: Scripted = ("422 No", r#"{"title":"No","code":"bad_label"}"#);
/// The connection breaks without an answer.
const LOST: Scripted = ("", "");

fn client(listener: &TcpListener) -> Client {
    let url = format!("http://{}", listener.local_addr().unwrap());
    Client::new(&Server { url, token: None }).unwrap()
}

/// Delivers `body` to a server that gives one answer per connection. The end, and how many requests came.
async fn deliver(is_repeatable: bool, script: &[Scripted]) -> (Result<u16, Undelivered>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&listener);
    let said = Mutex::new(Vec::new());
    let delivery = Delivery {
        client: &client,
        path: "/events".to_owned(),
        content_type: "application/json",
        is_repeatable,
        say: &|words| said.lock().unwrap().push(words.to_owned()),
    };
    let mut n_requests = 0;
    let server = async {
        for &(status, body) in script {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"the body") {
                let mut piece = [0; 1024];
                let n_bytes = socket.read(&mut piece).await.unwrap();
                assert!(n_bytes > 0, "the request is whole");
                request.extend_from_slice(&piece[..n_bytes]);
            }
            n_requests += 1;
            if (status, body) != LOST {
                let n_bytes = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {n_bytes}\r\nconnection: close\r\n\r\n{body}"
                );
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        }
        std::future::pending::<()>().await;
    };
    let end = tokio::select! {
        end = delivery.send(Bytes::from_static(b"the body"), true) => end,
        () = server => unreachable!("the script ends with the delivery"),
    };
    let n_retries =
        said.lock().unwrap().iter().filter(|words| words.contains("sending again")).count();
    assert_eq!(n_retries, n_requests - 1, "each repetition is said");
    (end.map(|answer| answer.status.as_u16()), n_requests)
}

#[tokio::test]
async fn events_with_ids_are_sent_again_until_they_are_taken() {
    for failure in [LOST, BUSY, UNKNOWN, LIMITED] {
        let (end, n_requests) = deliver(true, &[failure, ACCEPTED]).await;
        assert!(matches!(end, Ok(202)), "{failure:?}");
        assert_eq!(n_requests, 2);
    }
}

#[tokio::test]
async fn a_raw_event_is_sent_again_only_when_it_is_surely_not_stored() {
    for failure in [BUSY, LIMITED] {
        let (end, _) = deliver(false, &[failure, ACCEPTED]).await;
        assert!(matches!(end, Ok(202)), "{failure:?}");
    }
    for failure in [LOST, UNKNOWN] {
        let (end, n_requests) = deliver(false, &[failure, ACCEPTED]).await;
        assert!(matches!(end, Err(Undelivered::GaveUp { may_be_stored: true, .. })), "{failure:?}");
        assert_eq!(n_requests, 1);
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (end, n_requests) = deliver(true, &[REFUSED, ACCEPTED]).await;
    assert!(matches!(end, Err(Undelivered::Refused(problem)) if problem.code == "bad_label"));
    assert_eq!(n_requests, 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&listener);
    drop(listener);
    let delivery = Delivery {
        client: &client,
        path: "/events".to_owned(),
        content_type: "application/json",
        is_repeatable: true,
        say: &|words| panic!("{words}"),
    };
    let end = delivery.send(Bytes::from_static(b"{}"), true).await;
    assert!(matches!(end, Err(Undelivered::GaveUp { may_be_stored: false, .. })));
}

//! Traces reach a collector: a stub of one takes them in and looks at their JSON.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::app::{Launch, TestApp, eventually};

const EVENT: &str = r#"{"category":"c","name":"n"}"#;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Takes everything in.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Value>>>,
    _serving: JoinSet<()>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        let taken = Arc::clone(&spans);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let taken = Arc::clone(&taken);
                let service = service_fn(move |request| take(request, Arc::clone(&taken)));
                let http = hyper::server::conn::http1::Builder::new();
                connections.spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, spans, _serving: serving }
    }

    fn named(&self, name: &str) -> Vec<Value> {
        let spans = self.spans.lock().unwrap();
        spans.iter().filter(|span| span["name"] == name).cloned().collect()
    }
}

async fn take(
    request: Request<Incoming>,
    spans: Arc<Mutex<Vec<Value>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/v1/traces"));
    assert_eq!(request.headers()["content-type"], "application/json");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let sent: Value = serde_json::from_slice(&body).unwrap();
    let resource = &sent["resourceSpans"][0];
    let name = &resource["resource"]["attributes"][0];
    assert_eq!(
        (&name["key"], &name["value"]["stringValue"]),
        (&"service.name".into(), &"eyas".into())
    );
    let new = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    spans.lock().unwrap().extend(new.iter().cloned());
    Ok(Response::new(Full::new(Bytes::from_static(b"{}"))))
}

async fn post(app: &TestApp, sampled: &str) {
    let parent = format!("00-{TRACE}-{CALLER}-{sampled}");
    let headers = [("content-type", "application/json"), ("traceparent", parent.as_str())];
    app.http.send(Method::POST, "/events", &headers, EVENT).await.accepted();
}

#[tokio::test]
async fn a_traced_write_is_seen_from_the_caller_to_the_database() {
    let collector = Collector::start().await;
    let launch = Launch::new().env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    let app = launch.env("EYAS_OTLP_RATIO", "0").start().await;
    app.post_events(EVENT).await.accepted();
    post(&app, "00").await;
    // A transaction can be faster than the note that it is traced; then another one is linked.
    let apply = eventually("an append and the transaction linked to it", async || {
        post(&app, "01").await;
        collector.named("apply").into_iter().next()
    })
    .await;
    app.terminate().await;
    let (requests, appends) = (collector.named("POST events"), collector.named("append"));
    assert!(!requests.is_empty() && requests.len() == appends.len(), "the untraced left no span");
    for request in &requests {
        assert_eq!(
            (&request["traceId"], &request["parentSpanId"]),
            (&TRACE.into(), &CALLER.into())
        );
        assert_eq!(request["kind"], 2);
        let attribute = &request["attributes"][0];
        assert_eq!(attribute["key"], "http.response.status_code");
        assert_eq!(attribute["value"]["intValue"], "202");
    }
    for append in &appends {
        let parent = requests.iter().find(|request| request["spanId"] == append["parentSpanId"]);
        let parent = parent.unwrap_or_else(|| panic!("{append} is part of no request"));
        let nanos = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
        assert!(nanos(parent, "startTimeUnixNano") <= nanos(append, "startTimeUnixNano"));
        assert!(nanos(append, "endTimeUnixNano") <= nanos(parent, "endTimeUnixNano"));
        assert_eq!(append["traceId"], TRACE);
    }
    let link = &apply["links"][0];
    assert!(appends.iter().any(|append| append["spanId"] == link["spanId"]), "{apply}");
    assert_eq!(link["traceId"], TRACE);
    assert_ne!(apply["traceId"], TRACE);
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_up_nobody() {
    let launch = Launch::new().env("EYAS_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let app = launch.env("EYAS_OTLP_RATIO", "1").start().await;
    for _ in 0..50 {
        app.post_events(EVENT).await.accepted();
    }
    eventually("it is said once", async || {
        app.stderr().contains("traces could not be sent and are lost").then_some(())
    })
    .await;
    app.wait_applied().await;
    app.terminate().await;
    let (code, text) = Launch::new().env("EYAS_OTLP_ENDPOINT", "grpc://x").refused().await;
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("otlp.endpoint = \"grpc://x\" is not a plain address"), "{text}");
}

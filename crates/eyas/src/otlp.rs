//! Sends spans to a collector: OTLP over HTTP, in its JSON form.
//!
//! One batch at a time, at most every second. A collector that does not answer costs its spans and nothing else: no
//! request waits for it, and the memory for spans has a bound.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::Timestamp;
use pipeline::{Span, TraceContext, Traces};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Pause between two batches.
const PAUSE: Duration = Duration::from_secs(1);
/// Most spans of one batch.
const BATCH_MAX: usize = 512;
/// Longest wait for the collector.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for it at the end.
const FINISH_WAIT_MAX: Duration = Duration::from_secs(2);
/// Most bytes of an answer, which nobody reads.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Where spans go, and how many.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OtlpOptions {
    /// Address of the collector without a path of its own: `http://127.0.0.1:4318`.
    pub(crate) endpoint: String,
    /// Share of the requests that are traced where the caller has not decided.
    pub(crate) ratio: f64,
}

/// Share of requests that are traced where nobody says otherwise.
const RATIO: f64 = 0.01;

/// What `[otlp]` says, by its keys' texts; `None` where nothing is traced. The error is a key and what is wrong with it.
pub(crate) fn read<'a>(
    text: impl Fn(&'static str) -> Option<&'a str>,
) -> Result<Option<OtlpOptions>, (&'static str, &'static str)> {
    let ratio = text("otlp.ratio")
        .map_or(Some(RATIO), |text| text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)));
    let ratio = ratio.ok_or(("otlp.ratio", "is not a share between 0 and 1, like 0.01"))?;
    let Some(endpoint) = text("otlp.endpoint").filter(|endpoint| !endpoint.is_empty()) else {
        return Ok(None);
    };
    if traces_url(endpoint).is_none() {
        let words = "is not a plain address of a collector, like http://127.0.0.1:4318";
        return Err(("otlp.endpoint", words));
    }
    Ok(Some(OtlpOptions { endpoint: endpoint.to_owned(), ratio }))
}

/// The address that traces are posted to, if `endpoint` can be one.
pub(crate) fn traces_url(endpoint: &str) -> Option<Uri> {
    let url: Uri = format!("{}/v1/traces", endpoint.trim_end_matches('/')).parse().ok()?;
    // No TLS here: a collector stands beside the server, or behind a proxy that speaks it.
    (url.scheme_str() == Some("http") && url.host().is_some()).then_some(url)
}

/// The running exporter.
pub(crate) struct Exporter {
    task: JoinHandle<()>,
    end: CancellationToken,
}

impl Exporter {
    /// Starts it, and the source of its spans.
    pub(crate) fn start(options: &OtlpOptions, instance: &str) -> (Traces, Self) {
        let (traces, spans) = Traces::new(options.ratio);
        let end = CancellationToken::new();
        let url = traces_url(&options.endpoint).expect("the configuration has been checked");
        info!(%url, ratio = options.ratio, "traces are sent");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let resource = resource(instance);
        let sender = Sender { client, url, resource, is_failing: false };
        let task = tokio::spawn(sender.run(spans, end.clone()));
        (traces, Self { task, end })
    }
}

/// Sends what is left, for a moment.
pub(crate) async fn finish(exporter: Option<Exporter>) {
    let Some(Exporter { task, end }) = exporter else { return };
    end.cancel();
    if timeout(FINISH_WAIT_MAX, task).await.is_err() {
        warn!("the last traces could not be sent in time");
    }
}

struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    resource: Arc<Value>,
    is_failing: bool,
}

impl Sender {
    async fn run(mut self, mut spans: Receiver<Span>, end: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let n_spans = tokio::select! {
                biased;
                n_spans = spans.recv_many(&mut batch, BATCH_MAX) => n_spans,
                () = end.cancelled() => return,
            };
            if n_spans == 0 {
                return;
            }
            self.send(&batch).await;
            batch.clear();
            if spans.len() < BATCH_MAX {
                let _ = end.run_until_cancelled(sleep(PAUSE)).await;
            }
        }
    }

    /// Says once that it fails, and once that it works again.
    async fn send(&mut self, batch: &[Span]) {
        let sent = timeout(ANSWER_WAIT_MAX, self.post(batch)).await;
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some("no answer in time".to_owned()),
        };
        if let Some(reason) = &failure
            && !self.is_failing
        {
            warn!(%reason, url = %self.url, n_spans = batch.len(), "traces could not be sent and are lost");
        } else if failure.is_none() && self.is_failing {
            info!(url = %self.url, "traces are sent again");
        }
        self.is_failing = failure.is_some();
    }

    async fn post(&self, batch: &[Span]) -> Result<(), String> {
        let body = Bytes::from(document(batch, &self.resource).to_string());
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        // Read to its end, so that the connection can be used again.
        let _ = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        if status.is_success() { Ok(()) } else { Err(format!("the collector answered {status}")) }
    }
}

fn resource(instance: &str) -> Arc<Value> {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    Arc::new(json!({ "attributes": [
        text("service.name", "eyas"),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", instance),
    ] }))
}

/// An `ExportTraceServiceRequest`; ids are hexadecimal and 64-bit numbers are texts there.
pub(crate) fn document(batch: &[Span], resource: &Value) -> Value {
    let spans: Vec<Value> = batch.iter().map(span_document).collect();
    let scope = json!({ "name": "eyas", "version": env!("CARGO_PKG_VERSION") });
    json!({ "resourceSpans": [
        { "resource": resource, "scopeSpans": [{ "scope": scope, "spans": spans }] }
    ] })
}

fn span_document(span: &Span) -> Value {
    const INTERNAL: u8 = 1;
    const SERVER: u8 = 2;
    const ERROR: u8 = 2;
    let nanos = |at: Timestamp| (i128::from(at.micros()) * 1_000).to_string();
    let ids = |context: &TraceContext| json!({ "traceId": format!("{:032x}", context.trace_id), "spanId": format!("{:016x}", context.span_id) });
    let mut document = ids(&span.context);
    document["name"] = span.name.into();
    document["kind"] = if span.is_server { SERVER } else { INTERNAL }.into();
    document["startTimeUnixNano"] = nanos(span.start).into();
    document["endTimeUnixNano"] = nanos(span.end).into();
    if let Some(parent) = span.parent {
        document["parentSpanId"] = format!("{parent:016x}").into();
    }
    let number = |(key, value): &(&str, u64)| json!({ "key": key, "value": { "intValue": value.to_string() } });
    document["attributes"] = span.numbers.iter().map(number).collect();
    document["links"] = span.links.iter().map(ids).collect();
    if span.is_error {
        document["status"] = json!({ "code": ERROR });
    }
    document
}

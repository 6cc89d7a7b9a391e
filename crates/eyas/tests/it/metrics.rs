//! `/metrics` by a strict reader of its own: well formed, documented, and true to what was sent.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::{TestApp, eventually};
use crate::batches_http::launch;

const EVENT: &str = r#"{"category":"c","name":"n"}"#;

/// A scrape, read strictly.
struct Scrape {
    /// Name of the family, and its type.
    families: BTreeMap<String, String>,
    /// Name with labels, and value.
    series: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(app: &TestApp) -> Self {
        let answer = app.get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        Self::parse(answer.text())
    }

    /// Each family begins with its help and its type, is whole, and comes once.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has its end");
        let (mut families, mut series) = (BTreeMap::new(), BTreeMap::new());
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let help = line.strip_prefix("# HELP ").unwrap_or_else(|| panic!("no help: {line}"));
            let (name, help) = help.split_once(' ').expect("a name and words");
            assert!(is_name(name) && help.ends_with('.'), "{line}");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
            let (typed, kind) = kind.and_then(|line| line.split_once(' ')).expect("a type");
            assert_eq!(typed, name);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (key, value) = line.rsplit_once(' ').expect("a value");
                let (sample, labels) = key.split_once('{').unwrap_or((key, "}"));
                let ends = ["_bucket", "_sum", "_count"];
                let of = match kind {
                    "histogram" => ends.iter().find_map(|end| sample.strip_suffix(end)),
                    _ => Some(sample),
                };
                assert_eq!(of, Some(name), "{line} stands in the wrong family");
                assert!(labels.ends_with('}'), "{line}");
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                assert!(value.is_finite() && value >= 0.0, "{line}");
                assert!(series.insert(key.to_owned(), value).is_none(), "{key} twice");
            }
        }
        let scrape = Self { families, series };
        scrape.check_histograms();
        scrape
    }

    /// Buckets rise with their bounds and end with the count.
    fn check_histograms(&self) {
        let mut rows: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (key, value) in &self.series {
            let Some((row, bound)) = key.split_once("le=\"") else { continue };
            let bound = bound.trim_end_matches("\"}").replace("+Inf", "inf");
            rows.entry(row.to_owned()).or_default().push((bound.parse().unwrap(), *value));
        }
        assert!(!rows.is_empty());
        for (row, mut buckets) in rows {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{row}: {buckets:?}");
            let (bound, all) = buckets[buckets.len() - 1];
            let labels = row.replace("_bucket{", "_count{");
            let count = labels.trim_end_matches(['{', ',']);
            let closed = if count.contains('{') { "}" } else { "" };
            assert_eq!(
                (bound, Some(all)),
                (f64::INFINITY, self.get(&format!("{count}{closed}"))),
                "{row}"
            );
        }
    }

    fn get(&self, key: &str) -> Option<f64> {
        self.series.get(key).copied()
    }

    /// A number of things.
    fn count(&self, key: &str) -> u64 {
        self.value(key) as u64
    }

    fn value(&self, key: &str) -> f64 {
        self.get(key).unwrap_or_else(|| panic!("{key} is missing: {:?}", self.series.keys()))
    }
}

fn is_name(name: &str) -> bool {
    let is_ours = name.starts_with("eyas_") || name.starts_with("process_");
    is_ours && name.chars().all(|sign| sign.is_ascii_lowercase() || sign == '_')
}

#[tokio::test]
async fn counts_are_those_that_were_sent() {
    let app = TestApp::start().await;
    for _ in 0..30 {
        app.post_events(format!("[{EVENT},{EVENT}]")).await.accepted();
    }
    app.post_events(r#"{"id":"x","category":"c","name":"n"}"#).await.accepted();
    app.post_events(r#"{"id":"x","category":"c","name":"n"}"#).await.accepted();
    for _ in 0..3 {
        assert_eq!(app.post_events("{").await.status, 400);
    }
    app.get("/events").await;
    app.wait_applied().await;
    let scrape = Scrape::of(&app).await;
    for (key, value) in [
        ("eyas_events_accepted_total", 61),
        ("eyas_events_stored_total", 61),
        ("eyas_events_duplicate_total", 1),
        ("eyas_http_request_duration_seconds_count{route=\"write\",status=\"2xx\"}", 32),
        ("eyas_http_request_duration_seconds_count{route=\"write\",status=\"4xx\"}", 3),
        ("eyas_http_request_duration_seconds_count{route=\"read\",status=\"2xx\"}", 1),
        ("eyas_http_refusals_total{code=\"invalid_json\"}", 3),
        ("eyas_append_duration_seconds_count", 31),
        ("eyas_log_commit_records_sum", 61),
        ("eyas_apply_rows_sum", 61),
        ("eyas_lag_records", 0),
        ("eyas_applied_seq", 61),
        ("eyas_consumer_state{state=\"running\"}", 1),
        ("eyas_live_subscribers", 0),
    ] {
        assert_eq!(scrape.count(key), value, "{key}");
    }
    assert!(scrape.value("process_resident_memory_bytes") > 1e6);
    assert!(scrape.value("process_open_fds") > 3.0);
}

#[tokio::test]
async fn counters_never_fall() {
    let app = TestApp::start().await;
    let mut before = Scrape::of(&app).await;
    for n in 0..20 {
        app.post_events(format!("[{EVENT}{}]", format!(",{EVENT}").repeat(n))).await.accepted();
        let now = Scrape::of(&app).await;
        for (key, then) in &before.series {
            let family = key.split('{').next().unwrap();
            let only_grows =
                ["_total", "_bucket", "_sum", "_count"].iter().any(|end| family.ends_with(end));
            let is_now = now.value(key);
            assert!(!only_grows || is_now >= *then, "{key} fell from {then} to {is_now}");
        }
        before = now;
    }
}

#[tokio::test]
async fn live_events_are_counted_for_each_subscriber() {
    let app = TestApp::start().await;
    let headers = [("accept", "text/event-stream")];
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(
            app.http.open(hyper::Method::GET, "/live?since=beginning", &headers, "").await.unwrap(),
        );
    }
    for _ in 0..5 {
        app.post_events(EVENT).await.accepted();
    }
    eventually("both have got all", async || {
        let scrape = Scrape::of(&app).await;
        assert_eq!(scrape.count("eyas_live_subscribers"), 2);
        (scrape.count("eyas_live_events_total") == 10).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_name_is_documented_and_no_other() {
    let app = launch().start().await;
    app.post_events("{").await;
    let families: BTreeSet<String> = Scrape::of(&app).await.families.into_keys().collect();
    let page = include_str!("../../../../docs/operations.md");
    let documented = page.lines().filter_map(|line| {
        let name = line.strip_prefix("| `")?.split(['`', '{']).next()?;
        is_name(name).then(|| name.to_owned())
    });
    assert_eq!(families, documented.collect::<BTreeSet<_>>());
}

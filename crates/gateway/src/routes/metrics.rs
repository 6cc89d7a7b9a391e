//! `GET /metrics`: every counter, gauge and histogram by name. What each means stands in docs/operations.md.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use meter::Snapshot;
use pipeline::ConsumerState;

use crate::edge::Edge;
use crate::exposition::{Exposition, MEDIA_TYPE, seconds};
use crate::health::machine::{Process, process_cpu};
use crate::health::requests::{Class, N_STATUS_CLASSES};
use crate::health::verdict::Stage;
use crate::rate::tally::Reason;

/// All numbers of this process.
pub(crate) async fn metrics(State(edge): State<Arc<Edge>>) -> Response {
    let mut out = Exposition::default();
    requests(&edge, &mut out);
    write_path(&edge, &mut out);
    lag(&edge, &mut out);
    lane(&edge, &mut out);
    push_path(&edge, &mut out);
    machine(&edge, &mut out);
    let mut response = Response::new(Body::from(out.into_text()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

fn requests(edge: &Edge, out: &mut Exposition) {
    const STATUS: [&str; N_STATUS_CLASSES] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let requests = &edge.requests;
    let each = Class::ALL.into_iter().flat_map(|class| {
        STATUS.into_iter().enumerate().map(move |(at, status)| {
            let labels = vec![("route", class.as_str()), ("status", status)];
            (labels, requests.durations_us(class, at))
        })
    });
    out.durations(
        "eyas_http_request_duration_seconds",
        "Time from the end of a request's head to the head of its answer.",
        each.filter(|(_, counts)| counts.count() > 0),
    );
    let refused = requests.refused();
    let refused = refused.into_iter().map(|(code, n)| (vec![("code", code)], n));
    let help = "Requests answered with a problem, by its code.";
    out.counters("eyas_http_refusals_total", help, refused);
    limits(edge, out);
    let n_connections = edge.n_connections.load(Relaxed);
    out.gauge("eyas_http_connections", "Open connections, WebSockets not counted.", n_connections);
}

fn limits(edge: &Edge, out: &mut Exposition) {
    let tally = &edge.limiter.tally;
    let reasons = Reason::ALL;
    let by_reason =
        reasons.map(|reason| (vec![("reason", reason.as_str())], tally.n_refused(reason)));
    let help = "Requests answered 429, by the limit that they met.";
    out.counters("eyas_rate_limited_total", help, by_reason);
    let applications = tally.applications();
    let by_application =
        applications.iter().map(|(name, n)| (vec![("application", name.as_str())], *n));
    let help =
        "Those that met the limit of a token, by its application: 50 by name, then the others.";
    out.counters("eyas_rate_limited_application_total", help, by_application);
}

fn write_path(edge: &Edge, out: &mut Exposition) {
    let (meters, commits, counts) = (&edge.meters, &edge.commits, edge.meters.counts());
    for (name, help, n) in [
        ("accepted", "Events answered with success, repetitions not counted.", counts.accepted),
        ("stored", "Events written to the database.", counts.stored),
        ("invalid", "Events among them that are not valid.", counts.invalid),
        ("duplicate", "Repetitions, which were stored once.", counts.duplicate),
        ("dead", "Events that became dead letters.", counts.dead),
        ("replayed", "Dead letters that were stored after all.", counts.replayed),
    ] {
        out.counter(&format!("eyas_events_{name}_total"), help, n);
    }
    out.counter(
        "eyas_retention_deleted_rows_total",
        "Events and dead letters that were deleted by age.",
        edge.retention.n_deleted(),
    );
    let mut durations = |name: &str, help: &str, counts: Snapshot| {
        out.durations(name, help, [(Vec::new(), counts)]);
    };
    durations(
        "eyas_append_duration_seconds",
        "Time that a request waited for the log to be durable.",
        meters.append_us.snapshot(),
    );
    durations(
        "eyas_log_commit_duration_seconds",
        "Time of one write and fsync of the log.",
        commits.commit_us.snapshot(),
    );
    durations(
        "eyas_log_fsync_duration_seconds",
        "The part of it that was the fsync.",
        commits.fsync_us.snapshot(),
    );
    durations(
        "eyas_apply_duration_seconds",
        "Time of one transaction of the consumer.",
        meters.apply_us.snapshot(),
    );
    out.numbers("eyas_log_commit_records", "Events in one commit.", &commits.records.snapshot());
    out.numbers("eyas_apply_rows", "Events in one transaction.", &meters.apply_rows.snapshot());
    let n_bytes = commits.bytes.load(Relaxed);
    out.counter("eyas_log_written_bytes_total", "Bytes written by commits.", n_bytes);
    let mut busy = |name: &str, help: &str, time: Duration| {
        out.counter(name, help, seconds(time.as_micros() as u64));
    };
    busy(
        "eyas_log_busy_seconds_total",
        "Time in which the log's writer was in write or fsync.",
        commits.busy.total(),
    );
    busy(
        "eyas_apply_busy_seconds_total",
        "Time in which the consumer was in a transaction.",
        meters.apply_busy.total(),
    );
}

fn lag(edge: &Edge, out: &mut Exposition) {
    let log = edge.intake.log();
    let lag = edge.meters.lag(log.last, pipeline::now());
    out.gauge("eyas_lag_records", "Events that wait for the database.", lag.records);
    out.gauge("eyas_lag_seconds", "Age of the oldest of them.", lag.seconds);
    out.gauge("eyas_log_newest_seq", "Position of the newest event.", log.last);
    let applied = edge.meters.applied();
    out.gauge("eyas_applied_seq", "Everything up to this position is in the database.", applied);
    let (help, state) = ("What the consumer does.", edge.meters.consumer());
    out.one_of("eyas_consumer_state", help, "state", &STATES, word(&state));
    let is_up = edge.stores.probe.database().is_up;
    out.gauge(
        "eyas_database_up",
        "Whether the database answered the last time: 1 or 0.",
        u8::from(is_up),
    );
    let stage = edge.health.glance().verdict.stage.as_str();
    let all = Stage::ALL.map(Stage::as_str);
    out.one_of("eyas_limiting_stage", "What limits the machine.", "stage", &all, stage);
}

/// What a consumer may do, in words.
const STATES: [&str; 3] = ["running", "waiting", "stopped"];

fn word(state: &ConsumerState) -> &'static str {
    match state {
        ConsumerState::Running => "running",
        ConsumerState::Waiting { .. } => "waiting",
        ConsumerState::Stopped { .. } => "stopped",
    }
}

/// The lane of batches; nothing where no table takes any.
fn lane(edge: &Edge, out: &mut Exposition) {
    let Some(batches) = &edge.batches else { return };
    let standing = batches.standing();
    let counts = standing.counts;
    let help = "Batches that came to their end, by it.";
    let ends = [
        ("committed", counts.committed),
        ("rejected", counts.rejected),
        ("cancelled", counts.cancelled),
    ];
    let ends = ends.map(|(state, n)| (vec![("state", state)], n));
    out.counters("eyas_batches_total", help, ends);
    let help = "Rows received in whole bodies, whatever became of them.";
    out.counter("eyas_batch_rows_received_total", help, counts.rows_received);
    let help = "Rows of batches that are in their tables.";
    out.counter("eyas_batch_rows_committed_total", help, counts.rows_committed);
    let help = "Time that the database spent on batches.";
    out.counter("eyas_batch_apply_seconds_total", help, seconds(counts.apply_us));
    let help = "Batches whose rows are arriving, paused ones among them.";
    out.gauge("eyas_batches_receiving", help, standing.n_receiving);
    let help = "Decisions about batches that the database does not have.";
    out.gauge("eyas_batch_lag_batches", help, standing.lag_batches);
    out.gauge("eyas_batch_lag_seconds", "Age of the oldest of them.", standing.lag_s);
    let help = "Bytes of the files of the batches' log.";
    out.gauge("eyas_batch_log_size_bytes", help, standing.log_bytes);
    let help = "What the lane of batches does.";
    out.one_of("eyas_batch_lane_state", help, "state", &STATES, word(&standing.consumer));
}

fn push_path(edge: &Edge, out: &mut Exposition) {
    let pushed = edge.live.pushed();
    out.gauge("eyas_live_subscribers", "Live connections.", edge.live.n_subscriptions());
    let help = "Events handed to live connections, once for each of them.";
    out.counter("eyas_live_events_total", help, pushed.n_events);
    let busy = seconds(pushed.busy.as_micros() as u64);
    let help = "Time spent on filtering and encoding them.";
    out.counter("eyas_live_busy_seconds_total", help, busy);
}

fn machine(edge: &Edge, out: &mut Exposition) {
    let (version, instance) = (edge.options.version.as_str(), edge.options.instance.as_str());
    let labels = [("version", version), ("instance", instance)];
    out.info("eyas_build_info", "The program, and the name of its data directory.", &labels);
    let help = "Bytes of the log's files, their empty part included.";
    out.gauge("eyas_log_size_bytes", help, edge.intake.log_bytes());
    if let Some(disk) = edge.health.glance().disk {
        let (free, all) = (disk.free_bytes, disk.total_bytes);
        out.gauge("eyas_disk_free_bytes", "Free on the disk of the data directory.", free);
        out.gauge("eyas_disk_size_bytes", "Size of that disk.", all);
    }
    // Without the prefix: every dashboard of processes knows these names.
    let (cpu_us, started_us) = (process_cpu().as_micros() as u64, edge.started_at.micros());
    out.counter("process_cpu_seconds_total", "Processor time of all threads.", seconds(cpu_us));
    let help = "Start of the process, in seconds since 1970.";
    out.gauge("process_start_time_seconds", help, seconds(started_us as u64));
    let Process { resident_bytes, n_fds, n_fds_max } = Process::now();
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory in use.", resident_bytes),
        ("process_open_fds", "Open file descriptors.", n_fds),
        ("process_max_fds", "Most of them.", n_fds_max),
    ] {
        if let Some(value) = value {
            out.gauge(name, help, value);
        }
    }
}

//! The server, if one runs: what it says of itself; else whether its port is free.

use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use hyper::header::DATE;
use serde::Deserialize;

use crate::client::{Answer, Client, Problem};
use crate::commands::doctor::finding::Finding;
use crate::config::Config;

/// A healthy server on this machine answers at once.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// More records than this between log and database are worth a word.
const LAG_RECORDS_MANY: u64 = 100_000;

/// A server that answered.
#[derive(Debug)]
pub(crate) struct Served {
    /// Where it was asked.
    pub(crate) url: String,
    /// What time it says that it is.
    pub(crate) time: Option<SystemTime>,
    /// Or why it does not say.
    status: Result<Status, String>,
}

/// The part of `/status` that matters here.
#[derive(Debug, Deserialize)]
struct Status {
    version: String,
    log: Log,
    applied_seq: u64,
    lag: Lag,
    consumer: Consumer,
    /// Where a table takes batches.
    batches: Option<LaneStatus>,
}

#[derive(Debug, Deserialize)]
struct Log {
    next: u64,
}

#[derive(Debug, Deserialize)]
struct Lag {
    records: u64,
}

#[derive(Debug, Deserialize)]
struct LaneStatus {
    lag: LaneLag,
    consumer: Consumer,
}

#[derive(Debug, Deserialize)]
struct LaneLag {
    batches: u64,
}

#[derive(Debug, Deserialize)]
struct Consumer {
    state: String,
    reason: Option<String>,
}

impl Served {
    /// Whether it does not tell us how it is.
    pub(crate) fn is_silent(&self) -> bool {
        self.status.is_err()
    }
}

/// Asks the server by `client`; others reach it at `url`. `None` when no Eyas answers there.
pub(crate) async fn ask(client: &Client, url: &str) -> Option<Served> {
    let asked = async {
        let response = client.open("/status", "application/json").await.ok()?;
        let date =
            response.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        let answer = Answer::read(response).await.ok()?;
        let status = match answer.status.as_u16() {
            401 | 403 => Err(Problem::of(&answer).text()),
            _ => Ok(serde_json::from_slice(&answer.body).ok()?),
        };
        let time = date.as_deref().and_then(http_date);
        Some(Served { url: url.to_owned(), time, status })
    };
    tokio::time::timeout(ANSWER_WAIT, asked).await.ok()?
}

/// `Sat, 21 Nov 2026 06:44:58 GMT`
pub(crate) fn http_date(text: &str) -> Option<SystemTime> {
    let stamp = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(SystemTime::from(stamp.timestamp()))
}

/// What it says of its log and its database.
pub(crate) fn log(served: &Served) -> Finding {
    let check = "log";
    let status = match &served.status {
        Ok(status) => status,
        Err(why) => {
            let text = format!("not looked at: the server does not say how far it is: {why}");
            return Finding::warn(check, text, "set EYAS_TOKEN to a token with the scope read");
        }
    };
    let Status { log, applied_seq, lag, consumer, .. } = status;
    let reason = consumer.reason.as_deref().unwrap_or("no reason given");
    if *applied_seq >= log.next {
        let text =
            format!("the database has applied {applied_seq}, the log ends before {}", log.next);
        return Finding::fail(
            check,
            text,
            "stop the server; restore log and database together from a backup",
        );
    }
    let text = format!("the database has applied {applied_seq}, the log goes on at {}", log.next);
    match consumer.state.as_str() {
        "stopped" => Finding::fail(
            check,
            format!("{text}; the consumer has stopped: {reason}"),
            "mend what the reason names, then `eyas restart`; the log keeps every event",
        ),
        "waiting" => Finding::warn(
            check,
            format!("{text}; the consumer waits: {reason}"),
            "mend what the reason names; it tries again by itself",
        ),
        _ if lag.records > LAG_RECORDS_MANY => Finding::warn(
            check,
            format!("{text}: {} records behind", lag.records),
            "nothing, if that gets less; else a faster disk",
        ),
        _ => Finding::ok(check, text),
    }
}

/// What it says of its lane of batches, where it has one.
pub(crate) fn batches(served: &Served) -> Option<Finding> {
    let LaneStatus { lag, consumer } = served.status.as_ref().ok()?.batches.as_ref()?;
    let check = "batches";
    let text = match lag.batches {
        0 => "none waits".to_owned(),
        1 => "1 waits".to_owned(),
        n => format!("{n} wait"),
    };
    let reason = consumer.reason.as_deref().unwrap_or("no reason given");
    Some(match consumer.state.as_str() {
        "stopped" => Finding::fail(
            check,
            format!("{text}; the lane has stopped: {reason}"),
            "mend what the reason names, or cancel the batch that it names; events go on",
        ),
        "waiting" => Finding::warn(
            check,
            format!("{text}; the lane waits: {reason}"),
            "mend what the reason names; it tries again by itself",
        ),
        _ => Finding::ok(check, text),
    })
}

/// Is the port ours, free, or somebody else's? `holder` is the process on the data directory, if there is one.
pub(crate) fn port(config: &Config, served: Option<&Served>, holder: Option<i32>) -> Finding {
    let (check, listen) = ("port", config.listen);
    if let Some(served) = served {
        let who = match &served.status {
            Ok(status) => format!("an eyas {}", status.version),
            Err(_) => "a server that wants a token".to_owned(),
        };
        return Finding::ok(check, format!("{who} answers at {}", served.url));
    }
    if let Some(pid) = holder {
        let text = format!("process {pid} has the data directory, but does not answer");
        return Finding::fail(
            check,
            text,
            "look at its log; if it hangs, kill it: nothing acknowledged is lost",
        );
    }
    match TcpListener::bind(listen) {
        Ok(_) => Finding::ok(check, format!("{listen} is free")),
        Err(error) => Finding::fail(
            check,
            format!("{listen} cannot be used: {error}"),
            "stop the program that has it, or choose another with --listen",
        ),
    }
}

//! The proof: waits until the database has everything, reads the run back, and compares it with the ledger.
//!
//! Memory is bounded by one line; a broken connection is taken up again after the last line read.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::{Answer, Client, ClientError, Problem};
use crate::commands::backoff::Backoff;
use crate::commands::load::ledger::Verdict;
use crate::commands::load::sender::Run;
use crate::commands::query::{encode, query};
use crate::exit::CommandError;

/// How long the server may be away, or its database may stand still.
const STILL_MAX: Duration = Duration::from_mins(1);
/// How often its progress is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long an export may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// No line of an export is longer: an event of the largest size with its envelope.
const LINE_BYTES_MAX: usize = 4 << 20;
/// How many of the missing events are looked into.
const N_SHOWN_MAX: usize = 5;

/// The part of `/status` that matters here.
#[derive(Debug, Deserialize)]
struct Status {
    applied_seq: u64,
}

/// The part of an exported event that matters here.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    cursor: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Whether the server is there, and lets us read back what we shall send.
pub(crate) async fn may_read(client: &Client) -> Result<(), CommandError> {
    let unreachable = |error: ClientError| client.unreachable(error.cause());
    let answer = client.get("/events?limit=1").await.map_err(unreachable)?;
    if answer.status.is_client_error() {
        return Err(CommandError::Refused(Problem::of(&answer).text()));
    }
    applied(client).await.map(drop).map_err(unreachable)
}

/// How far the database came.
async fn applied(client: &Client) -> Result<u64, ClientError> {
    let answer = client.get("/status").await?;
    let status: Result<Status, _> = serde_json::from_slice(&answer.body);
    status.map(|status| status.applied_seq).map_err(|_| {
        ClientError::Connect("the answer is not that of an Eyas server: check --url".to_owned())
    })
}

/// Carries the proof out.
pub(crate) async fn prove(run: &Run) -> anyhow::Result<Verdict> {
    wait_applied(run).await?;
    let mut verdict = Verdict::default();
    let mut cursor = None;
    let mut backoff = Backoff::new();
    let mut last_progress = Instant::now();
    loop {
        let before = cursor.clone();
        match read_back(run, &mut cursor, &mut verdict).await {
            Ok(()) => break,
            Err(error) if cursor == before && last_progress.elapsed() > STILL_MAX => {
                return Err(error.context("the events cannot be read back"));
            }
            Err(_) => {}
        }
        if cursor != before {
            (backoff, last_progress) = (Backoff::new(), Instant::now());
        }
        tokio::time::sleep(backoff.next(None)).await;
    }
    run.ledger.close(&mut verdict);
    Ok(verdict)
}

/// The first missing events, each with what the server says of it.
pub(crate) async fn explain(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    for number in run.ledger.missing(N_SHOWN_MAX) {
        let id = run.shape.id(number);
        let mut path = "/events/".to_owned();
        encode(&mut path, &id);
        let said = match run.client.get(&path).await {
            Ok(answer) if answer.status.is_success() => {
                let event: serde_json::Value =
                    serde_json::from_slice(&answer.body).unwrap_or_default();
                format!("its state is {}", event["state"])
            }
            Ok(answer) => Problem::of(&answer).text(),
            Err(error) => error.cause().to_owned(),
        };
        lines.push(format!("accepted, but not found: {id} ({said})"));
    }
    lines
}

/// Until the database has the last event that was accepted, as long as it gets on.
async fn wait_applied(run: &Run) -> anyhow::Result<()> {
    let wanted = run.tally.last_seq.load(Relaxed);
    let (mut furthest, mut last_progress) = (0, Instant::now());
    loop {
        let applied = applied(&run.client).await;
        let why = match applied {
            Ok(applied) if applied >= wanted => return Ok(()),
            Ok(applied) if applied > furthest => {
                (furthest, last_progress) = (applied, Instant::now());
                String::new()
            }
            Ok(applied) => format!("its database stands still at seq {applied} of {wanted}"),
            Err(error) => error.cause().to_owned(),
        };
        if last_progress.elapsed() > STILL_MAX {
            bail!("the server cannot be asked for what it has stored: {why}");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Reads from `cursor` to the end.
async fn read_back(
    run: &Run,
    cursor: &mut Option<String>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let session = ("session_id", run.shape.session());
    let after = cursor.as_deref().map(|cursor| ("after", cursor));
    let path = format!("/events{}", query([session].into_iter().chain(after)));
    let opened = run.client.open(&path, "application/x-ndjson").await;
    let response = opened.map_err(|error| anyhow!("{}", error.cause()))?;
    if !response.status().is_success() {
        let answer = Answer::read(response).await.map_err(|error| anyhow!("{}", error.cause()))?;
        bail!("{}", Problem::of(&answer).text());
    }
    each_line(response, |line| {
        let line: Line<'_> = serde_json::from_slice(line).context("a line of the export")?;
        let number = run.shape.number(&line.id);
        let is_same = number.is_some_and(|number| run.shape.data(number) == line.data.get());
        run.ledger.found(number, is_same, verdict);
        *cursor = Some(line.cursor.to_owned());
        Ok(())
    })
    .await
}

/// Hands out the whole lines of an answer.
async fn each_line(
    response: Response<Incoming>,
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut body = response.into_body();
    let mut rest = Vec::new();
    loop {
        let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
        let Some(frame) = frame.context("the export has been silent for too long")? else {
            ensure!(rest.is_empty(), "the export broke off");
            return Ok(());
        };
        let Ok(piece) = frame.context("the connection broke")?.into_data() else { continue };
        rest.extend_from_slice(&piece);
        let mut n_taken = 0;
        while let Some(length) = rest[n_taken..].iter().position(|byte| *byte == b'\n') {
            take(&rest[n_taken..n_taken + length])?;
            n_taken += length + 1;
        }
        rest.drain(..n_taken);
        ensure!(rest.len() <= LINE_BYTES_MAX, "a line of the export is longer than any event");
    }
}

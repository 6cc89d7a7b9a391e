//! `eyas tail`: follows `GET /live`, prints each event on one line, and takes up a lost connection after
//! the last event it has seen.
//!
//! Invariant: a position counts as seen only after its event has been written to stdout, so whatever
//! breaks, each event of the filter is printed once and in order, or a gap is reported.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use indicatif::HumanCount;

use crate::cli::TailArgs;
use crate::client::{Answer, Client, ClientError, Problem, Server, root_cause};
use crate::commands::backoff::Backoff;
use crate::commands::live_message::{LiveMessage, event_line};
use crate::commands::query::query;
use crate::commands::sse::{SseMessage, SseParser};
use crate::exit::CommandError;
use crate::printable::printable;

/// A server that is there says something at least this often, if only a comment.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Follows the events that `args` names. Ends with `Ok` on Ctrl-C, after `--count` events, and when nobody
/// reads stdout any more.
pub(crate) async fn run(args: &TailArgs, server: &Server, json: bool) -> Result<(), CommandError> {
    let client = Client::new(server)?;
    let mut follower = Follower {
        client: &client,
        args,
        json,
        cursor: None,
        n_left: args.count,
        away: None,
        has_answered: false,
    };
    tokio::select! {
        result = follower.follow() => result,
        signal = tokio::signal::ctrl_c() => Ok(signal.context("cannot wait for Ctrl-C")?),
    }
}

struct Follower<'a> {
    client: &'a Client,
    args: &'a TailArgs,
    json: bool,
    /// Everything up to here has been printed.
    cursor: Option<String>,
    /// How many more events to print; `None` for no end.
    n_left: Option<u64>,
    /// From a lost connection on, until everything missed has come.
    away: Option<Away>,
    /// The server has been there.
    has_answered: bool,
}

/// A time without a connection, and what came after it.
struct Away {
    since: Instant,
    /// When the connection was there again, the last time.
    until: Option<Instant>,
    n_missed: u64,
    n_gaps: u64,
}

impl Away {
    fn begin() -> Self {
        Self { since: Instant::now(), until: None, n_missed: 0, n_gaps: 0 }
    }

    /// `missed 1,234 events while away for 4.1 s, caught up`
    fn line(&self) -> String {
        let seconds = self.until.unwrap_or_else(Instant::now).duration_since(self.since);
        let gap = match self.n_gaps {
            0 => "",
            _ => ", but for the gap above",
        };
        format!(
            "missed {} events while away for {:.1} s, caught up{gap}",
            HumanCount(self.n_missed),
            seconds.as_secs_f64()
        )
    }
}

/// How a connection ends.
enum End {
    /// The command has done what it was asked.
    Done,
    /// To be taken up again.
    Lost { cause: String, retry_after: Option<Duration> },
}

/// Why a connection ends.
type Ended = Result<End, CommandError>;

impl Follower<'_> {
    async fn follow(&mut self) -> Result<(), CommandError> {
        if self.n_left == Some(0) {
            return Ok(());
        }
        let mut backoff = Backoff::new();
        loop {
            let opened = self.client.open(&self.path(), "text/event-stream").await;
            let end = match opened {
                Ok(response) if response.status().is_success() => {
                    check_type(&response)?;
                    backoff = Backoff::new();
                    self.has_answered = true;
                    if let Some(away) = &mut self.away {
                        away.until = Some(Instant::now());
                    }
                    self.read(response).await?
                }
                Ok(response) => self.turned_away(response).await?,
                Err(ClientError::Connect(cause)) if !self.has_answered => {
                    return Err(self.client.unreachable(&cause));
                }
                Err(error) => End::Lost { cause: error.cause().to_owned(), retry_after: None },
            };
            let End::Lost { cause, retry_after } = end else { return Ok(()) };
            let wait = backoff.next(retry_after);
            let cause = printable(&cause);
            say(&format!(
                "not connected: {cause}; connecting again in {:.1} s",
                wait.as_secs_f64()
            ));
            self.away.get_or_insert_with(Away::begin);
            tokio::time::sleep(wait).await;
        }
    }

    /// Where to ask: the filters as given, from where we are.
    fn path(&self) -> String {
        let args = self.args;
        let valid = args.valid.map(|valid| if valid { "true" } else { "false" });
        let lists = [
            ("stream", &args.stream),
            ("category", &args.category),
            ("name", &args.name),
            ("session_id", &args.session_id),
        ];
        let filters = lists
            .iter()
            .flat_map(|(key, values)| values.iter().map(|value| (*key, value.as_str())));
        let since = self.cursor.as_deref().unwrap_or(&args.since);
        let all = filters.chain(valid.map(|valid| ("valid", valid))).chain([("since", since)]);
        format!("/live{}", query(all))
    }

    async fn turned_away(&mut self, response: Response<Incoming>) -> Ended {
        let answer = match Answer::read(response).await {
            Ok(answer) => answer,
            Err(error) => {
                return Ok(End::Lost { cause: error.cause().to_owned(), retry_after: None });
            }
        };
        let cause = Problem::of(&answer).text();
        if answer.status.is_server_error() || answer.status.as_u16() == 429 {
            self.has_answered = true;
            return Ok(End::Lost { cause, retry_after: answer.retry_after });
        }
        Err(CommandError::Refused(cause))
    }

    /// Prints what one connection brings, up to its end.
    async fn read(&mut self, response: Response<Incoming>) -> Ended {
        let mut body = response.into_body();
        let mut parser = SseParser::default();
        let lost = |cause: &str| Ok(End::Lost { cause: cause.to_owned(), retry_after: None });
        loop {
            let frame = match tokio::time::timeout(SILENCE_MAX, body.frame()).await {
                Err(_) => return lost("the server has been silent for too long"),
                Ok(None) => return lost("the server has closed the connection"),
                Ok(Some(Err(error))) => {
                    return lost(&format!("the connection broke: {}", root_cause(&error)));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(piece) = frame.into_data() else { continue };
            let Ok(messages) = parser.push(&piece) else {
                return Err(
                    anyhow!("the server sent a message that is longer than any event").into()
                );
            };
            if let Some(end) = self.take(&messages).await? {
                return Ok(end);
            }
        }
    }

    /// Takes the messages of one piece: one write and one flush for all of them.
    async fn take(&mut self, messages: &[SseMessage]) -> Result<Option<End>, CommandError> {
        let mut out = Vec::new();
        let mut cursor = self.cursor.clone();
        let mut end = None;
        for sse in messages {
            let message = LiveMessage::read(&sse.data)?;
            match message.kind.as_ref() {
                "event" => {
                    self.put_event(&mut out, &sse.data, &message);
                    self.away.iter_mut().for_each(|away| away.n_missed += 1);
                }
                // Until the first event comes, this is where we are, if we began at `now`.
                "hello" if cursor.is_none() && self.args.since == "now" => cursor = message.head(),
                "caught_up" => {
                    if let Some(away) = self.away.take() {
                        say(&away.line());
                    }
                }
                "gap" => {
                    self.away.iter_mut().for_each(|away| away.n_gaps += 1);
                    say(&format!("warning: {}", message.gap_line()));
                }
                "bye" => {
                    // It names a place even when no event of the filter has come yet.
                    cursor = message.cursor().or(cursor);
                    end = Some(message.bye());
                }
                _ => {}
            }
            if !sse.id.is_empty() {
                cursor = Some(sse.id.clone());
            }
            if self.n_left == Some(0) {
                end = Some((None, None));
            }
            if end.is_some() {
                break;
            }
        }
        if !out.is_empty() && !write(out).await? {
            return Ok(Some(End::Done));
        }
        self.cursor = cursor;
        Ok(end.map(|(cause, retry_after)| match cause {
            Some(cause) => End::Lost { cause, retry_after },
            None => End::Done,
        }))
    }

    fn put_event(&mut self, out: &mut Vec<u8>, text: &[u8], message: &LiveMessage<'_>) {
        if self.json {
            out.extend_from_slice(text);
        } else {
            out.extend_from_slice(event_line(message).as_bytes());
        }
        out.push(b'\n');
        self.n_left = self.n_left.map(|n_left| n_left - 1);
    }
}

/// Only our own server answers with events; anything else would be read for ever without a word.
fn check_type(response: &Response<Incoming>) -> anyhow::Result<()> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    anyhow::ensure!(
        kind.is_some_and(|kind| kind.starts_with("text/event-stream")),
        "the answer is no stream of events, but {}: check --url and EYAS_URL",
        printable(kind.unwrap_or("of an unknown type"))
    );
    Ok(())
}

/// Writes to stdout; `false` when nobody reads it any more. On a thread of its own, so that a reader who
/// has stopped reading does not keep Ctrl-C from being heard.
async fn write(bytes: Vec<u8>) -> anyhow::Result<bool> {
    let written = tokio::task::spawn_blocking(move || {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&bytes).and_then(|()| stdout.flush())
    });
    match written.await.context("the writer of stdout has panicked")? {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to stdout"),
    }
}

fn say(words: &str) {
    // A closed stderr is no reason to stop following.
    let _ = writeln!(io::stderr(), "{words}");
}

//! What an import asks the server, again and again where that helps.
//!
//! | what happened | what is done |
//! |---|---|
//! | no connection, a broken one, 429, any 5xx | asked again after a pause, for a minute without an answer |
//! | no connection at the very first contact | the end: the address is probably wrong |
//! | any other refusal | handed to whoever asked |

use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::client::{Answer, Client, ClientError, Problem};
use crate::commands::backoff::Backoff;
use crate::commands::import::format::RowFormat;
use crate::commands::query::{encode, query};
use crate::exit::CommandError;

/// How long a server that does not answer is waited for, from its first silence on.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a cancellation may take: somebody waits for the end of the command.
const CANCEL_WAIT: Duration = Duration::from_secs(5);
/// Errors asked for at once.
const ERRORS_PAGE: &str = "1000";

/// How a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Takes bytes.
    Receiving,
    /// Waits for its turn.
    Queued,
    /// Goes into the database.
    Applying,
    /// Is there.
    Committed,
    /// Was refused.
    Rejected,
    /// Was ended by somebody.
    Cancelled,
}

impl State {
    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Queued => "queued",
            Self::Applying => "applying",
            Self::Committed => "committed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will happen to it any more.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Committed | Self::Rejected | Self::Cancelled)
    }
}

/// A batch, as far as an import cares.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Batch {
    /// Its id.
    pub(crate) id: String,
    /// How it stands.
    pub(crate) state: State,
    /// Rows received.
    pub(crate) rows: u64,
    /// Rows handed to the database.
    pub(crate) rows_applied: u64,
    /// Rows that are wrong.
    pub(crate) errors: u64,
    /// Why it stands so.
    pub(crate) detail: Option<String>,
    /// The batch that brought the same rows before.
    pub(crate) same_as: Option<String>,
    /// The server has kept its rows; one that does not say so has not.
    #[serde(default)]
    pub(crate) rows_kept: bool,
    /// Where its upload goes on.
    pub(crate) upload_offset: Option<u64>,
}

/// A table of the server.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: String,
    /// Its columns.
    pub(crate) columns: Vec<Column>,
    /// Those that it refers to.
    pub(crate) references: Vec<String>,
}

/// A column of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// What it takes.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[derive(Deserialize)]
struct Tables {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Batches {
    batches: Vec<Batch>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RowError {
    /// Its line, from 1.
    pub(crate) line: u64,
    /// The member at fault.
    pub(crate) pointer: String,
    /// A sentence.
    pub(crate) detail: String,
}

/// Some of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Errors {
    /// As the server wrote them.
    pub(crate) errors: Vec<Box<RawValue>>,
    next: Option<String>,
}

/// What a dry run found.
#[derive(Debug, Deserialize)]
pub(crate) struct Tried {
    /// Rows that were read.
    pub(crate) rows: u64,
    /// The first that are wrong.
    pub(crate) errors: Vec<Box<RawValue>>,
    /// All that are.
    pub(crate) n_errors: u64,
}

/// Waits between attempts, until the patience is over.
#[derive(Debug)]
pub(crate) struct Patience {
    backoff: Backoff,
    give_up_at: Option<Instant>,
    has_met: bool,
}

impl Patience {
    /// Nobody has answered yet.
    pub(crate) const fn new() -> Self {
        Self { backoff: Backoff::new(), give_up_at: None, has_met: false }
    }

    /// The server has answered.
    pub(crate) const fn renew(&mut self) {
        (self.backoff, self.give_up_at, self.has_met) = (Backoff::new(), None, true);
    }

    /// Waits before the next attempt; the end where that has no sense any more.
    async fn wait(&mut self, server: &Server<'_>, failure: &Failure) -> Result<(), CommandError> {
        let wait = self.backoff.next(failure.retry_after);
        let give_up_at = *self.give_up_at.get_or_insert_with(|| Instant::now() + PATIENCE);
        let is_hopeless = !self.has_met && failure.is_absent;
        if is_hopeless || Instant::now() + wait > give_up_at {
            let cause = &failure.cause;
            let again = "the same command goes on where the server stands then";
            let cause = if is_hopeless { cause.clone() } else { format!("{cause}; {again}") };
            return Err(server.client.unreachable(&cause));
        }
        (server.say)(&format!("{}; asking again in {:.1} s", failure.cause, wait.as_secs_f64()));
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// No answer that means anything.
pub(crate) struct Failure {
    cause: String,
    retry_after: Option<Duration>,
    is_absent: bool,
}

/// The server, asked in the words of an import.
pub(crate) struct Server<'a> {
    /// To whom.
    pub(crate) client: &'a Client,
    /// Takes words for people.
    pub(crate) say: &'a (dyn Fn(&str) + Send + Sync),
}

impl Server<'_> {
    /// Its tables.
    pub(crate) async fn tables(&self, patience: &mut Patience) -> Result<Vec<Table>, CommandError> {
        let answer = self.ask(patience, Method::GET, "/tables", &[]).await?;
        Ok(read::<Tables>(&good(&answer)?.body)?.tables)
    }

    /// The batch with this key, of our own application.
    pub(crate) async fn with_key(
        &self,
        patience: &mut Patience,
        table: &str,
        key: &str,
    ) -> Result<Option<Batch>, CommandError> {
        let path = format!("/batches{}", query([("table", table), ("idempotency_key", key)]));
        let answer = self.ask(patience, Method::GET, &path, &[]).await?;
        Ok(read::<Batches>(&good(&answer)?.body)?.batches.into_iter().next())
    }

    /// How this batch stands.
    pub(crate) async fn batch(
        &self,
        patience: &mut Patience,
        id: &str,
    ) -> Result<Batch, CommandError> {
        let answer = self.ask(patience, Method::GET, &batch_path(id), &[]).await?;
        read(&good(&answer)?.body)
    }

    /// Begins an upload. `None` where the answer says that the key is taken: it has to be looked up again.
    pub(crate) async fn begin(
        &self,
        patience: &mut Patience,
        table: &str,
        format: RowFormat,
        (key, label): (&str, Option<&str>),
    ) -> Result<Option<Batch>, CommandError> {
        let path = batches_path(table, label.map(|label| ("label", label)));
        let headers = [
            ("content-type", format.content_type()),
            ("idempotency-key", key),
            ("upload-complete", "?0"),
        ];
        let answer = self.ask(patience, Method::POST, &path, &headers).await?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(None);
        }
        read(&good(&answer)?.body).map(Some)
    }

    /// Has the kept rows of a rejected batch checked and stored again. `None` where the server has not kept them after all, or they
    /// are wrong by what it takes now.
    pub(crate) async fn revalidate(
        &self,
        patience: &mut Patience,
        id: &str,
    ) -> Result<Option<Batch>, CommandError> {
        let path = format!("{}/revalidate", batch_path(id));
        let answer = self.ask(patience, Method::POST, &path, &[]).await?;
        if matches!(answer.status, StatusCode::GONE | StatusCode::UNPROCESSABLE_ENTITY) {
            return Ok(None);
        }
        read(&good(&answer)?.body).map(Some)
    }

    /// Sends the next bytes of a batch, once.
    pub(crate) async fn send(
        &self,
        id: &str,
        offset: u64,
        is_last: bool,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let offset = offset.to_string();
        let headers = [
            ("content-type", "application/partial-upload"),
            ("upload-offset", offset.as_str()),
            ("upload-complete", if is_last { "?1" } else { "?0" }),
        ];
        judge(self.client.ask(Method::PATCH, &batch_path(id), &headers, body).await)
    }

    /// A page of what is wrong with the rows of a batch, and where the next one begins.
    pub(crate) async fn errors(
        &self,
        patience: &mut Patience,
        id: &str,
        after: Option<&str>,
    ) -> Result<(Errors, Option<String>), CommandError> {
        let after = after.map(|after| ("after", after));
        let parameters = query([("limit", ERRORS_PAGE)].into_iter().chain(after));
        let path = format!("{}/errors{parameters}", batch_path(id));
        let answer = self.ask(patience, Method::GET, &path, &[]).await?;
        let mut errors: Errors = read(&good(&answer)?.body)?;
        let next = errors.next.take();
        Ok((errors, next))
    }

    /// Waits after a failed [`send`](Self::send), then looks how the batch stands.
    pub(crate) async fn look_again(
        &self,
        patience: &mut Patience,
        id: &str,
        failure: &Failure,
    ) -> Result<Batch, CommandError> {
        patience.wait(self, failure).await?;
        // Its answer renews the patience only where the next bytes are taken: else a server that breaks off each
        // upload would be asked for ever.
        let give_up_at = patience.give_up_at;
        let batch = self.batch(patience, id).await;
        patience.give_up_at = give_up_at;
        batch
    }

    /// Ends an upload that nobody will go on with. Asked once; where that fails, the server gives it up after a day.
    pub(crate) async fn cancel(&self, id: &str) {
        let path = batch_path(id);
        let asked = self.client.ask(Method::DELETE, &path, &[], Bytes::new());
        let answer = tokio::time::timeout(CANCEL_WAIT, asked).await;
        if matches!(answer, Ok(Ok(answer)) if answer.status.is_success()) {
            (self.say)(&format!("the upload {id} was cancelled: nothing of it is stored"));
        } else {
            (self.say)(&format!("the upload {id} is still open: `DELETE {path}` ends it"));
        }
    }

    async fn ask(
        &self,
        patience: &mut Patience,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Answer, CommandError> {
        loop {
            match judge(self.client.ask(method.clone(), path, headers, Bytes::new()).await) {
                Ok(answer) => {
                    patience.renew();
                    return Ok(answer);
                }
                Err(failure) => patience.wait(self, &failure).await?,
            }
        }
    }
}

/// `/tables/{table}/batches`, with a parameter.
pub(crate) fn batches_path(table: &str, parameter: Option<(&str, &str)>) -> String {
    let mut path = "/tables/".to_owned();
    encode(&mut path, table);
    path + "/batches" + &query(parameter)
}

fn batch_path(id: &str) -> String {
    let mut path = "/batches/".to_owned();
    encode(&mut path, id);
    path
}

/// What is no answer at all, or none of this request.
pub(crate) fn judge(asked: Result<Answer, ClientError>) -> Result<Answer, Failure> {
    match asked {
        Ok(answer)
            if answer.status.is_server_error()
                || answer.status == StatusCode::TOO_MANY_REQUESTS
                || answer.status == StatusCode::REQUEST_TIMEOUT =>
        {
            let cause = Problem::of(&answer).text();
            Err(Failure { cause, retry_after: answer.retry_after, is_absent: false })
        }
        Ok(answer) => Ok(answer),
        Err(error) => {
            let is_absent = matches!(error, ClientError::Connect(_));
            Err(Failure { cause: error.cause().to_owned(), retry_after: None, is_absent })
        }
    }
}

impl Failure {
    /// The server is there, and has something else to do.
    pub(crate) fn busy(problem: &Problem) -> Self {
        Self { cause: problem.text(), retry_after: None, is_absent: false }
    }

    /// The end of the command, where it is not asked again.
    pub(crate) fn into_error(self, client: &Client) -> CommandError {
        client.unreachable(&self.cause)
    }
}

/// An answer that is a success, or the end.
pub(crate) fn good(answer: &Answer) -> Result<&Answer, CommandError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(CommandError::Refused(format!("the server refused: {}", Problem::of(answer).text())))
}

/// The body of an answer.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, CommandError> {
    serde_json::from_slice(body).map_err(|error| {
        CommandError::Failed(anyhow::anyhow!(
            "the answer is none of this version of the server: {error}"
        ))
    })
}

//! The bytes of one batch, part by part: each is whole on the server's disk before the next one goes.
//!
//! ```text
//! source: |---------- durable ----------|== part ==|........
//!                                       ^ start    ^ what was read
//! ```
//!
//! The server says up to where the rows are whole; what stands behind that goes again at the head of the next part.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Context as _;
use bytes::Bytes;
use hyper::StatusCode;

use crate::client::{Answer, Problem};
use crate::commands::import::bar::Bar;
use crate::commands::import::server::{Batch, Failure, Patience, Server, State, good, read};
use crate::commands::import::source::Source;
use crate::exit::CommandError;

/// One part. A row has at most 1 MiB, so each part holds the end of one.
pub(crate) const PART_BYTES: usize = 4 << 20;

/// Why an upload was left where it is.
#[derive(Debug)]
pub(crate) struct UploadError {
    /// What a person is told.
    pub(crate) error: CommandError,
    /// The fault is in the rows: the same command cannot go on with this upload.
    pub(crate) is_final: bool,
}

impl From<CommandError> for UploadError {
    fn from(error: CommandError) -> Self {
        Self { error, is_final: false }
    }
}

/// A failure of the system, as of a disk, may pass; what a file holds stays.
fn cannot_read(error: io::Error) -> UploadError {
    let is_final = error.raw_os_error().is_none();
    let error = anyhow::Error::from(error).context("cannot read the rows");
    UploadError { error: error.into(), is_final }
}

/// What has been read and is not known to be durable.
struct Part {
    rows: Option<Box<dyn Read + Send>>,
    bytes: Vec<u8>,
    start: u64,
    is_last: bool,
}

impl Part {
    fn open(source: &mut Source, start: u64, n_read: &Arc<AtomicU64>) -> Result<Self, UploadError> {
        let rows = tokio::task::block_in_place(|| source.open(start, n_read));
        let rows = Some(rows.map_err(cannot_read)?);
        Ok(Self { rows, bytes: Vec::new(), start, is_last: false })
    }

    /// Reads until it is full. On a thread of its own: a pipe may keep us waiting.
    async fn fill(&mut self) -> Result<(), UploadError> {
        let Some(mut rows) = self.rows.take() else { return Ok(()) };
        let mut bytes = std::mem::take(&mut self.bytes);
        let reading = tokio::task::spawn_blocking(move || {
            let room = PART_BYTES.saturating_sub(bytes.len()) as u64;
            let n_read = (&mut rows).take(room).read_to_end(&mut bytes)?;
            Ok::<_, io::Error>((rows, bytes, (n_read as u64) < room))
        });
        let read = reading.await.context("reading panicked").map_err(CommandError::from)?;
        let (rows, bytes, is_last) = read.map_err(cannot_read)?;
        (self.bytes, self.is_last) = (bytes, is_last);
        self.rows = (!is_last).then_some(rows);
        Ok(())
    }

    /// Goes on at `offset`; `false` where that is none of its bytes. How many rows ended before it.
    fn go_on(&mut self, offset: u64) -> Option<u64> {
        let n_bytes = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let gone = self.bytes.get(..n_bytes)?;
        let n_rows = gone.split(|&sign| sign == b'\n').count() as u64 - 1;
        self.bytes.drain(..n_bytes);
        self.start = offset;
        Some(n_rows)
    }
}

/// Sends what a batch in state `receiving` lacks. How it stands after that, and what the server said.
pub(crate) async fn upload(
    server: &Server<'_>,
    patience: &mut Patience,
    batch: &Batch,
    source: &mut Source,
    bar: &Bar,
) -> Result<Batch, UploadError> {
    let n_read = Arc::new(AtomicU64::new(0));
    let mut n_rows = batch.rows;
    let mut part = Part::open(source, batch.upload_offset.unwrap_or(0), &n_read)?;
    bar.sends(source.total());
    loop {
        part.fill().await?;
        let body = Bytes::copy_from_slice(&part.bytes);
        let sent = server.send(&batch.id, part.start, part.is_last, body).await;
        let offset = match sent.map(|answer| taken(&answer)) {
            Ok(Taken::Whole(batch)) => return Ok(batch?),
            Ok(Taken::UpTo(offset)) if offset > part.start || part.bytes.is_empty() => {
                patience.renew();
                offset
            }
            Ok(Taken::UpTo(_)) => {
                let error = anyhow::anyhow!(
                    "the server takes none of {PART_BYTES} bytes: is there a row longer than 1 MiB?"
                );
                return Err(UploadError { error: error.into(), is_final: true });
            }
            Ok(Taken::Elsewhere(failure)) | Err(failure) => {
                let seen = server.look_again(patience, &batch.id, &failure).await?;
                let (State::Receiving, Some(offset)) = (seen.state, seen.upload_offset) else {
                    return Ok(seen);
                };
                n_rows = seen.rows;
                offset
            }
        };
        match part.go_on(offset) {
            Some(n_more) => n_rows += n_more,
            None => part = Part::open(source, offset, &n_read)?,
        }
        bar.sent(n_read.load(Relaxed), n_rows);
    }
}

enum Taken {
    /// The body was whole: this is what became of it.
    Whole(Result<Batch, CommandError>),
    /// Durable up to here.
    UpTo(u64),
    /// Not now, or not there.
    Elsewhere(Failure),
}

fn taken(answer: &Answer) -> Taken {
    if answer.status == StatusCode::NO_CONTENT {
        let offset = answer.headers.get("upload-offset").and_then(|offset| offset.to_str().ok());
        return match offset.and_then(|offset| offset.parse().ok()) {
            Some(offset) => Taken::UpTo(offset),
            None => Taken::Whole(Err(CommandError::Refused(
                "the server did not say how far the upload is".to_owned(),
            ))),
        };
    }
    let problem = Problem::of(answer);
    match problem.code.as_str() {
        "rows_rejected" => {
            #[derive(serde::Deserialize)]
            struct Rejected {
                batch: Batch,
            }
            Taken::Whole(read::<Rejected>(&answer.body).map(|rejected| rejected.batch))
        }
        // Where it came to its end another way, a look at it tells.
        "wrong_offset" | "upload_busy" | "upload_over" | "batch_cancelled" => {
            Taken::Elsewhere(Failure::busy(&problem))
        }
        _ => Taken::Whole(good(answer).and_then(|answer| read(&answer.body))),
    }
}

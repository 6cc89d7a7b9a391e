//! A file or standard input, cut into requests of NDJSON lines.
//!
//! ```text
//! file or stdin -> thread that reads blocks -> Splitter (lines) -> Batch (one request)
//! ```
//!
//! Invariant: memory is bounded whatever the input: a few blocks, one line, one batch. A line's bytes go
//! out as they came in, except that an event without an id gets one (see [`push_event`]).

use std::io::{self, Read};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The longest line that is sent.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;
/// The longest request.
const REQUEST_BYTES_MAX: usize = 8 << 20;
/// `"id":"<uuid>",` and the line feed.
const ID_BYTES_MAX: usize = 64;
/// How much is read at once.
const BLOCK_BYTES: usize = 256 << 10;
/// How many blocks may be read ahead of the sending.
const N_BLOCKS_MAX: usize = 4;
/// How long a line waits for others to share its request, so that a slow pipe is sent as it comes.
const LINGER: Duration = Duration::from_millis(100);

/// The lines of one request.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The request's body.
    pub(crate) body: Vec<u8>,
    /// For each line of `body`, its number in the input, from 1.
    pub(crate) numbers: Vec<u64>,
    /// Lines that are too long to be sent: number and length in bytes.
    pub(crate) too_long: Vec<(u64, u64)>,
    /// How many bytes of the input have been cut into lines so far.
    pub(crate) input_bytes: u64,
}

/// The requests of one input, in order.
#[derive(Debug)]
pub(crate) struct Batches {
    blocks: mpsc::Receiver<io::Result<Vec<u8>>>,
    splitter: Splitter,
    lines_max: usize,
    gives_ids: bool,
}

impl Batches {
    /// Reads `input` on a thread of its own, because a read of a terminal or pipe may never come back.
    /// That thread ends with the input, or with the process.
    pub(crate) fn new(
        input: impl Read + Send + 'static,
        lines_max: usize,
        gives_ids: bool,
    ) -> Self {
        let (sender, blocks) = mpsc::channel(N_BLOCKS_MAX);
        tokio::task::spawn_blocking(move || read_blocks(input, &sender));
        Self { blocks, splitter: Splitter::default(), lines_max, gives_ids }
    }

    /// The next request, never an empty one; `None` at the end of the input.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Batch>> {
        let mut batch = Batch::default();
        // Starts when the first line is there.
        let mut linger = None;
        loop {
            while let Some((number, line)) = self.splitter.next_line() {
                batch.push(number, line, self.gives_ids);
                if batch.is_full(self.lines_max) {
                    break;
                }
            }
            batch.input_bytes = self.splitter.cut_bytes;
            if batch.is_full(self.lines_max) {
                return Ok(Some(batch));
            }
            if self.splitter.is_ended {
                return Ok((!batch.is_empty()).then_some(batch));
            }
            let block = if batch.is_empty() {
                self.blocks.recv().await
            } else {
                let until = *linger.get_or_insert_with(|| tokio::time::Instant::now() + LINGER);
                match tokio::time::timeout_at(until, self.blocks.recv()).await {
                    Ok(block) => block,
                    Err(_) => return Ok(Some(batch)),
                }
            };
            match block {
                Some(block) => self.splitter.feed(&block?),
                None => self.splitter.end(),
            }
        }
    }
}

fn read_blocks(mut input: impl Read, blocks: &mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = vec![0; BLOCK_BYTES];
        let read = match input.read(&mut block) {
            Ok(0) => return,
            Ok(n_bytes) => {
                block.truncate(n_bytes);
                Ok(block)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = read.is_err();
        // Nobody listens any more: the command has ended.
        if blocks.blocking_send(read).is_err() || is_last {
            return;
        }
    }
}

impl Batch {
    fn push(&mut self, number: u64, line: Line<'_>, gives_ids: bool) {
        let text = match line {
            Line::Text(text) => text,
            Line::TooLong(size_bytes) => return self.too_long.push((number, size_bytes)),
        };
        if text.trim_ascii().is_empty() {
            return;
        }
        if gives_ids {
            push_event(&mut self.body, text, Uuid::now_v7);
        } else {
            self.body.extend_from_slice(text);
        }
        self.body.push(b'\n');
        self.numbers.push(number);
    }

    /// Number of its first line.
    pub(crate) fn first(&self) -> u64 {
        let too_long = self.too_long.first().map(|&(number, _)| number);
        self.numbers.first().copied().into_iter().chain(too_long).min().unwrap_or_default()
    }

    /// Number of its last line that is sent.
    pub(crate) fn last(&self) -> u64 {
        self.numbers.last().copied().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.too_long.is_empty()
    }

    /// The next line might not fit.
    fn is_full(&self, lines_max: usize) -> bool {
        self.numbers.len() + self.too_long.len() >= lines_max
            || self.body.len() + LINE_BYTES_MAX + ID_BYTES_MAX > REQUEST_BYTES_MAX
    }
}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Its bytes.
    Text(&'a [u8]),
    /// It is longer than [`LINE_BYTES_MAX`]; this is how long.
    TooLong(u64),
}

/// Cuts blocks into lines. Lines end with LF or CRLF, the last one also with the input.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    rest: Vec<u8>,
    /// Where the next line begins in `rest`.
    start: usize,
    /// There is no LF between `start` and here.
    searched: usize,
    /// What was dropped already of a line that is too long.
    dropped_bytes: u64,
    n_lines: u64,
    cut_bytes: u64,
    is_ended: bool,
}

impl Splitter {
    /// Takes the next block. All complete lines have been taken out before.
    pub(crate) fn feed(&mut self, block: &[u8]) {
        self.rest.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if self.rest.len() > LINE_BYTES_MAX + 1 {
            self.dropped_bytes += self.rest.len() as u64;
            self.rest.clear();
            self.searched = 0;
        }
        self.rest.extend_from_slice(block);
    }

    /// Says that nothing more comes.
    pub(crate) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next complete line and its number, from 1.
    pub(crate) fn next_line(&mut self) -> Option<(u64, Line<'_>)> {
        let found = self.rest[self.searched..].iter().position(|&byte| byte == b'\n');
        let (end, next) = match found {
            Some(at) => (self.searched + at, self.searched + at + 1),
            None if self.is_ended
                && self.rest.len() as u64 + self.dropped_bytes > self.start as u64 =>
            {
                (self.rest.len(), self.rest.len())
            }
            None => {
                self.searched = self.rest.len();
                return None;
            }
        };
        let range = self.start..end;
        self.cut_bytes += self.dropped_bytes + (next - self.start) as u64;
        self.n_lines += 1;
        let dropped_bytes = std::mem::take(&mut self.dropped_bytes);
        (self.start, self.searched) = (next, next);
        let mut text = &self.rest[range];
        if self.n_lines == 1 {
            // Some editors put a byte order mark before the first line; it is no part of the event.
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        text = text.strip_suffix(b"\r").unwrap_or(text);
        let size_bytes = dropped_bytes + text.len() as u64;
        let is_too_long = size_bytes > LINE_BYTES_MAX as u64;
        let line = if is_too_long { Line::TooLong(size_bytes) } else { Line::Text(text) };
        Some((self.n_lines, line))
    }
}

/// Appends `line` to `out`. An event without an id (or with `null` for one) gets `new_id`, so that it can
/// be sent again without being stored twice: right behind its opening brace, or in place of the `null`. No
/// other byte changes. What is no JSON object stays as it is: the server says best what is wrong with it.
pub(crate) fn push_event(out: &mut Vec<u8>, line: &[u8], new_id: impl FnOnce() -> Uuid) {
    let brace = line.iter().position(|byte| !byte.is_ascii_whitespace());
    let Some(brace) = brace.filter(|&at| line[at] == b'{') else {
        return out.extend_from_slice(line);
    };
    let (at, text) = match head(line) {
        Some(Head { id: None }) => {
            let is_empty = line[brace + 1..].trim_ascii_start().starts_with(b"}");
            let comma = if is_empty { "" } else { "," };
            (brace + 1..brace + 1, format!("\"id\":\"{}\"{comma}", new_id()))
        }
        Some(Head { id: Some(id) }) if id.get() == "null" => {
            // The value was borrowed from the line, so its place in memory tells its place in the line.
            let at = id.get().as_ptr().addr() - line.as_ptr().addr();
            (at..at + id.get().len(), format!("\"{}\"", new_id()))
        }
        Some(_) | None => return out.extend_from_slice(line),
    };
    out.extend_from_slice(&line[..at.start]);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&line[at.end..]);
}

/// What matters of an event here.
#[derive(Deserialize)]
struct Head<'a> {
    /// Its text, also when it is `null`.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// `None` when the line is no JSON. Checked as UTF-8 first: `serde_json` skips strings without looking.
fn head(line: &[u8]) -> Option<Head<'_>> {
    serde_json::from_str(std::str::from_utf8(line).ok()?).ok()
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

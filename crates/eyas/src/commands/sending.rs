//! A whole input on its way to the server: batch after batch, with progress, to a summary.
//!
//! Invariant: line numbers in messages are those of the input, and the counts in the summary are those of
//! the server's answers.

use std::io::{self, Write as _};
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use indicatif::HumanCount;
use serde_json::json;

use crate::client::{Answer, Client, Problem};
use crate::commands::delivery::{Delivery, Undelivered};
use crate::commands::lines::{Batch, Batches, LINE_BYTES_MAX};
use crate::commands::progress::Progress;
use crate::commands::receipt::Receipt;
use crate::exit::CommandError;
use crate::printable::printable;

/// The sending of one input.
pub(crate) struct Sending<'a> {
    client: &'a Client,
    path: String,
    name: String,
    has_ids: bool,
    skips: bool,
    progress: Progress,
    total: Total,
}

/// What the server has said so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) refused: u64,
    pub(crate) first_seq: Option<u64>,
    pub(crate) last_seq: Option<u64>,
}

impl<'a> Sending<'a> {
    /// `path` is where requests go, `name` what the input is called, `size_bytes` how long it is if known.
    /// With `has_ids` each event has an id; with `skips` refused lines do not end the sending.
    pub(crate) fn new(
        client: &'a Client,
        path: String,
        name: String,
        size_bytes: Option<u64>,
        has_ids: bool,
        skips: bool,
    ) -> Self {
        let progress = Progress::new(size_bytes);
        Self { client, path, name, has_ids, skips, progress, total: Total::default() }
    }

    /// Sends it all. The summary goes to stdout however it ends.
    pub(crate) async fn run(
        mut self,
        mut batches: Batches,
        json: bool,
    ) -> Result<(), CommandError> {
        let started = Instant::now();
        let sent = self.all(&mut batches).await;
        self.progress.clear();
        let seconds = started.elapsed().as_secs_f64();
        let summary = if json { self.total.json(seconds) } else { self.total.line(seconds) };
        writeln!(io::stdout(), "{summary}").context("cannot write to stdout")?;
        sent?;
        if self.total.refused > 0 {
            let text = match self.total.refused {
                1 => format!("1 line of {} was refused, see above", self.name),
                n => format!("{} lines of {} were refused, see above", HumanCount(n), self.name),
            };
            return Err(CommandError::Refused(text));
        }
        Ok(())
    }

    async fn all(&mut self, batches: &mut Batches) -> Result<(), CommandError> {
        let mut is_first = true;
        loop {
            let batch =
                batches.next().await.with_context(|| format!("cannot read {}", self.name))?;
            let Some(mut batch) = batch else { return Ok(()) };
            self.note_too_long(&batch)?;
            let input_bytes = batch.input_bytes;
            if !batch.numbers.is_empty() {
                let body = Bytes::from(std::mem::take(&mut batch.body));
                self.one(&batch, body, is_first).await?;
                is_first = false;
            }
            self.progress.moved(input_bytes, self.total.accepted);
        }
    }

    /// A line that is too long counts as refused: it would be, and sending it could only take memory.
    fn note_too_long(&mut self, batch: &Batch) -> Result<(), CommandError> {
        for &(number, size_bytes) in &batch.too_long {
            self.total.refused += 1;
            let text = format!(
                "line {number} of {} has {} bytes, more than the {} that one event may have",
                self.name,
                HumanCount(size_bytes),
                HumanCount(LINE_BYTES_MAX as u64)
            );
            if !self.skips {
                return Err(CommandError::Refused(self.stopped(&text, batch)));
            }
            self.progress.say(&text);
        }
        Ok(())
    }

    async fn one(
        &mut self,
        batch: &Batch,
        body: Bytes,
        is_first: bool,
    ) -> Result<(), CommandError> {
        let progress = &self.progress;
        let delivery = Delivery {
            client: self.client,
            path: self.path.clone(),
            content_type: "application/x-ndjson",
            is_repeatable: self.has_ids,
            say: &|words| progress.say(words),
        };
        match delivery.send(body, is_first).await {
            Ok(answer) => self.taken(batch, &answer),
            Err(Undelivered::Refused(problem)) if self.skips && !problem.rejected.is_empty() => {
                self.count(batch, &Receipt::of_none(problem.rejected));
                Ok(())
            }
            Err(Undelivered::Refused(problem)) => Err(self.refused(batch, *problem)),
            Err(end @ Undelivered::GaveUp { .. }) => {
                let what = format!(
                    "the request with {} (after {} accepted events)",
                    self.lines(batch),
                    HumanCount(self.total.accepted)
                );
                Err(end.into_error(self.client, &what))
            }
        }
    }

    fn taken(&mut self, batch: &Batch, answer: &Answer) -> Result<(), CommandError> {
        let receipt = Receipt::read(&answer.body)?;
        self.count(batch, &receipt);
        Ok(())
    }

    fn count(&mut self, batch: &Batch, receipt: &Receipt) {
        self.total.add(receipt);
        for rejected in &receipt.rejected {
            let number = batch.numbers.get(rejected.index).map_or_else(String::new, u64::to_string);
            let words =
                format!("line {number} of {}: {} [{}]", self.name, rejected.detail, rejected.code);
            self.progress.say(&printable(&words));
        }
    }

    /// The end at a request that was refused as a whole.
    fn refused(&mut self, batch: &Batch, mut problem: Problem) -> CommandError {
        self.total.refused += 1;
        // The request has no blank lines, so its n-th line is its n-th event.
        let line = problem.position.and_then(|at| at.line.checked_sub(1));
        let number = line.and_then(|at| batch.numbers.get(at));
        // Only a line that is no JSON goes out as it is; in others an id may have moved the columns.
        let column = problem.position.and_then(|at| at.column);
        let column =
            column.filter(|_| problem.code == "invalid_json" || problem.code == "invalid_utf8");
        let what = match (number, column) {
            (Some(number), Some(column)) => {
                format!("line {number}, column {column} of {}", self.name)
            }
            (Some(number), None) => format!("line {number} of {}", self.name),
            (None, _) => self.lines(batch),
        };
        // Fewer events a request may be what is asked for, and that is a flag here.
        if problem.code == "too_many_events" || problem.code == "body_too_large" {
            "send fewer lines a request: --batch N".clone_into(&mut problem.hint);
        }
        let text = format!("{what}: {}", problem.text());
        CommandError::Refused(self.stopped(&text, batch))
    }

    /// What was stored of the input, so that nobody has to guess.
    fn stopped(&self, text: &str, batch: &Batch) -> String {
        let n_accepted = HumanCount(self.total.accepted);
        match batch.first() {
            _ if self.total.accepted == 0 => format!("{text}\nnothing was stored"),
            first => format!(
                "{text}\n{n_accepted} events before line {first} were accepted, none from there on"
            ),
        }
    }

    /// `line 7 of x.ndjson`, `lines 7 to 9 of x.ndjson`
    fn lines(&self, batch: &Batch) -> String {
        match (batch.first(), batch.last()) {
            (first, last) if first == last => format!("line {first} of {}", self.name),
            (first, last) => format!("lines {first} to {last} of {}", self.name),
        }
    }
}

impl Total {
    /// Adds what one answer says.
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        self.accepted += receipt.n_accepted();
        self.duplicates += receipt.n_duplicates();
        self.refused += receipt.rejected.len() as u64;
        if let Some((first, last)) = receipt.range() {
            self.first_seq = Some(self.first_seq.map_or(first, |seq| seq.min(first)));
            self.last_seq = self.last_seq.max(Some(last));
        }
    }

    /// `20,000 accepted (0 repetitions), 0 refused, 1.4 s, 14,286/s`
    pub(crate) fn line(&self, seconds: f64) -> String {
        let rate = self.accepted as f64 / seconds.max(0.001);
        format!(
            "{} accepted ({} repetitions), {} refused, {seconds:.1} s, {}/s",
            HumanCount(self.accepted),
            HumanCount(self.duplicates),
            HumanCount(self.refused),
            HumanCount(rate.round() as u64)
        )
    }

    /// The same for programs.
    pub(crate) fn json(&self, seconds: f64) -> String {
        json!({
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "seconds": (seconds * 1000.0).round() / 1000.0,
        })
        .to_string()
    }
}

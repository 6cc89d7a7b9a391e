//! What an import says at its end, and the file with everything that is wrong with the rows.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::HumanCount;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::commands::import::attempt::Outcome;
use crate::commands::import::server::{Patience, RowError, Server, State};
use crate::exit::CommandError;
use crate::printable::printable;

/// Errors that are shown.
const SHOWN: usize = 10;

/// All that one command did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    batches: Vec<Value>,
    lines: Vec<String>,
    /// Tables of a dump that the server does not have.
    pub(crate) skipped: Vec<String>,
    /// Tables of which a dump has no value.
    pub(crate) empty: Vec<String>,
    /// Statements by which a dump sets sequences, which nobody has run.
    pub(crate) sequences: Vec<String>,
}

impl Report {
    /// One more batch; `errors` is where what is wrong with it stands.
    pub(crate) fn add(&mut self, outcome: &Outcome, errors: Option<&Path>) {
        let Outcome { table, batch, is_repeated } = outcome;
        let state = batch.state.as_str();
        self.batches.push(json!({
            "table": table,
            "id": batch.id,
            "state": state,
            "rows": batch.rows,
            "errors": batch.errors,
            "repeated": is_repeated,
            "detail": batch.detail,
            "errors_file": errors.map(|path| path.to_string_lossy()),
        }));
        let rows = HumanCount(batch.rows);
        let words = if *is_repeated { "committed before, nothing was sent" } else { state };
        let words = format!("{words} ({})", batch.id);
        self.lines.push(printable(&format!("{table}: {rows} rows, {words}")));
    }

    /// For people, or for programs.
    pub(crate) fn text(&self, seconds: f64, json: bool) -> String {
        if json {
            let seconds = (seconds * 1000.0).round() / 1000.0;
            let (batches, skipped, empty) = (&self.batches, &self.skipped, &self.empty);
            return json!({
                "batches": batches, "skipped": skipped, "empty": empty,
                "sequences": self.sequences, "seconds": seconds,
            })
            .to_string();
        }
        let mut lines = self.lines.clone();
        for table in &self.empty {
            lines.push(printable(&format!("{table}: the dump has no values, nothing was sent")));
        }
        for table in &self.skipped {
            lines.push(printable(&format!("{table}: skipped, the server has no such table")));
        }
        lines.push(format!("{seconds:.1} s"));
        lines.join("\n")
    }

    /// What is left to do for the sequences of a dump.
    pub(crate) fn sequences(&self) -> Option<String> {
        let n_sequences = self.sequences.len();
        let mut lines = vec![format!(
            "the dump also sets {n_sequences} sequences, which an import does not; on PostgreSQL run this, or the next \
             row without a number may get one that is taken:"
        )];
        lines.extend(self.sequences.iter().map(|sql| format!("  {}", printable(sql))));
        (n_sequences > 0).then(|| lines.join("\n"))
    }
}

/// Writes all that is wrong with a rejected batch to `path` and shows the first of it. The end of the command.
pub(crate) async fn rejected(
    server: &Server<'_>,
    patience: &mut Patience,
    outcome: &Outcome,
    path: &Path,
) -> Result<CommandError, CommandError> {
    let Outcome { table, batch, .. } = outcome;
    let cannot = || format!("cannot write {}", path.display());
    let file = File::create(path).with_context(cannot)?;
    let mut file = BufWriter::new(file);
    let mut shown = Vec::new();
    let (mut after, mut n_errors) = (None, 0_usize);
    loop {
        let (page, next) = server.errors(patience, &batch.id, after.as_deref()).await?;
        for error in &page.errors {
            writeln!(file, "{error}").with_context(cannot)?;
            n_errors += 1;
            if shown.len() < SHOWN {
                shown.push(line(error));
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    file.flush().with_context(cannot)?;
    let why = batch.detail.as_deref().unwrap_or("rows are wrong");
    let head = printable(&format!("{table}: the batch was rejected: {why}; nothing is stored"));
    let mut lines = vec![head];
    lines.extend(shown.iter().map(|line| format!("  {line}")));
    match n_errors {
        0 => {}
        n if n <= SHOWN => lines.push(format!("also in {}", path.display())),
        n => lines.push(format!("  … all {} in {}", HumanCount(n as u64), path.display())),
    }
    if batch.rows_kept {
        let id = printable(&batch.id);
        lines.push(format!(
            "the server keeps the rows for a day: once the cause is mended, the same command stores them without sending them again; so do /ui/batches/{id} and POST /batches/{id}/revalidate"
        ));
    }
    Ok(CommandError::Rejected(lines.join("\n")))
}

/// `line 7, /price: is no number`
pub(crate) fn line(error: &RawValue) -> String {
    let Ok(RowError { line, pointer, detail }) = serde_json::from_str(error.get()) else {
        return printable(error.get());
    };
    let at = if pointer.is_empty() { String::new() } else { format!(", {pointer}") };
    printable(&format!("line {line}{at}: {detail}"))
}

/// Where the errors go: where somebody wants them, else beside the file.
pub(crate) fn errors_path(given: Option<&Path>, file: &Path) -> PathBuf {
    given.map_or_else(
        || {
            let name =
                if file.as_os_str() == "-" { "stdin".into() } else { file.as_os_str().to_owned() };
            let mut path = name;
            path.push(".errors.ndjson");
            PathBuf::from(path)
        },
        Path::to_path_buf,
    )
}

/// The end of a batch that is not there.
pub(crate) fn cancelled(outcome: &Outcome) -> CommandError {
    let why = outcome.batch.detail.as_deref().unwrap_or("somebody ended it");
    let (table, state) = (&outcome.table, State::Cancelled.as_str());
    CommandError::Rejected(printable(&format!("{table}: the batch was {state}: {why}")))
}

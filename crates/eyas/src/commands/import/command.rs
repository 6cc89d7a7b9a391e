//! `eyas import`: what is imported, in which order, and how it ends.

use std::io::{self, BufReader, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use uuid::Uuid;

use crate::cli_import::ImportArgs;
use crate::client::{Client, Server as Address};
use crate::commands::import::attempt::{self, Wanted};
use crate::commands::import::bar::Bar;
use crate::commands::import::choice::choose;
use crate::commands::import::copy_text::Spelling;
use crate::commands::import::dry_run;
use crate::commands::import::dump::{Block, Dump};
use crate::commands::import::format::{RowFormat, of_name, unpack};
use crate::commands::import::report::{self, Report, errors_path};
use crate::commands::import::server::{Patience, Server, State, Table};
use crate::commands::import::source::{Source, content_name};
use crate::exit::CommandError;
use crate::printable::printable;

/// Bytes of a dump read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Imports what the arguments name. The report goes to stdout, as JSON with `json`.
pub(crate) async fn run(
    args: &ImportArgs,
    address: &Address,
    json: bool,
) -> Result<(), CommandError> {
    let client = Client::new(address)?;
    let say = |words: &str| {
        // A closed stderr is no reason to stop.
        let _ = writeln!(io::stderr(), "{words}");
    };
    let server = Server { client: &client, say: &say };
    let mut patience = Patience::new();
    if args.dry_run {
        return dry_run::run(&client, args, json).await;
    }
    let mut report = Report::default();
    let wanted = if args.from_dump {
        from_dump(&server, &mut patience, args, &mut report).await?
    } else {
        vec![from_file(args)?]
    };
    let started = Instant::now();
    let done = all(&server, &mut patience, args, wanted, &mut report).await;
    let text = report.text(started.elapsed().as_secs_f64(), json);
    writeln!(io::stdout(), "{text}").context("cannot write to stdout")?;
    if let Some(sequences) = report.sequences() {
        say(&sequences);
    }
    done
}

/// One after the other: a table may refer to those before it.
async fn all(
    server: &Server<'_>,
    patience: &mut Patience,
    args: &ImportArgs,
    wanted: Vec<Wanted>,
    report: &mut Report,
) -> Result<(), CommandError> {
    let n_wanted = wanted.len();
    for (index, wanted) in wanted.into_iter().enumerate() {
        let bar = Bar::new(&wanted.table);
        let words = |words: &str| bar.say(words);
        let server = Server { client: server.client, say: &words };
        // What refers to a batch can only be checked once that is there.
        let waits = !args.no_wait || index + 1 < n_wanted;
        let outcome = attempt::run(&server, patience, wanted, &bar, waits).await;
        bar.clear();
        let outcome = outcome?;
        match outcome.batch.state {
            State::Rejected => {
                let path = errors_path(args.errors.as_deref(), &args.file);
                report.add(&outcome, Some(&path));
                return Err(report::rejected(&server, patience, &outcome, &path).await?);
            }
            State::Cancelled => {
                report.add(&outcome, None);
                return Err(report::cancelled(&outcome));
            }
            _ => report.add(&outcome, None),
        }
    }
    Ok(())
}

fn label(args: &ImportArgs) -> Option<String> {
    let name = || Some(args.file.file_name()?.to_string_lossy().into_owned());
    args.label.clone().or_else(name)
}

/// What the content of a file is called. The server keeps keys by table, so that the table is no part of it.
fn key_of_content(path: &Path) -> Result<String, CommandError> {
    let shown = || format!("cannot read {}", printable(&path.to_string_lossy()));
    let name = tokio::task::block_in_place(|| content_name(path)).with_context(shown)?;
    Ok(format!("import-{name}"))
}

fn from_file(args: &ImportArgs) -> Result<Wanted, CommandError> {
    let table = args.into.clone().unwrap_or_default();
    let (packing, format) = args.packing_and_format()?;
    // Without a key of somebody's, nobody finds the batch of a pipe again.
    let is_resumable = !args.is_input() || args.key.is_some();
    let (source, key) = if args.is_input() {
        let key = || format!("import-{}", Uuid::now_v7());
        (Source::Input { packing, is_open: false }, args.key.clone().unwrap_or_else(key))
    } else {
        let key = match &args.key {
            Some(key) => key.clone(),
            None => key_of_content(&args.file)?,
        };
        (Source::File { path: args.file.clone(), packing }, key)
    };
    Ok(Wanted { table, format, key, label: label(args), source, is_resumable })
}

/// The tables of a dump that the server has, each behind those that it refers to.
async fn from_dump(
    server: &Server<'_>,
    patience: &mut Patience,
    args: &ImportArgs,
    report: &mut Report,
) -> Result<Vec<Wanted>, CommandError> {
    if args.is_input() {
        return Err(CommandError::Usage(
            "a dump is read more than once: give its file, not standard input".to_owned(),
        ));
    }
    let (_, packing) = of_name(&args.file);
    let scan = || -> anyhow::Result<Dump> {
        let file = std::fs::File::open(&args.file)?;
        Ok(Dump::scan(BufReader::with_capacity(BLOCK_BYTES, unpack(packing, file)?))?)
    };
    let shown = printable(&args.file.to_string_lossy());
    let dump = tokio::task::block_in_place(scan).with_context(|| shown.clone())?;
    let tables = server.tables(patience).await?;
    let choice = choose(dump, &tables, args.schema.as_deref())
        .map_err(|why| CommandError::Usage(printable(&format!("{shown} {why}"))))?;
    (report.skipped, report.empty) = (choice.missing, choice.empty);
    report.sequences = choice.sequences;
    if !report.skipped.is_empty() && args.strict {
        let names = printable(&report.skipped.join(", "));
        return Err(CommandError::Refused(format!(
            "the server has no tables for {names} of {shown}: configure [tables.NAME], or leave out --strict"
        )));
    }
    if choice.wanted.is_empty() && report.empty.is_empty() {
        let schema = args.schema.as_ref().map(|name| format!(" in the schema {}", printable(name)));
        return Err(CommandError::Refused(format!(
            "{shown} has rows of no table{} that the server takes batches for; GET /tables lists them",
            schema.unwrap_or_default()
        )));
    }
    let content = match &args.key {
        Some(key) => key.clone(),
        None => key_of_content(&args.file)?,
    };
    let wanted = |block: Block| {
        let table = tables.iter().find(|table| table.name == block.name.table);
        let spellings = block.columns.iter().map(|column| spelling(table, column)).collect();
        Wanted {
            table: block.name.table.clone(),
            format: RowFormat::Ndjson,
            key: format!("{content}-{}", block.offset),
            label: label(args),
            source: Source::Table { path: args.file.clone(), packing, block, spellings },
            is_resumable: true,
        }
    };
    Ok(choice.wanted.into_iter().map(wanted).collect())
}

/// How the values of a column are written in JSON.
fn spelling(table: Option<&Table>, column: &str) -> Spelling {
    let column = table.and_then(|table| table.columns.iter().find(|known| known.name == column));
    match column.map(|column| column.kind.as_str()) {
        Some("int" | "float" | "decimal") => Spelling::Number,
        Some("bool") => Spelling::Bool,
        Some("json") => Spelling::Json,
        Some("timestamptz") => Spelling::Instant,
        _ => Spelling::Text,
    }
}

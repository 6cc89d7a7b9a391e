//! `eyas import --dry-run`: what the server would say, without a trace of it.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use indicatif::HumanCount;
use serde_json::json;
use tokio::sync::mpsc;

use crate::cli_import::ImportArgs;
use crate::client::Client;
use crate::commands::import::report;
use crate::commands::import::server::{Tried, batches_path, good, judge, read};
use crate::commands::import::source::Source;
use crate::exit::CommandError;
use crate::printable::printable;

/// Bytes of one piece.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that are read ahead of the sending.
const N_PIECES_MAX: usize = 4;

/// One request, read while it is sent.
pub(crate) async fn run(
    client: &Client,
    args: &ImportArgs,
    json: bool,
) -> Result<(), CommandError> {
    let (packing, format) = args.packing_and_format()?;
    let mut source = if args.is_input() {
        Source::Input { packing, is_open: false }
    } else {
        Source::File { path: args.file.clone(), packing }
    };
    let table = args.into.as_deref().unwrap_or_default();
    let n_read = Arc::default();
    let rows = tokio::task::block_in_place(|| source.open(0, &n_read));
    let mut rows = rows.context("cannot read the rows")?;
    let (give, pieces) = mpsc::channel(N_PIECES_MAX);
    let reading = tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            (&mut rows).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            // A server that has answered already wants no more.
            if piece.is_empty() || give.blocking_send(Bytes::from(piece)).is_err() {
                return Ok::<_, io::Error>(());
            }
        }
    });
    let path = batches_path(table, Some(("dry_run", "true")));
    let answer = judge(client.stream(&path, format.content_type(), pieces).await);
    reading.await.context("reading panicked")?.context("cannot read the rows")?;
    let answer = answer.map_err(|failure| failure.into_error(client))?;
    let tried: Tried = read(&good(&answer)?.body)?;
    let text = if json {
        let (rows, errors, n_errors) = (tried.rows, &tried.errors, tried.n_errors);
        json!({ "dry_run": true, "rows": rows, "errors": errors, "n_errors": n_errors }).to_string()
    } else {
        let (rows, n_errors) = (HumanCount(tried.rows), HumanCount(tried.n_errors));
        format!("{}: {rows} rows read, {n_errors} errors; nothing was stored", printable(table))
    };
    writeln!(io::stdout(), "{text}").context("cannot write to stdout")?;
    if tried.n_errors == 0 {
        return Ok(());
    }
    let lines: Vec<String> =
        tried.errors.iter().map(|error| format!("  {}", report::line(error))).collect();
    Err(CommandError::Rejected(format!("rows are wrong:\n{}", lines.join("\n"))))
}

//! Arguments of `eyas import`.

use std::path::PathBuf;

use clap::Args;

use crate::commands::import::format::{Packing, RowFormat, of_name};
use crate::exit::CommandError;
use crate::printable::printable;

/// What `import` imports, and where to.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ImportArgs {
    /// File of rows (.ndjson, .jsonl, .json, .csv, each also .gz or .zst), `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Table that the rows go into
    #[arg(long, value_name = "TABLE", required_unless_present = "from_dump")]
    pub(crate) into: Option<String>,

    /// FILE is a plain dump of `pg_dump`: each of its tables that the server has is imported
    #[arg(long, conflicts_with_all = ["into", "format", "dry_run"])]
    pub(crate) from_dump: bool,

    /// With --from-dump: a table that the server does not have is an error
    #[arg(long, requires = "from_dump")]
    pub(crate) strict: bool,

    /// With --from-dump: only tables of this schema of the dump [default: all schemas]
    #[arg(long, value_name = "NAME", requires = "from_dump")]
    pub(crate) schema: Option<String>,

    /// How the rows are written, where the name of the file does not say it
    #[arg(long, value_enum)]
    pub(crate) format: Option<RowFormat>,

    /// Only check the rows: nothing is stored
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) dry_run: bool,

    /// End once the server has all rows, without waiting for the database
    #[arg(long)]
    pub(crate) no_wait: bool,

    /// Name of the content; what was committed under it is not sent again [default: made of the content]
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(crate) key: Option<String>,

    /// Name in the list of batches [default: the name of the file]
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,

    /// Where all that is wrong with the rows is written [default: FILE.errors.ndjson]
    #[arg(long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,

    /// Address of the server [default: `$EYAS_URL`, else the configured `listen`]
    #[arg(long, env = "EYAS_URL")]
    pub(crate) url: Option<String>,
}

impl ImportArgs {
    /// Whether the rows come from standard input.
    pub(crate) fn is_input(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    /// How a file is packed and what it holds.
    pub(crate) fn packing_and_format(&self) -> Result<(Packing, RowFormat), CommandError> {
        let (by_name, packing) = of_name(&self.file);
        let format = self.format.or(by_name).ok_or_else(|| {
            let name = printable(&self.file.to_string_lossy());
            CommandError::Usage(format!(
                "the name {name:?} does not say what it holds: give --format ndjson, json or csv"
            ))
        })?;
        Ok((packing, format))
    }
}

/// Longest key: with the number of a table and of an attempt it still is an `Idempotency-Key`.
const KEY_BYTES_MAX: usize = 100;

fn key(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|sign| sign.is_ascii_graphic());
    if is_plain && (1..=KEY_BYTES_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("a key has 1 to {KEY_BYTES_MAX} visible ASCII signs"))
}

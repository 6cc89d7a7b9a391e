//! What a file holds and how it is packed, by its name.

use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RowFormat {
    /// One JSON object a line
    Ndjson,
    /// One JSON array of objects
    Json,
    /// Comma-separated values; the first row names the columns
    Csv,
}

impl RowFormat {
    /// Its name on the wire.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Not at all.
    Plain,
    /// By gzip.
    Gzip,
    /// By zstd.
    Zstd,
}

/// What the name of a file says.
pub(crate) fn of_name(path: &Path) -> (Option<RowFormat>, Packing) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (bare, packing) = match name.rsplit_once('.') {
        Some((bare, "gz")) => (bare, Packing::Gzip),
        Some((bare, "zst" | "zstd")) => (bare, Packing::Zstd),
        _ => (name.as_str(), Packing::Plain),
    };
    let format = match bare.rsplit_once('.').map(|(_, ending)| ending) {
        Some("ndjson" | "jsonl") => Some(RowFormat::Ndjson),
        Some("json") => Some(RowFormat::Json),
        Some("csv") => Some(RowFormat::Csv),
        _ => None,
    };
    (format, packing)
}

/// What is in a packed file.
pub(crate) fn unpack(
    packing: Packing,
    file: impl Read + Send + 'static,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
    })
}

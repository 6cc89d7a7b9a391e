//! The command line of `eyas schema`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli_at::At;

/// What to do with schemas.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// List them, and what was seen without one
    #[command(after_help = "Examples:\n  eyas schema list\n  eyas schema list --json")]
    List(At),
    /// List the versions of one
    #[command(
        after_help = "Example:\n  eyas schema versions --category 'page interaction' --name 'cta click'"
    )]
    Versions(SchemaOf),
    /// Store a schema, and let it judge what comes from now on
    #[command(
        after_help = "JSON Schema 2020-12 of an event's data. A text that differs from the newest version becomes a new one. \
        Modes: off; keep stores invalid events with their reasons; reject refuses them with 422.\n\n\
        Examples:\n  eyas schema put cta_click.json --category 'page interaction' --name 'cta click'\n  \
        eyas schema put order.json --stream orders --mode reject\n  \
        eyas schema put new.json --category shop --no-activate"
    )]
    Put(SchemaPut),
    /// Let another version judge, a newer one or an older one
    #[command(
        after_help = "Example:\n  eyas schema activate 2 --category 'page interaction' --name 'cta click'"
    )]
    Activate(SchemaActivate),
    /// Judge stored events by a schema, and change nothing
    #[command(
        after_help = "Exit codes: 0 it would turn no valid event invalid · 1 it would; stdout says why, by rule · 3 it is no schema.\n\n\
        Examples:\n  eyas schema test cta_click.json --against last:1000 --category 'page interaction' --name 'cta click'\n  \
        eyas schema test - --stream orders --json < order.json"
    )]
    Test(SchemaTest),
    /// Judge no more; the versions stay
    #[command(after_help = "Example:\n  eyas schema off --category shop")]
    Off(SchemaOf),
}

/// Which events a schema is about.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SchemaKey {
    /// Stream [default: events]
    #[arg(long)]
    pub(crate) stream: Option<String>,

    /// Category
    #[arg(long)]
    pub(crate) category: Option<String>,

    /// Name
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// One schema.
#[derive(Debug, Args)]
pub(crate) struct SchemaOf {
    #[command(flatten)]
    pub(crate) key: SchemaKey,

    #[command(flatten)]
    pub(crate) at: At,
}

/// A schema to store.
#[derive(Debug, Args)]
pub(crate) struct SchemaPut {
    /// File that holds it, `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) key: SchemaKey,

    /// What happens to invalid events
    #[arg(long, value_enum, default_value_t = Mode::Keep)]
    pub(crate) mode: Mode,

    /// Store it only; the version in force stays in force
    #[arg(long)]
    pub(crate) no_activate: bool,

    #[command(flatten)]
    pub(crate) at: At,
}

/// What happens to invalid events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Nobody looks
    Off,
    /// They are stored with their reasons
    Keep,
    /// They are refused
    Reject,
}

impl Mode {
    /// How the API calls it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Keep => "keep",
            Self::Reject => "reject",
        }
    }
}

/// Which version.
#[derive(Debug, Args)]
pub(crate) struct SchemaActivate {
    /// Its number, as `eyas schema versions` shows it
    #[arg(value_name = "VERSION")]
    pub(crate) version: u32,

    #[command(flatten)]
    pub(crate) key: SchemaKey,

    #[command(flatten)]
    pub(crate) at: At,
}

/// A schema to try.
#[derive(Debug, Args)]
pub(crate) struct SchemaTest {
    /// File that holds it, `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Which stored events: the newest so many, at most 10000
    #[arg(long, value_name = "last:N", default_value = "last:1000", value_parser = last)]
    pub(crate) against: u32,

    #[command(flatten)]
    pub(crate) key: SchemaKey,

    #[command(flatten)]
    pub(crate) at: At,
}

fn last(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix("last:").and_then(|number| number.parse().ok());
    number
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| "write it as last:1000; at most last:10000".to_owned())
}

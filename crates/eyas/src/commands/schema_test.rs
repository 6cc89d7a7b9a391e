//! `eyas schema test FILE`: what a schema would say of events that are stored, before it is put in force.
//!
//! The server does the work (`POST /schemas/test`); nothing there changes.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::{Client, Problem, Server};
use crate::exit::CommandError;
use crate::printable::printable;

/// `eyas schema …`
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Try a schema on stored events, before it counts
    #[command(
        after_help = "Asks the server what the schema would say of the newest stored events of this key. Changes nothing.\n\n\
        Exit codes: 0 no event would become invalid · 1 some would, or it could not be carried out · 3 the schema \
        cannot be used · 4 the server cannot be reached.\n\n\
        Example:\n  eyas schema test cta-click.json --category 'page interaction' --name 'cta click' --against last:1000"
    )]
    Test(SchemaTestArgs),
}

/// Which schema, and on which events.
#[derive(Args, Debug)]
pub(crate) struct SchemaTestArgs {
    /// File with the schema (JSON Schema 2020-12)
    file: PathBuf,

    /// How many events, newest first: last:N, at most last:10000
    #[arg(long, value_name = "last:N", default_value = "last:1000", value_parser = last)]
    against: usize,

    /// Events of this stream
    #[arg(long, default_value = "events")]
    stream: String,

    /// Events of this category
    #[arg(long)]
    category: Option<String>,

    /// Events of this name
    #[arg(long)]
    name: Option<String>,

    /// Address of the server [default: `$EYAS_URL`, else the configured `listen`]
    #[arg(long, env = "EYAS_URL")]
    pub(crate) url: Option<String>,
}

#[derive(Serialize)]
struct Wanted<'a> {
    stream: &'a str,
    category: Option<&'a str>,
    name: Option<&'a str>,
    last: usize,
    schema: Box<RawValue>,
}

#[derive(Deserialize)]
struct Found {
    examined: u64,
    invalid: u64,
    newly_invalid: u64,
    newly_valid: u64,
    complete: bool,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    pointer: String,
    rule: String,
    message: String,
    count: u64,
    sample: Sample,
}

#[derive(Deserialize)]
struct Sample {
    id: String,
}

fn last(text: &str) -> Result<usize, String> {
    let n = text.strip_prefix("last:").and_then(|n| n.parse().ok());
    n.filter(|n| (1..=10_000).contains(n))
        .ok_or_else(|| "write it as last:N, with N from 1 to 10000".to_owned())
}

/// Tries the schema and says what it found.
pub(crate) async fn run(
    args: &SchemaTestArgs,
    server: &Server,
    json: bool,
) -> Result<(), CommandError> {
    let file = args.file.display().to_string();
    let text = fs::read_to_string(&args.file).with_context(|| file.clone())?;
    let schema = serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))?;
    let wanted = Wanted {
        stream: &args.stream,
        category: args.category.as_deref(),
        name: args.name.as_deref(),
        last: args.against,
        schema,
    };
    let body = serde_json::to_vec(&wanted).context("a request always has a JSON form")?;
    let client = Client::new(server)?;
    let answer = client.post("/schemas/test", "application/json", body.into()).await;
    let answer = answer.map_err(|error| client.unreachable(error.cause()))?;
    if answer.status != StatusCode::OK {
        let problem = Problem::of(&answer).text();
        return Err(if answer.status.is_client_error() {
            CommandError::Refused(problem)
        } else {
            CommandError::Failed(anyhow!(problem))
        });
    }
    let found: Found =
        serde_json::from_slice(&answer.body).context("this is no answer of an Eyas server")?;
    let said =
        if json { String::from_utf8_lossy(&answer.body).into_owned() } else { words(&found) };
    writeln!(io::stdout(), "{said}").context("cannot write to stdout")?;
    match found.newly_invalid {
        0 => Ok(()),
        n => Err(CommandError::Failed(anyhow!("{n} events that are valid would become invalid"))),
    }
}

fn words(found: &Found) -> String {
    let Found { examined, invalid, newly_invalid, newly_valid, complete, groups } = found;
    let mut lines = vec![format!(
        "{examined} events examined: {invalid} would be invalid ({newly_invalid} of them are valid now), \
         {newly_valid} would become valid"
    )];
    if !complete {
        lines.push("the time was over before all of them were examined".to_owned());
    }
    for Group { pointer, rule, message, count, sample } in groups {
        let line = format!("{count:>8}  {pointer}  {rule}: {message}  (newest: {})", sample.id);
        lines.push(printable(&line));
    }
    lines.join("\n")
}

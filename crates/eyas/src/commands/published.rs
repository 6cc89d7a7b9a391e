//! `eyas query list`, `eyas query run` and `eyas query plan`: the published queries of a server, asked by name.
//!
//! An answer for a program goes through as it comes. For a person it is a table, made of the CSV: that has the columns in
//! their order.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde::Deserialize;

use crate::cli_query::{PlanArgs, QueryFormat, RunArgs};
use crate::client::{Answer, Client, ClientError, Problem, Server};
use crate::commands::admin::table::{Table, text};
use crate::commands::csv_text;
use crate::commands::query;
use crate::exit::CommandError;
use crate::printable::printable;

/// A query, as `GET /queries` tells it.
#[derive(Debug, Deserialize)]
struct Query {
    name: String,
    path: String,
    description: String,
    params: Vec<Param>,
    public: bool,
    scope: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Param {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    optional: bool,
}

/// As `GET /queries/{name}/plan` tells it.
#[derive(Debug, Deserialize)]
struct Plan {
    plan: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    queries: Vec<Query>,
}

/// Lists them.
pub(crate) async fn list(server: &Server, json: bool) -> Result<(), CommandError> {
    let client = Client::new(server)?;
    let answer = listing(&client).await?;
    if json {
        return write(&[answer.body.trim_ascii(), b"\n"].concat());
    }
    let queries = parsed(&answer)?;
    let mut table = Table::new(&["name", "path", "params", "who", "description"]);
    for query in queries {
        let params: Vec<String> = query.params.iter().map(Param::shown).collect();
        let who = if query.public { "everybody" } else { query.scope.as_deref().unwrap_or("read") };
        let cells = [query.name, query.path, text(Some(&params.join(" "))), who.to_owned()];
        table.row(cells.into_iter().chain([text(Some(&query.description))]));
    }
    write(table.lines().as_bytes())
}

impl Query {
    /// What the server said against it, and what it takes.
    fn refused(&self, answer: &Answer) -> CommandError {
        self.refusal(&Problem::of(answer).text())
    }

    fn refusal(&self, words: &str) -> CommandError {
        let shown: Vec<String> = self.params.iter().map(Param::shown).collect();
        let takes = if shown.is_empty() { "no parameter".to_owned() } else { shown.join(" ") };
        let (name, takes) = (printable(&self.name), printable(&takes));
        CommandError::Refused(format!("{words}\n{name} takes {takes}"))
    }

    /// A server ignores what a query does not take. From somebody's hand it is a slip, whose answer would look like the one
    /// that was asked for.
    fn takes_all(&self, given: &[(String, String)]) -> Result<(), CommandError> {
        let is_known = |name: &str| self.params.iter().any(|param| param.name == name);
        match given.iter().find(|(name, _)| !is_known(name)) {
            None => Ok(()),
            Some((name, _)) => {
                Err(self.refusal(&printable(&format!("there is no parameter {name:?}"))))
            }
        }
    }
}

impl Param {
    fn shown(&self) -> String {
        let Self { name, kind, optional } = self;
        if *optional { format!("[{name}={kind}]") } else { format!("{name}={kind}") }
    }
}

/// Runs one.
pub(crate) async fn run(args: &RunArgs, server: &Server, json: bool) -> Result<(), CommandError> {
    let client = Client::new(server)?;
    let found = named(&client, &args.name).await?;
    found.takes_all(&args.params)?;
    let is_for_people = io::stdout().is_terminal() && !json;
    let unset = if is_for_people { QueryFormat::Table } else { QueryFormat::Json };
    let format = args.format.unwrap_or(unset);
    let params = args.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let path = format!("{}{}", found.path, query::query(params));
    let accept = match format {
        QueryFormat::Json => "application/json",
        QueryFormat::Ndjson => "application/x-ndjson",
        QueryFormat::Csv | QueryFormat::Table => "text/csv",
    };
    let response = client.open(&path, accept).await.map_err(|error| failed(&client, &error))?;
    if !response.status().is_success() {
        let answer = Answer::read(response).await.map_err(|error| failed(&client, &error))?;
        return Err(found.refused(&answer));
    }
    if format == QueryFormat::Table {
        let answer = Answer::read(response).await.map_err(|error| failed(&client, &error))?;
        return write(table(&String::from_utf8_lossy(&answer.body)).as_bytes());
    }
    pass_on(&client, response, format).await
}

/// Prints how the database would run one.
pub(crate) async fn plan(args: &PlanArgs, server: &Server, json: bool) -> Result<(), CommandError> {
    let client = Client::new(server)?;
    let found = named(&client, &args.name).await?;
    let params = args.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut path = "/queries/".to_owned();
    query::encode(&mut path, &found.name);
    path.push_str("/plan");
    path.push_str(&query::query(params));
    let answer = client.get(&path).await.map_err(|error| failed(&client, &error))?;
    if !answer.status.is_success() {
        return Err(found.refused(&answer));
    }
    if json {
        return write(&[answer.body.trim_ascii(), b"\n"].concat());
    }
    let Plan { plan } =
        serde_json::from_slice(&answer.body).context("the server's plan cannot be read")?;
    let mut lines = String::new();
    for line in &plan {
        lines.push_str(&printable(line));
        lines.push('\n');
    }
    write(if lines.is_empty() { b"(nothing to plan)\n" } else { lines.as_bytes() })
}

/// The query of this name.
async fn named(client: &Client, name: &str) -> Result<Query, CommandError> {
    let mut queries = parsed(&listing(client).await?)?;
    if let Some(at) = queries.iter().position(|query| query.name == name) {
        return Ok(queries.swap_remove(at));
    }
    let names: Vec<&str> = queries.iter().map(|query| query.name.as_str()).collect();
    let there = if names.is_empty() {
        "the server publishes none; docs/queries.md says how".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    Err(CommandError::Refused(printable(&format!("there is no query {name:?}: {there}"))))
}

/// As it comes, in bounded memory.
async fn pass_on(
    client: &Client,
    response: Response<Incoming>,
    format: QueryFormat,
) -> Result<(), CommandError> {
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let broken = |error: hyper::Error| {
            failed(client, &ClientError::Lost(format!("the answer broke off: {error}")))
        };
        if let Ok(bytes) = frame.map_err(broken)?.into_data() {
            write(&bytes)?;
        }
    }
    if format == QueryFormat::Json { write(b"\n") } else { Ok(()) }
}

fn table(csv: &str) -> String {
    let mut records = csv_text::records(csv).into_iter();
    let headings = records.next().unwrap_or_default();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings);
    let mut n_rows = 0_u64;
    for record in records {
        table.row(record);
        n_rows += 1;
    }
    let rows = if n_rows == 1 { "row" } else { "rows" };
    format!("{}({n_rows} {rows})\n", table.lines())
}

async fn listing(client: &Client) -> Result<Answer, CommandError> {
    let answer = client.get("/queries").await.map_err(|error| failed(client, &error))?;
    if answer.status.is_success() {
        Ok(answer)
    } else {
        Err(CommandError::Refused(Problem::of(&answer).text()))
    }
}

fn parsed(answer: &Answer) -> Result<Vec<Query>, CommandError> {
    let listed = serde_json::from_slice::<Listed>(&answer.body);
    Ok(listed.context("the server's list of queries cannot be read; is it an older one?")?.queries)
}

fn failed(client: &Client, error: &ClientError) -> CommandError {
    client.unreachable(error.cause())
}

fn write(bytes: &[u8]) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).context("cannot write to stdout")?;
    Ok(())
}

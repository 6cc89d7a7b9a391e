//! `eyas schema list | versions | put | activate | test | off`.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cli_schema::{SchemaActivate, SchemaKey, SchemaOf, SchemaPut, SchemaTest};
use crate::commands::admin::access::{Access, NOTHING, Reply, print, say};
use crate::commands::admin::table::{Table, text, time};
use crate::commands::query::query;
use crate::exit::CommandError;
use crate::printable::printable;

/// Longest file that is read; the server takes less.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What a request says; what it does not mean to say is left out. The schema goes as it stands in its file: numbers in it
/// may be larger than any that we could read.
#[derive(Default, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<u32>,
}

impl<'a> Body<'a> {
    fn of(key: &'a SchemaKey) -> Self {
        let SchemaKey { stream, category, name } = key;
        let (stream, category) = (stream.as_deref(), category.as_deref());
        Self { stream, category, name: name.as_deref(), ..Self::default() }
    }
}

#[derive(Deserialize)]
struct Schemas {
    schemas: Vec<Schema>,
    unmatched: Vec<Unmatched>,
}

#[derive(Deserialize)]
struct Schema {
    stream: String,
    category: Option<String>,
    name: Option<String>,
    mode: String,
    version: Option<u32>,
    n_versions: u32,
    source: String,
    changed_at: String,
    seen: u64,
    invalid: u64,
}

#[derive(Deserialize)]
struct Unmatched {
    stream: String,
    category: Option<String>,
    name: Option<String>,
    count: u64,
    last_seen: String,
}

#[derive(Deserialize)]
struct Versions {
    versions: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    version: u32,
    created_at: String,
    created_by: String,
    active: bool,
    schema: Box<RawValue>,
}

#[derive(Deserialize)]
struct Tested {
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
    seq: u64,
}

/// Lists them, and what was seen without one.
pub(crate) async fn list(access: &Access) -> Result<(), CommandError> {
    let reply = access.get("/schemas").await?;
    if access.json {
        return print(&reply.line());
    }
    let Schemas { schemas, unmatched } = reply.read()?;
    let mut table = Table::new(&[
        "stream", "category", "name", "mode", "version", "of", "source", "seen", "invalid",
        "changed",
    ]);
    let is_empty = schemas.is_empty();
    for schema in schemas {
        table.row([
            schema.stream,
            text(schema.category.as_deref()),
            text(schema.name.as_deref()),
            schema.mode,
            schema.version.map_or("-".to_owned(), |version| version.to_string()),
            schema.n_versions.to_string(),
            schema.source,
            schema.seen.to_string(),
            schema.invalid.to_string(),
            time(Some(&schema.changed_at)),
        ]);
    }
    if is_empty {
        say("there are no schemas yet; `eyas schema put --help` shows how to add one");
    } else {
        print(&table.lines())?;
    }
    if unmatched.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["without a schema", "category", "name", "seen", "last"]);
    for seen in unmatched {
        table.row([
            seen.stream,
            text(seen.category.as_deref()),
            text(seen.name.as_deref()),
            seen.count.to_string(),
            time(Some(&seen.last_seen)),
        ]);
    }
    print(&format!("{}{}", if is_empty { "" } else { "\n" }, table.lines()))
}

/// Lists the versions of one.
pub(crate) async fn versions(access: &Access, args: &SchemaOf) -> Result<(), CommandError> {
    let reply = access.get(&format!("/schemas/versions{}", parameters(&args.key))).await?;
    if access.json {
        return print(&reply.line());
    }
    let Versions { versions } = reply.read()?;
    let mut table = Table::new(&["version", "active", "created", "by", "schema"]);
    for version in versions {
        table.row([
            version.version.to_string(),
            if version.active { "yes" } else { "-" }.to_owned(),
            time(Some(&version.created_at)),
            version.created_by,
            version.schema.get().to_owned(),
        ]);
    }
    print(&table.lines())
}

/// Stores one.
pub(crate) async fn put(access: &Access, args: &SchemaPut) -> Result<(), CommandError> {
    let schema = Some(schema(&args.file)?);
    let (mode, activate) = (Some(args.mode.word()), Some(!args.no_activate));
    let body = Body { mode, schema, activate, ..Body::of(&args.key) };
    let reply = access.ask(Method::PUT, "/schemas", Some(&body)).await?;
    tell(access, &reply)
}

/// Lets another version judge.
pub(crate) async fn activate(access: &Access, args: &SchemaActivate) -> Result<(), CommandError> {
    let body = Body { version: Some(args.version), ..Body::of(&args.key) };
    let reply = access.post("/schemas/activate", &body).await?;
    tell(access, &reply)
}

/// Judges no more.
pub(crate) async fn off(access: &Access, args: &SchemaOf) -> Result<(), CommandError> {
    let path = format!("/schemas{}", parameters(&args.key));
    let reply = access.ask(Method::DELETE, &path, NOTHING).await?;
    tell(access, &reply)
}

/// Judges stored events, and changes nothing.
pub(crate) async fn test(access: &Access, args: &SchemaTest) -> Result<(), CommandError> {
    let schema = Some(schema(&args.file)?);
    let body = Body { schema, last: Some(args.against), ..Body::of(&args.key) };
    let reply = access.post("/schemas/test", &body).await?;
    let tested: Tested = reply.read()?;
    if access.json {
        print(&reply.line())?;
    } else {
        let Tested { examined, invalid, newly_invalid, newly_valid, .. } = &tested;
        let mut text = format!(
            "{examined} events examined: {invalid} would be invalid ({newly_invalid} of them are valid now), \
            {newly_valid} would become valid\n"
        );
        if !tested.complete {
            say("the time was over before all of them were examined");
        }
        if !tested.groups.is_empty() {
            let mut table = Table::new(&["count", "pointer", "rule", "message", "for instance"]);
            for group in &tested.groups {
                table.row([
                    group.count.to_string(),
                    group.pointer.clone(),
                    group.rule.clone(),
                    group.message.clone(),
                    format!("seq {}", group.sample.seq),
                ]);
            }
            text += &table.lines();
        }
        print(&text)?;
    }
    match tested.newly_invalid {
        0 => Ok(()),
        n => Err(anyhow::anyhow!("{n} events that are valid now would be invalid").into()),
    }
}

fn tell(access: &Access, reply: &Reply) -> Result<(), CommandError> {
    if access.json {
        return print(&reply.line());
    }
    let Schema { stream, category, name, mode, version, n_versions, .. } = reply.read()?;
    let key: Vec<String> = [Some(stream), category, name].into_iter().flatten().collect();
    let version = version.map_or("no version".to_owned(), |version| format!("version {version}"));
    let key = printable(&key.join(" / "));
    print(&format!("{key}: {}, {version} of {n_versions} is active\n", printable(&mode)))
}

/// The schema in a file, or on standard input.
fn schema(file: &Path) -> Result<Box<RawValue>, CommandError> {
    let name = printable(&file.to_string_lossy());
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(file).with_context(|| format!("cannot open {name}"))?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)
    };
    read.with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&text)
        .map_err(|error| CommandError::Usage(format!("{name} is not JSON: {error}")))
}

fn labels(key: &SchemaKey) -> impl Iterator<Item = (&str, &str)> {
    let labels = [("stream", &key.stream), ("category", &key.category), ("name", &key.name)];
    labels.into_iter().filter_map(|(label, value)| Some((label, value.as_deref()?)))
}

fn parameters(key: &SchemaKey) -> String {
    query(labels(key))
}

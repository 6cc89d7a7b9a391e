//! `eyas send`: one event from the arguments, or a file of events, to a server.
//!
//! A file goes out in requests of many lines, one after another, so that the events keep their order.
//! Every event of the stream `events` has an id before it is sent, so whatever breaks, it is sent again and
//! stored once. Raw streams have no ids: there a lost answer is reported.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::cli::{OnError, SendArgs};
use crate::client::{Client, Server};
use crate::commands::delivery::Delivery;
use crate::commands::lines::Batches;
use crate::commands::query::encode;
use crate::commands::receipt::Receipt;
use crate::commands::sending::Sending;
use crate::exit::CommandError;
use crate::printable::printable;

/// The stream whose events have an envelope.
const EVENTS: &str = "events";

/// Sends what the arguments name to `server`. The answer goes to stdout, as JSON with `json`.
pub(crate) async fn run(args: &SendArgs, server: &Server, json: bool) -> Result<(), CommandError> {
    let client = Client::new(server)?;
    let has_event =
        [&args.data, &args.category, &args.name, &args.session_id, &args.id, &args.timestamp]
            .into_iter()
            .any(Option::is_some);
    match &args.file {
        None if has_event => one(&client, args, json).await,
        None if io::stdin().is_terminal() => Err(CommandError::Usage(
            "there is nothing to send: give --category and --name, or a FILE of events; `eyas send --help` has examples"
                .to_owned(),
        )),
        None => many(&client, args, None, json).await,
        Some(path) if path.as_os_str() == "-" => many(&client, args, None, json).await,
        Some(path) => many(&client, args, Some(path), json).await,
    }
}

async fn one(client: &Client, args: &SendArgs, json: bool) -> Result<(), CommandError> {
    let body = if args.stream == EVENTS { event(args)? } else { raw(args)? };
    let delivery = Delivery {
        client,
        path: path(&args.stream),
        content_type: "application/json",
        is_repeatable: args.stream == EVENTS,
        say: &|words| {
            let _ = writeln!(io::stderr(), "{words}");
        },
    };
    let sent = delivery.send(Bytes::from(body), true).await;
    let answer = sent.map_err(|end| end.into_error(client, "the event"))?;
    let receipt = Receipt::read(&answer.body)?;
    let line = if json {
        String::from_utf8_lossy(answer.body.trim_ascii()).into_owned()
    } else {
        printable(&receipt.line())
    };
    writeln!(io::stdout(), "{line}").context("cannot write to stdout")?;
    Ok(())
}

async fn many(
    client: &Client,
    args: &SendArgs,
    file: Option<&Path>,
    json: bool,
) -> Result<(), CommandError> {
    let has_ids = args.stream == EVENTS;
    let lines_max = args.batch as usize;
    let (name, size_bytes, batches) = match file {
        None => ("standard input".to_owned(), None, Batches::new(io::stdin(), lines_max, has_ids)),
        Some(path) => {
            let name = printable(&path.to_string_lossy());
            let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
            let facts = file.metadata().with_context(|| format!("cannot read {name}"))?;
            // A pipe or a device has a path as well, but no size.
            let size_bytes = facts.is_file().then_some(facts.len());
            (name, size_bytes, Batches::new(file, lines_max, has_ids))
        }
    };
    let skips = args.on_error == OnError::Skip;
    let query = if skips { "?on_error=skip" } else { "" };
    let path = format!("{}{query}", path(&args.stream));
    let sending = Sending::new(client, path, name, size_bytes, has_ids, skips);
    sending.run(batches, json).await
}

fn path(stream: &str) -> String {
    if stream == EVENTS {
        return "/events".to_owned();
    }
    let mut path = "/streams/".to_owned();
    encode(&mut path, stream);
    path
}

/// The envelope of one event; the bytes of `--data` go in as they are.
fn event(args: &SendArgs) -> Result<String, CommandError> {
    let new_id = Uuid::now_v7().to_string();
    let mut event = String::from("{\"id\":");
    event += &quoted(args.id.as_deref().unwrap_or(&new_id));
    for (key, value) in [
        ("session_id", &args.session_id),
        ("category", &args.category),
        ("name", &args.name),
        ("timestamp", &args.timestamp),
    ] {
        if let Some(value) = value {
            let _ = write!(event, ",\"{key}\":{}", quoted(value));
        }
    }
    if let Some(data) = &args.data {
        let _ = write!(event, ",\"data\":{}", checked(data)?);
    }
    Ok(event + "}")
}

/// One event of a raw stream: `--data` and nothing else.
fn raw(args: &SendArgs) -> Result<String, CommandError> {
    let has_envelope = [&args.category, &args.name, &args.session_id, &args.id, &args.timestamp]
        .into_iter()
        .any(Option::is_some);
    let Some(data) = args.data.as_deref().filter(|_| !has_envelope) else {
        let stream = printable(&args.stream);
        return Err(CommandError::Usage(format!(
            "the stream {stream:?} takes any JSON and nothing beside it: give --data alone; --category, --name, \
            --session-id, --id and --timestamp belong to the stream \"events\""
        )));
    };
    let data = checked(data)?;
    // A bare array would be taken as many events; an array around it makes it one.
    Ok(if data.trim_ascii_start().starts_with('[') { format!("[{data}]") } else { data.to_owned() })
}

/// Text that goes into JSON unchanged has to be one JSON value, or it would change what surrounds it.
fn checked(data: &str) -> Result<&str, CommandError> {
    serde_json::from_str::<&RawValue>(data).map_err(|error| {
        CommandError::Usage(format!(
            "--data is not JSON: {error}; a text needs quotes of its own, e.g. --data '\"hello\"'"
        ))
    })?;
    Ok(data)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

//! `eyas token create | list | rotate | revoke`.

use std::fmt::Write as _;

use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use crate::cli_admin::{TokenCreate, TokenId, TokenList, TokenRotate};
use crate::commands::admin::access::{Access, NOTHING, Reply, print, say};
use crate::commands::admin::table::{Table, text, time};
use crate::commands::query::{encode, query};
use crate::exit::CommandError;
use crate::printable::printable;

#[derive(Deserialize)]
struct Tokens {
    tokens: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    application: String,
    label: Option<String>,
    prefix: String,
    kind: String,
    scopes: Vec<String>,
    expires_at: Option<String>,
    last_used: Option<String>,
    state: String,
    /// Only where it has just been made.
    token: Option<String>,
}

/// Makes one.
pub(crate) async fn create(access: &Access, args: &TokenCreate) -> Result<(), CommandError> {
    let mut body = json!({ "application": args.app, "scopes": args.scope });
    if let Some(label) = &args.label {
        body["label"] = json!(label);
    }
    if args.browser {
        body["kind"] = json!("browser");
    }
    if let Some(expires_in_s) = args.expires {
        body["expires_in_s"] = json!(expires_in_s);
    }
    show_once(access, &access.post("/tokens", &body).await?)
}

/// Lists them.
pub(crate) async fn list(access: &Access, args: &TokenList) -> Result<(), CommandError> {
    let parameters = args.app.iter().map(|app| ("application", app.as_str()));
    let reply = access.get(&format!("/tokens{}", query(parameters))).await?;
    if access.json {
        return print(&reply.line());
    }
    let Tokens { tokens } = reply.read()?;
    if tokens.is_empty() {
        say("there are none; make one: eyas token create --app NAME --scope write");
        return Ok(());
    }
    let mut table = Table::new(&[
        "id",
        "application",
        "state",
        "kind",
        "scopes",
        "prefix",
        "label",
        "last used",
        "expires",
    ]);
    for token in tokens {
        table.row([
            token.id,
            token.application,
            token.state,
            token.kind,
            token.scopes.join(" "),
            token.prefix,
            text(token.label.as_deref()),
            time(token.last_used.as_deref()),
            time(token.expires_at.as_deref()),
        ]);
    }
    print(&table.lines())
}

/// Makes the one that takes its place.
pub(crate) async fn rotate(access: &Access, args: &TokenRotate) -> Result<(), CommandError> {
    let body = json!({ "overlap_s": args.overlap });
    let path = format!("{}/rotate", path(&args.id));
    show_once(access, &access.post(&path, &body).await?)?;
    if !access.json {
        let (id, overlap) = (printable(&args.id), args.overlap);
        say(&format!("the old one, {id}, goes on for {overlap} s"));
    }
    Ok(())
}

/// Ends one.
pub(crate) async fn revoke(access: &Access, args: &TokenId) -> Result<(), CommandError> {
    let reply = access.ask(Method::DELETE, &path(&args.id), NOTHING).await?;
    if access.json {
        return print(&reply.line());
    }
    let token: Line = reply.read()?;
    print(&format!("{}\n", printable(&token.id)))?;
    let application = printable(&token.application);
    say(&format!("the token of {application} is revoked: it is refused from now on"));
    Ok(())
}

fn show_once(access: &Access, reply: &Reply) -> Result<(), CommandError> {
    if access.json {
        return print(&reply.line());
    }
    let made: Line = reply.read()?;
    let token = printable(made.token.as_deref().unwrap_or_default());
    print(&format!("{token}\n"))?;
    say(&words(&made, &token, &access.url));
    Ok(())
}

/// What a person does with a new token.
fn words(made: &Line, token: &str, url: &str) -> String {
    let (id, application) = (printable(&made.id), printable(&made.application));
    let scopes = printable(&made.scopes.join(" "));
    let mut words =
        format!("the token {id} of {application} may {scopes}. It is shown this once; keep it:\n");
    let _ = writeln!(words, "\n  export EYAS_TOKEN={token}");
    if made.kind == "browser" {
        return words + "\nIt works in pages of the application's origins only.";
    }
    let (path, data) = example(&made.scopes);
    let (url, path) = (printable(url), printable(&path));
    let _ = write!(words, "  curl {url}{path} -H \"Authorization: Bearer $EYAS_TOKEN\"");
    if let Some(data) = data {
        let _ = write!(words, " \\\n    -H 'Content-Type: application/json' -d '{data}'");
    }
    words.push('\n');
    words
}

/// A request that the first scope allows: its path, and what it sends.
fn example(scopes: &[String]) -> (String, Option<&'static str>) {
    let scope = scopes.first().map_or("", String::as_str);
    match scope.split_once(':').unwrap_or((scope, "events")) {
        ("write", "events") => {
            ("/events".to_owned(), Some(r#"{"category":"demo","name":"hello","data":{"n":1}}"#))
        }
        ("write", stream) => (format!("/streams/{stream}"), Some(r#"{"n":1}"#)),
        ("read", "events") => ("/events".to_owned(), None),
        ("read", stream) => (format!("/streams/{stream}"), None),
        _ => ("/audit".to_owned(), None),
    }
}

fn path(id: &str) -> String {
    let mut path = "/tokens/".to_owned();
    encode(&mut path, id);
    path
}

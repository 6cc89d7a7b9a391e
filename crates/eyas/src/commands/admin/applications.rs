//! `eyas app create | list | set | disable`.

use hyper::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli_admin::{AppCreate, AppMay, AppName, AppSet};
use crate::commands::admin::access::{Access, Reply, print, say};
use crate::commands::admin::table::{Table, time};
use crate::commands::query::encode;
use crate::exit::CommandError;
use crate::printable::printable;

#[derive(Deserialize)]
struct Applications {
    applications: Vec<Application>,
}

#[derive(Deserialize)]
struct Application {
    name: String,
    created_at: String,
    allowed_origins: Vec<String>,
    rate: Option<Rate>,
    disabled: bool,
    n_tokens: u64,
    last_used: Option<String>,
}

#[derive(Deserialize)]
struct Rate {
    events_per_s: u32,
    burst: u32,
}

/// Makes one.
pub(crate) async fn create(access: &Access, args: &AppCreate) -> Result<(), CommandError> {
    let mut body = may(&args.may);
    body.insert("name".to_owned(), json!(args.name));
    let reply = access.post("/applications", &Value::Object(body)).await?;
    tell(access, &reply, "made")?;
    if !access.json {
        let name = printable(&args.name);
        say(&format!("give it a token: eyas token create --app {name} --scope write"));
    }
    Ok(())
}

/// Lists them.
pub(crate) async fn list(access: &Access) -> Result<(), CommandError> {
    let reply = access.get("/applications").await?;
    if access.json {
        return print(&reply.line());
    }
    let Applications { applications } = reply.read()?;
    if applications.is_empty() {
        say("there are none yet; make one: eyas app create NAME");
        return Ok(());
    }
    let mut table =
        Table::new(&["name", "state", "tokens", "last used", "created", "rate", "origins"]);
    for application in applications {
        table.row([
            application.name,
            if application.disabled { "disabled" } else { "active" }.to_owned(),
            application.n_tokens.to_string(),
            time(application.last_used.as_deref()),
            time(Some(&application.created_at)),
            application.rate.map_or("-".to_owned(), |Rate { events_per_s, burst }| {
                format!("{events_per_s}/s, {burst} at once")
            }),
            match application.allowed_origins.as_slice() {
                [] => "-".to_owned(),
                origins => origins.join(" "),
            },
        ]);
    }
    print(&table.lines())
}

/// Changes one.
pub(crate) async fn set(access: &Access, args: &AppSet) -> Result<(), CommandError> {
    let mut body = may(&args.may);
    if args.no_origins {
        body.insert("allowed_origins".to_owned(), json!([]));
    }
    if args.no_rate {
        body.insert("rate".to_owned(), Value::Null);
    }
    if args.enable {
        body.insert("disabled".to_owned(), json!(false));
    }
    if body.is_empty() {
        return Err(CommandError::Usage(
            "there is nothing to change: name --origin, --no-origins, --rate, --no-rate or --enable; `eyas app set --help` \
            has examples"
                .to_owned(),
        ));
    }
    let reply = access.ask(Method::PATCH, &path(&args.name), Some(&Value::Object(body))).await?;
    tell(access, &reply, "changed")
}

/// Refuses all its tokens.
pub(crate) async fn disable(access: &Access, args: &AppName) -> Result<(), CommandError> {
    let body = json!({ "disabled": true });
    let reply = access.ask(Method::PATCH, &path(&args.name), Some(&body)).await?;
    tell(access, &reply, "disabled: all its tokens are refused from now on")
}

fn tell(access: &Access, reply: &Reply, what: &str) -> Result<(), CommandError> {
    if access.json {
        return print(&reply.line());
    }
    let application: Application = reply.read()?;
    print(&format!("{}\n", printable(&application.name)))?;
    say(&format!("the application {} is {what}", printable(&application.name)));
    Ok(())
}

fn may(may: &AppMay) -> Map<String, Value> {
    let mut body = Map::new();
    if !may.origin.is_empty() {
        body.insert("allowed_origins".to_owned(), json!(may.origin));
    }
    if let Some(events_per_s) = may.rate {
        let burst = may.burst.unwrap_or(events_per_s.saturating_mul(2));
        let rate = json!({ "events_per_s": events_per_s, "burst": burst });
        body.insert("rate".to_owned(), rate);
    }
    body
}

fn path(name: &str) -> String {
    let mut path = "/applications/".to_owned();
    encode(&mut path, name);
    path
}

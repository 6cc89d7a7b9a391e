//! `eyas audit`: who did what.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli_admin::AuditArgs;
use crate::commands::admin::access::{Access, print, say};
use crate::commands::admin::table::{Table, time};
use crate::commands::query::query;
use crate::exit::CommandError;

#[derive(Deserialize)]
struct Page {
    audit: Vec<Line>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Line {
    id: u64,
    at: String,
    actor: String,
    act: String,
    object: String,
    detail: Box<RawValue>,
}

/// One page of the trail.
pub(crate) async fn run(access: &Access, args: &AuditArgs) -> Result<(), CommandError> {
    let (limit, before) = (args.limit.to_string(), args.before.map(|before| before.to_string()));
    let before = before.iter().map(|before| ("before", before.as_str()));
    let parameters = [("limit", limit.as_str())].into_iter().chain(before);
    let reply = access.get(&format!("/audit{}", query(parameters))).await?;
    if access.json {
        return print(&reply.line());
    }
    let page: Page = reply.read()?;
    let mut table = Table::new(&["id", "at", "who", "did", "to", "detail"]);
    for line in page.audit {
        let detail = line.detail.get();
        table.row([
            line.id.to_string(),
            time(Some(&line.at)),
            line.actor,
            line.act,
            line.object,
            if detail == "null" { "-" } else { detail }.to_owned(),
        ]);
    }
    print(&table.lines())?;
    if let Some(next) = page.next {
        say(&format!("there may be more: eyas audit --before {next}"));
    }
    Ok(())
}

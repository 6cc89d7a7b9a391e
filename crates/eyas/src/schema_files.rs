//! `[[schemas]]` of the configuration: which events, what becomes of those that do not fit, and the file with the schema.
//!
//! ```toml
//! [[schemas]]
//! stream = "events"                       # the default
//! category = "page interaction"           # left out: all categories
//! name = "cta click"                      # left out: all names
//! file = "schemas/cta-click.json"         # relative to the configuration
//! mode = "keep"                           # the default; or "reject", or "off"
//! ```
//!
//! Everything is read and compiled before anything is used, at the start and again on SIGHUP.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use model::StreamName;
use model::names::{LABEL_BYTES_MAX, check_label};
use pipeline::{Compiled, SCHEMA_BYTES_MAX, Schemas};
use store::{AuditEntry, AuditStore, ConfiguredSchema, SCHEMAS_MAX, SchemaKey, SchemaMode};
use tracing::{error, info};

use crate::spelling::nearest;

/// How the audit trail names whoever wrote the configuration.
pub(crate) const BY: &str = "config";
const KEYS: [&str; 5] = ["stream", "category", "name", "file", "mode"];

/// Reads the value of `schemas` in the configuration file `path`; what is wrong goes to `problems`.
pub(crate) fn read(
    value: &toml::Value,
    path: &Path,
    problems: &mut Vec<String>,
) -> Vec<ConfiguredSchema> {
    let mut all: Vec<ConfiguredSchema> = Vec::new();
    let tables = value.as_array().filter(|items| items.iter().all(toml::Value::is_table));
    let Some(tables) = tables else {
        problems.push(format!("{}: schemas are written as [[schemas]]", path.display()));
        return all;
    };
    if tables.len() > SCHEMAS_MAX {
        problems.push(format!("{}: more than {SCHEMAS_MAX} [[schemas]]", path.display()));
        return all;
    }
    for (nth, table) in tables.iter().filter_map(toml::Value::as_table).enumerate() {
        let place = format!("{}: [[schemas]] number {}", path.display(), nth + 1);
        match read_one(table, path.parent().unwrap_or(Path::new("."))) {
            Ok(schema) if all.iter().any(|other| other.key == schema.key) => {
                problems.push(format!(
                    "{place}: an earlier one has the same stream, category and name"
                ));
            }
            Ok(schema) => all.push(schema),
            Err(problem) => problems.push(format!("{place}: {problem}")),
        }
    }
    all
}

fn read_one(table: &toml::Table, base: &Path) -> Result<ConfiguredSchema, String> {
    if let Some(unknown) = table.keys().find(|name| !KEYS.contains(&name.as_str())) {
        let nearest = nearest(unknown, KEYS.into_iter());
        return Err(format!("unknown key `{unknown}`; did you mean `{nearest}`?"));
    }
    let text = |name: &str| match table.get(name) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` must be a text")),
    };
    let stream = text("stream")?.unwrap_or_else(|| StreamName::EVENTS.to_owned());
    StreamName::new(&stream).map_err(|error| format!("stream = {stream:?} {error}"))?;
    let (category, name) = (text("category")?, text("name")?);
    for (member, label) in [("category", &category), ("name", &name)] {
        if let Some(label) = label {
            check_label(label, LABEL_BYTES_MAX)
                .map_err(|error| format!("{member} = {label:?} {error}"))?;
        }
    }
    let mode = text("mode")?.unwrap_or_else(|| SchemaMode::Keep.as_str().to_owned());
    let mode = SchemaMode::parse(&mode)
        .ok_or_else(|| format!("mode = {mode:?} is none; there are off, keep and reject"))?;
    let file = text("file")?.ok_or("`file` is missing: name the file with the schema")?;
    let file = base.join(file);
    let size_bytes = file.metadata().map_err(|error| format!("{}: {error}", file.display()))?.len();
    if size_bytes > SCHEMA_BYTES_MAX as u64 {
        return Err(format!(
            "{}: has {size_bytes} bytes, more than {SCHEMA_BYTES_MAX}",
            file.display()
        ));
    }
    let schema =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let accepted =
        Compiled::compile(schema.trim()).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(ConfiguredSchema { key: SchemaKey { stream, category, name }, mode, text: accepted.text })
}

/// On SIGHUP: reads the schemas of the configuration again and puts them in force. Where anything is wrong, all stays as it is.
pub(crate) async fn reload(file: Option<&Path>, schemas: &Arc<Schemas>, audit: &dyn AuditStore) {
    let Some(file) = file else {
        info!("SIGHUP: there is no configuration file, so nothing to read again");
        return;
    };
    let outcome = match read_again(file).await {
        Ok(configured) => {
            let n_schemas = configured.len();
            let done = schemas.configure(configured, BY).await;
            done.map(|()| n_schemas).map_err(anyhow::Error::from)
        }
        Err(error) => Err(error),
    };
    let file = file.display().to_string();
    let detail = match &outcome {
        Ok(n_schemas) => {
            info!(file, n_schemas, "SIGHUP: the schemas of the configuration are in force");
            serde_json::json!({ "schemas": n_schemas })
        }
        Err(error) => {
            error!(file, %error, "SIGHUP: the configuration is wrong; what was in force stays in force");
            serde_json::json!({ "refused": format!("{error:#}") })
        }
    };
    let entry = AuditEntry {
        at: pipeline::now(),
        actor: "local".to_owned(),
        act: "config.reload".to_owned(),
        object: file,
        detail: detail.to_string(),
    };
    if let Err(error) = audit.audit(entry).await {
        error!(%error, "the audit trail has not taken a line");
    }
}

async fn read_again(file: &Path) -> anyhow::Result<Vec<ConfiguredSchema>> {
    let path = file.to_owned();
    let read = move || -> Result<_, Vec<String>> {
        let text = std::fs::read_to_string(&path).map_err(|error| vec![error.to_string()])?;
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| vec![error.message().to_owned()])?;
        let mut problems = Vec::new();
        let none = toml::Value::Array(Vec::new());
        let all = self::read(table.get("schemas").unwrap_or(&none), &path, &mut problems);
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    };
    let read = tokio::task::spawn_blocking(read).await?;
    read.map_err(|problems| anyhow!("{}", problems.join("; ")))
}

//! The course of the examination. Everything is looked at, whatever was found before.

use std::io::Write as _;
use std::time::SystemTime;

use anyhow::Context as _;
use serde_json::json;

use crate::admin_socket;
use crate::client::{Client, Server};
use crate::commands::doctor::finding::{Finding, Level};
use crate::commands::doctor::server::Served;
use crate::commands::doctor::{admin, database, folder, fsync, log, machine, server};
use crate::config::{Config, Survey};
use crate::exit::CommandError;
use crate::lock;
use crate::log_lane::LogLane;

/// Examines the configured data directory and the server on it, or the one at `url`, asked with `token`. Fails when
/// something does.
pub(crate) async fn run(
    survey: Survey,
    url: Option<&str>,
    token: Option<String>,
    json: bool,
) -> Result<(), CommandError> {
    let mut findings = Vec::new();
    match &survey.outcome {
        Ok(config) => {
            findings.push(match config.warnings.as_slice() {
                [] => Finding::ok("configuration", "can be used"),
                warnings => Finding::warn(
                    "configuration",
                    warnings.join("; "),
                    "`eyas config show` shows each value",
                ),
            });
            let here = std::env::current_dir().context("no current folder")?;
            let data_dir = here.join(&config.data_dir);
            let config = Config { data_dir, ..config.clone() };
            examine(&config, url, token, &mut findings).await?;
        }
        Err(error) => {
            let text = error.problems.join("; ");
            findings.push(Finding::fail(
                "configuration",
                text,
                "mend it; nothing that depends on it was looked at",
            ));
            findings.extend([
                machine::files(),
                machine::memory(),
                machine::clock(SystemTime::now(), None),
            ]);
        }
    }
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let text = if json {
        format!("{}\n", json!({ "level": worst, "findings": findings }))
    } else {
        findings.iter().map(Finding::lines).collect()
    };
    write!(std::io::stdout(), "{text}").context("cannot write to stdout")?;
    if worst < Level::Fail {
        return Ok(());
    }
    let n_failed = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    Err(anyhow::anyhow!("{n_failed} of {} checks failed", findings.len()).into())
}

async fn examine(
    config: &Config,
    url: Option<&str>,
    token: Option<String>,
    findings: &mut Vec<Finding>,
) -> Result<(), CommandError> {
    let holder = lock::holder(&config.data_dir).unwrap_or_default();
    let is_own = url.is_none() && holder.is_some();
    let is_free = holder.is_none();
    // The process on the data directory knows best where it listens.
    let url = match (url, &holder) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(note)) if !note.url.is_empty() => note.url.clone(),
        (None, _) => format!("http://{}", config.listen),
    };
    // An address that cannot be one answers nothing.
    let client = Client::new(&Server { url: url.clone(), token }).ok();
    let elsewhere = async { server::ask(client.as_ref()?, &url).await };
    let socket = admin_socket::client(&config.data_dir);
    let (mut served, admin) = tokio::join!(elsewhere, admin::look(&socket, holder.is_some()));
    // Whoever may open the socket needs no token to be told.
    if is_own && served.as_ref().is_some_and(Served::is_silent) {
        served = server::ask(&socket, &url).await.or(served);
    }
    let folder = folder::existing(&config.data_dir).to_owned();
    let measured = tokio::task::spawn_blocking(move || fsync::check(&folder));
    findings.extend([
        folder::permissions(&config.data_dir),
        folder::file_system(&config.data_dir),
        folder::space(&config.data_dir),
        measured.await.context("measuring the disk panicked")?,
        match (&served, &holder) {
            (Some(served), _) => server::log(served),
            // It is written this moment.
            (None, Some(_)) => Finding::ok("log", "not looked at: a server has it"),
            (None, None) => log::check(config.clone(), LogLane::Events).await,
        },
        database::check(&config.store).await,
        machine::files(),
        machine::memory(),
        machine::clock(SystemTime::now(), served.as_ref().and_then(|served| served.time)),
        server::port(config, served.as_ref(), holder.map(|note| note.pid)),
        admin,
    ]);
    findings.extend(served.as_ref().and_then(server::batches));
    if is_free && LogLane::Batches.dir(&config.data_dir).is_dir() {
        findings.push(log::check(config.clone(), LogLane::Batches).await);
    }
    Ok(())
}

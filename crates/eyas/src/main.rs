//! Eyas: one binary that takes JSON events over HTTP, never loses one, keeps them in a database that people
//! can query, and shows each one live.
//!
//! | room | what |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`config`] | file, environment, flags |
//! | [`wiring`] | the only place that names concrete drivers |
//! | [`commands`] | `serve`, `send`, `tail`, `log` |
//! | [`client`] | the HTTP client of `send` and `tail` |
//! | [`printable`] | texts of strangers on a terminal |
//! | [`banner`] | what a person sees when the server is ready |
//! | [`exit`] | how a command ends |

mod banner;
mod cli;
mod client;
mod commands;
mod config;
mod descriptors;
mod exit;
mod printable;
mod wiring;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, DirArgs, LogCommand, ServeArgs};
use crate::commands::log::renew::Task;
use crate::commands::log::{inspect, renew, verify};
use crate::commands::{send, serve, tail};
use crate::config::Config;
use crate::exit::CommandError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr is no reason to end otherwise.
            let _ = writeln!(std::io::stderr(), "error: {}", error.text());
            error.exit_code()
        }
    }
}

fn run(cli: &Cli) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    let result = runtime.block_on(dispatch(cli));
    // Whatever still runs on a blocking thread (a read of the database, say) holds up no exit.
    runtime.shutdown_background();
    result
}

async fn dispatch(cli: &Cli) -> Result<(), CommandError> {
    match &cli.command {
        None => serve::run(load(cli, &cli.serve)?, cli.json).await,
        Some(Command::Serve(args)) => {
            let flags = ServeArgs {
                listen: args.listen.clone().or_else(|| cli.serve.listen.clone()),
                data_dir: args.data_dir.clone().or_else(|| cli.serve.data_dir.clone()),
            };
            serve::run(load(cli, &flags)?, cli.json).await
        }
        Some(Command::Send(args)) => {
            send::run(args, &base_url(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Tail(args)) => {
            tail::run(args, &base_url(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Log(command)) => log(cli, command).await,
    }
}

async fn log(cli: &Cli, command: &LogCommand) -> Result<(), CommandError> {
    let load = |dir: &DirArgs| {
        let data_dir = dir.data_dir.clone().or_else(|| cli.serve.data_dir.clone());
        load(cli, &ServeArgs { data_dir, ..cli.serve.clone() })
    };
    match command {
        LogCommand::Inspect(dir) => inspect::run(load(dir)?, cli.json),
        LogCommand::Verify(dir) => verify::run(load(dir)?, cli.json),
        LogCommand::Repair(args) => {
            renew::run(Task::Repair, load(&args.dir)?, args.accept_loss, cli.json).await
        }
        LogCommand::Adopt(args) => {
            renew::run(Task::Adopt, load(&args.dir)?, args.accept_loss, cli.json).await
        }
    }
}

fn load(cli: &Cli, flags: &ServeArgs) -> Result<Config, CommandError> {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let here = std::env::current_dir().map_err(anyhow::Error::from)?;
    config::load(cli.config.as_deref(), &variables, flags, &here)
        .map_err(|error| CommandError::Config(error.to_string()))
}

/// The server that a client command talks to.
fn base_url(cli: &Cli, url: Option<&str>) -> Result<String, CommandError> {
    match url {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None => Ok(format!("http://{}", load(cli, &cli.serve)?.listen)),
    }
}

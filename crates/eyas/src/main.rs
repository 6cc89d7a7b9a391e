//! Eyas: one binary that takes JSON events over HTTP, never loses one, keeps them in a database that people
//! can query, and shows each one live.
//!
//! | room | what |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`config`] | file, environment, flags |
//! | [`wiring`] | the only place that names concrete drivers |
//! | [`commands`] | `serve`, `send`, `tail`, `log` |
//! | [`otlp`] | traces to a collector |
//! | [`logging`] | log lines, for people and for machines |
//! | [`client`] | the HTTP client of `send` and `tail` |
//! | [`units`] | times and sizes in words |
//! | [`printable`] | texts of strangers on a terminal |
//! | [`listen`] | the listening socket, our own or handed to us |
//! | [`handover`] | becoming the program on disk without losing a connection |
//! | [`lock`] | one process on one data directory |
//! | [`signals`], [`notify`] | what the system asks, what the service manager is told |
//! | [`banner`] | what a person sees when the server is ready |
//! | [`exit`] | how a command ends |

mod banner;
mod cli;
mod client;
mod commands;
mod config;
mod descriptors;
mod exit;
mod handover;
mod listen;
mod lock;
mod logging;
mod notify;
mod otlp;
mod printable;
mod signals;
mod units;
mod wiring;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, DirArgs, LogCommand, ServeArgs};
use crate::commands::load::command as load;
use crate::commands::log::renew::Task;
use crate::commands::log::{inspect, renew, verify};
use crate::commands::{restart, send, serve, tail};
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
    // Order matters: it changes the environment, so no thread may run yet.
    let inherited = listen::inherited()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    let result = runtime.block_on(dispatch(cli, inherited));
    // Whatever still runs on a blocking thread (a read of the database, say) holds up no exit.
    runtime.shutdown_background();
    result
}

async fn dispatch(cli: &Cli, inherited: Option<TcpListener>) -> Result<(), CommandError> {
    match &cli.command {
        None => start(cli, &cli.serve, inherited).await,
        Some(Command::Serve(args)) => {
            let flags = ServeArgs {
                listen: args.listen.clone().or_else(|| cli.serve.listen.clone()),
                data_dir: args.data_dir.clone().or_else(|| cli.serve.data_dir.clone()),
                log_format: args.log_format.clone().or_else(|| cli.serve.log_format.clone()),
                check: args.check || cli.serve.check,
            };
            start(cli, &flags, inherited).await
        }
        Some(Command::Restart(args)) => {
            let data_dir = args.data_dir.clone().or_else(|| cli.serve.data_dir.clone());
            let flags = ServeArgs { data_dir, ..cli.serve.clone() };
            restart::run(&configured(cli, &flags)?.data_dir, cli.json).await
        }
        Some(Command::Send(args)) => {
            send::run(args, &base_url(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Load(args)) => {
            load::run(args, &base_url(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Tail(args)) => {
            tail::run(args, &base_url(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Log(command)) => log(cli, command).await,
    }
}

async fn log(cli: &Cli, command: &LogCommand) -> Result<(), CommandError> {
    let config = |dir: &DirArgs| {
        let data_dir = dir.data_dir.clone().or_else(|| cli.serve.data_dir.clone());
        configured(cli, &ServeArgs { data_dir, ..cli.serve.clone() })
    };
    match command {
        LogCommand::Inspect(dir) => inspect::run(config(dir)?, cli.json),
        LogCommand::Verify(dir) => verify::run(config(dir)?, cli.json),
        LogCommand::Repair(args) => {
            renew::run(Task::Repair, config(&args.dir)?, args.accept_loss, cli.json).await
        }
        LogCommand::Adopt(args) => {
            renew::run(Task::Adopt, config(&args.dir)?, args.accept_loss, cli.json).await
        }
    }
}

async fn start(
    cli: &Cli,
    flags: &ServeArgs,
    inherited: Option<TcpListener>,
) -> Result<(), CommandError> {
    let config = configured(cli, flags)?;
    if flags.check {
        return Ok(());
    }
    serve::run(config, inherited, cli.json).await
}

fn configured(cli: &Cli, flags: &ServeArgs) -> Result<Config, CommandError> {
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
        None => Ok(format!("http://{}", configured(cli, &cli.serve)?.listen)),
    }
}

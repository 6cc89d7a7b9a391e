//! Eyas: one binary that takes JSON events over HTTP, never loses one, keeps them in a database that people
//! can query, and shows each one live.
//!
//! | room | what |
//! |---|---|
//! | [`cli`], [`cli_admin`], [`cli_schema`], [`cli_import`], [`cli_at`] | the command line |
//! | [`config`] | file, environment, flags |
//! | [`schema_files`] | the schemas that the configuration names |
//! | [`server`], [`parts`], [`refusals`] | the server as one value, and why it does not start |
//! | [`opening`], [`snapshot`] | on what the server stands: its database, or what it kept of it |
//! | [`wiring`] | the only place that names concrete drivers |
//! | [`otlp`] | traces to a collector |
//! | [`logging`] | log lines, for people and for machines |
//! | [`commands`] | `serve`, `restart`, `send`, `import`, `tail`, `load`, `doctor`, `config`, `log`, and those of administration |
//! | [`client`], [`outgoing`], [`dial`] | the HTTP client of the client commands |
//! | [`admin_socket`] | the Unix socket of administration |
//! | [`spelling`] | what a wrong word may have meant |
//! | [`units`] | times and sizes in words |
//! | [`printable`] | texts of strangers on a terminal |
//! | [`listen`] | the listening socket, our own or handed to us |
//! | [`handover`] | becoming the program on disk without losing a connection |
//! | [`data_dir`] | the folder of the log and the database |
//! | [`lock`] | one process on one data directory |
//! | [`signals`], [`notify`] | what the system asks, what the service manager is told |
//! | [`banner`] | what a person sees when the server is ready |
//! | [`exit`] | how a command ends |

mod address;
mod admin_socket;
mod ages;
mod banner;
mod batch_lane;
mod cli;
mod cli_admin;
mod cli_at;
mod cli_import;
mod cli_query;
mod cli_schema;
mod client;
mod commands;
mod config;
mod config_layers;
mod data_dir;
mod descriptors;
mod dial;
mod exit;
mod handover;
mod listen;
mod lock;
mod log_lane;
mod logging;
mod notify;
mod opening;
mod otlp;
mod outgoing;
mod parts;
mod place;
mod printable;
mod queries_config;
mod query_check;
mod rates;
mod refusals;
mod schema_files;
mod secrets;
mod server;
mod shown;
mod signals;
mod snapshot;
mod spelling;
mod store_config;
mod tables_config;
mod tenancy;
mod units;
mod user_tables;
mod wiring;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::env::VarError;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;

use crate::cli::{Cli, Command, ConfigCommand, DirArgs, LogCommand, Overrides, ServeArgs};
use crate::cli_admin::AdminCommand;
use crate::cli_query::QueryCommand;
use crate::client::Server;
use crate::commands::admin::access::Target;
use crate::commands::admin::command as admin;
use crate::commands::doctor::command as doctor;
use crate::commands::import::command as import;
use crate::commands::load::command as load;
use crate::commands::log::renew::Task;
use crate::commands::log::{inspect, renew, verify};
use crate::commands::{published, queries, restart, send, serve, settings, tail};
use crate::config::{Config, Survey};
use crate::exit::CommandError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Of the tests: a constant that is false where the binary is shipped.
    if cfg!(debug_assertions)
        && let Ok(place) = std::env::var("KILL_EYAS_AT")
    {
        crash::arm(&place);
    }
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
            let overrides = args.overrides.or(&cli.serve.overrides);
            let check = args.check || cli.serve.check;
            start(cli, &ServeArgs { overrides, check }, inherited).await
        }
        Some(Command::Restart(args)) => {
            let flags = args.overrides().or(&cli.serve.overrides);
            restart::run(&configured(cli, &flags)?.data_dir, cli.json).await
        }
        Some(Command::Doctor(args)) => {
            let survey = survey(cli, &args.overrides.or(&cli.serve.overrides))?;
            doctor::run(survey, args.url.as_deref(), token()?, cli.json).await
        }
        Some(Command::Config(ConfigCommand::Check(flags))) => {
            settings::check(survey(cli, &flags.or(&cli.serve.overrides))?, cli.json)
        }
        Some(Command::Config(ConfigCommand::Show(flags))) => {
            settings::show(survey(cli, &flags.or(&cli.serve.overrides))?, cli.json)
        }
        Some(Command::Completions { shell }) => completions(*shell),
        Some(Command::Send(args)) => {
            send::run(args, &server(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Import(args)) => {
            import::run(args, &server(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Load(args)) => {
            load::run(args, &server(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Tail(args)) => {
            tail::run(args, &server(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Log(command)) => log(cli, command).await,
        Some(Command::Query(QueryCommand::Check { data_dir })) => {
            let flags = Overrides { data_dir: data_dir.clone(), ..Overrides::default() };
            let config = configured(cli, &flags.or(&cli.serve.overrides))?;
            queries::run(&config, cli.json).await
        }
        Some(Command::Query(QueryCommand::List { url })) => {
            published::list(&server(cli, url.as_deref())?, cli.json).await
        }
        Some(Command::Query(QueryCommand::Run(args))) => {
            published::run(args, &server(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Query(QueryCommand::Plan(args))) => {
            published::plan(args, &server(cli, args.url.as_deref())?, cli.json).await
        }
        Some(Command::Admin(command)) => administer(cli, command).await,
    }
}

async fn administer(cli: &Cli, command: &AdminCommand) -> Result<(), CommandError> {
    let at = admin::at(command);
    let variable = std::env::var("EYAS_URL").ok().filter(|url| !url.is_empty());
    // A flag goes before the variable.
    let given = at.data_dir.as_ref().or(cli.serve.overrides.data_dir.as_ref());
    let target = match (&at.url, given, variable) {
        (Some(url), _, _) => Target::Server(server(cli, Some(url))?),
        (None, None, Some(url)) => Target::Server(server(cli, Some(&url))?),
        (None, _, _) => {
            let flags = Overrides { data_dir: at.data_dir.clone(), ..Overrides::default() };
            let config = Box::new(configured(cli, &flags.or(&cli.serve.overrides))?);
            Target::Directory { config, is_made: admin::makes_a_directory(command) }
        }
    };
    admin::run(command, target, cli.json).await
}

async fn log(cli: &Cli, command: &LogCommand) -> Result<(), CommandError> {
    let config = |dir: &DirArgs| configured(cli, &dir.overrides().or(&cli.serve.overrides));
    match command {
        LogCommand::Inspect(at) => inspect::run(config(&at.dir)?, at.lane, cli.json).await,
        LogCommand::Verify(at) => verify::run(config(&at.dir)?, at.lane, cli.json).await,
        LogCommand::Repair(args) => {
            let config = config(&args.at.dir)?;
            renew::run(Task::Repair, config, args.at.lane, args.accept_loss, cli.json).await
        }
        LogCommand::Adopt(args) => {
            let (task, args) = (Task::Adopt { renumbers: args.renumber }, &args.renew);
            let config = config(&args.at.dir)?;
            renew::run(task, config, args.at.lane, args.accept_loss, cli.json).await
        }
    }
}

async fn start(
    cli: &Cli,
    flags: &ServeArgs,
    inherited: Option<TcpListener>,
) -> Result<(), CommandError> {
    if flags.check {
        return settings::check(survey(cli, &flags.overrides)?, cli.json);
    }
    serve::run(configured(cli, &flags.overrides)?, inherited, cli.json).await
}

fn configured(cli: &Cli, flags: &Overrides) -> Result<Config, CommandError> {
    survey(cli, flags)?.outcome.map_err(|error| CommandError::Config(error.to_string()))
}

fn survey(cli: &Cli, flags: &Overrides) -> Result<Survey, CommandError> {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let here = std::env::current_dir().map_err(anyhow::Error::from)?;
    Ok(config::survey(cli.config.as_deref(), &variables, flags, &here))
}

fn completions(shell: Shell) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "eyas", &mut script);
    std::io::stdout().write_all(&script).map_err(anyhow::Error::from)?;
    Ok(())
}

/// The server that a client command talks to.
fn server(cli: &Cli, url: Option<&str>) -> Result<Server, CommandError> {
    let url = match url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", configured(cli, &cli.serve.overrides)?.listen),
    };
    Ok(Server { url, token: token()? })
}

/// What `EYAS_TOKEN` holds.
fn token() -> Result<Option<String>, CommandError> {
    match std::env::var("EYAS_TOKEN") {
        Ok(token) if token.trim().is_empty() => Ok(None),
        Ok(token) => Ok(Some(token)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(CommandError::Config("EYAS_TOKEN is no token: it is not even text".to_owned()))
        }
    }
}

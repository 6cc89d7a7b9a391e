//! Which command does what.

use crate::cli_admin::{AdminCommand, AppCommand, JobsCommand, TokenCommand};
use crate::cli_at::At;
use crate::cli_schema::SchemaCommand;
use crate::commands::admin::access::{self, Access, Target};
use crate::commands::admin::{applications, audit, jobs, login, replay, schemas, tokens};
use crate::exit::CommandError;

/// Where the command wants to go.
pub(crate) fn at(command: &AdminCommand) -> &At {
    match command {
        AdminCommand::App(AppCommand::Create(args)) => &args.at,
        AdminCommand::App(AppCommand::List(at))
        | AdminCommand::Schema(SchemaCommand::List(at))
        | AdminCommand::Login(at) => at,
        AdminCommand::App(AppCommand::Set(args)) => &args.at,
        AdminCommand::App(AppCommand::Disable(args)) => &args.at,
        AdminCommand::Token(TokenCommand::Create(args)) => &args.at,
        AdminCommand::Token(TokenCommand::List(args)) => &args.at,
        AdminCommand::Token(TokenCommand::Rotate(args)) => &args.at,
        AdminCommand::Token(TokenCommand::Revoke(args)) => &args.at,
        AdminCommand::Schema(SchemaCommand::Versions(args) | SchemaCommand::Off(args)) => &args.at,
        AdminCommand::Schema(SchemaCommand::Put(args)) => &args.at,
        AdminCommand::Schema(SchemaCommand::Activate(args)) => &args.at,
        AdminCommand::Schema(SchemaCommand::Test(args)) => &args.at,
        AdminCommand::Replay(args) => &args.at,
        AdminCommand::Jobs(args) => match &args.command {
            None => &args.at,
            Some(
                JobsCommand::Show(job)
                | JobsCommand::Pause(job)
                | JobsCommand::Resume(job)
                | JobsCommand::Cancel(job),
            ) => &job.at,
        },
        AdminCommand::Audit(args) => &args.at,
    }
}

/// Whether it is one of those that prepare a first start.
pub(crate) fn makes_a_directory(command: &AdminCommand) -> bool {
    matches!(
        command,
        AdminCommand::App(AppCommand::Create(_)) | AdminCommand::Token(TokenCommand::Create(_))
    )
}

/// Carries it out.
pub(crate) async fn run(
    command: &AdminCommand,
    target: Target,
    json: bool,
) -> Result<(), CommandError> {
    access::with(target, json, async |access: &Access| carry_out(command, access).await).await
}

async fn carry_out(command: &AdminCommand, access: &Access) -> Result<(), CommandError> {
    match command {
        AdminCommand::App(AppCommand::Create(args)) => applications::create(access, args).await,
        AdminCommand::App(AppCommand::List(_)) => applications::list(access).await,
        AdminCommand::App(AppCommand::Set(args)) => applications::set(access, args).await,
        AdminCommand::App(AppCommand::Disable(args)) => applications::disable(access, args).await,
        AdminCommand::Token(TokenCommand::Create(args)) => tokens::create(access, args).await,
        AdminCommand::Token(TokenCommand::List(args)) => tokens::list(access, args).await,
        AdminCommand::Token(TokenCommand::Rotate(args)) => tokens::rotate(access, args).await,
        AdminCommand::Token(TokenCommand::Revoke(args)) => tokens::revoke(access, args).await,
        AdminCommand::Login(_) => login::run(access).await,
        AdminCommand::Schema(SchemaCommand::List(_)) => schemas::list(access).await,
        AdminCommand::Schema(SchemaCommand::Versions(args)) => {
            schemas::versions(access, args).await
        }
        AdminCommand::Schema(SchemaCommand::Put(args)) => schemas::put(access, args).await,
        AdminCommand::Schema(SchemaCommand::Activate(args)) => {
            schemas::activate(access, args).await
        }
        AdminCommand::Schema(SchemaCommand::Test(args)) => schemas::test(access, args).await,
        AdminCommand::Schema(SchemaCommand::Off(args)) => schemas::off(access, args).await,
        AdminCommand::Replay(args) => replay::run(access, args).await,
        AdminCommand::Jobs(args) => jobs::run(access, args).await,
        AdminCommand::Audit(args) => audit::run(access, args).await,
    }
}

//! The command line of administration. Every help text ends with an example that works.

use clap::{Args, Subcommand};

use crate::cli_at::At;
use crate::cli_schema::SchemaCommand;
use crate::units;

/// Commands that administer.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Applications: the clients that send and read, each with tokens of its own
    #[command(subcommand)]
    App(AppCommand),
    /// Tokens: who may send, read and administer
    #[command(subcommand)]
    Token(TokenCommand),
    /// Get an address that signs a browser in to the console, once
    #[command(
        after_help = "The address holds a code that works once and for ten minutes. Whoever opens it may everything that \
        you may here. stdout has the address and nothing else.\n\n\
        Examples:\n  eyas login\n  xdg-open \"$(eyas login)\"\n  eyas login --data-dir /var/lib/eyas --json"
    )]
    Login(At),
    /// Schemas: what a valid event is
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Try dead letters again: a preview, a question, then a job with its progress
    #[command(
        after_help = "Without --seq or a filter it is about every dead letter that is open. The preview says how many those are; \
        --yes answers the question. Each keeps its id and its place. Those that have died three times or more are left out, \
        unless --include-repeated or --seq names them.\n\n\
        Ctrl-C leaves the job running: `eyas jobs` shows it, `eyas jobs cancel ID` ends it.\n\n\
        Exit codes: 0 all were replayed, or there were none · 1 some died again, or the job ended early · 3 refused, for \
        instance because another job runs · 4 no server and no data directory.\n\n\
        Examples:\n  eyas replay --dry-run\n  eyas replay --reason constraint --yes\n  eyas replay --seq 4711 --seq 4720 --yes\n  \
        eyas replay --category shop --rate 50 --stop-after 10"
    )]
    Replay(ReplayArgs),
    /// Jobs: replays and revalidations, running and past
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Without a command it lists them, newest first.\n\n\
        Examples:\n  eyas jobs\n  eyas jobs show 3\n  eyas jobs pause 3\n  eyas jobs cancel 3 --data-dir /var/lib/eyas"
    )]
    Jobs(JobsArgs),
    /// Who did what, newest first
    #[command(
        after_help = "Every act of administration leaves a line: tokens, schemas, replays, sign-ins.\n\n\
        Examples:\n  eyas audit\n  eyas audit --limit 1000 --json\n  eyas audit --before 420"
    )]
    Audit(AuditArgs),
}

/// What to do with applications.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Make one
    #[command(
        after_help = "Its name stands in every event that it sends, so it stays for good; what it may no longer do is \
        switched off with `eyas app disable`. Works before the first start: it makes the data directory.\n\n\
        Examples:\n  eyas app create shop\n  eyas app create shop-page --origin https://shop.example --rate 20"
    )]
    Create(AppCreate),
    /// List them
    #[command(after_help = "Examples:\n  eyas app list\n  eyas app list --json")]
    List(At),
    /// Change what one may
    #[command(after_help = "What is not named stays as it is.\n\n\
        Examples:\n  eyas app set shop --rate 500 --burst 2000\n  eyas app set shop --no-rate\n  \
        eyas app set shop-page --origin https://shop.example --origin https://www.shop.example\n  eyas app set shop --enable")]
    Set(AppSet),
    /// Refuse all its tokens at once
    #[command(
        after_help = "In force with the next request. `eyas app set NAME --enable` takes it back.\n\n\
        Example:\n  eyas app disable shop"
    )]
    Disable(AppName),
}

/// A new application.
#[derive(Debug, Args)]
pub(crate) struct AppCreate {
    /// Letters, digits, `_`, `.` and `-`, at most 64
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) may: AppMay,

    #[command(flatten)]
    pub(crate) at: At,
}

/// What an application may.
#[derive(Debug, Args)]
pub(crate) struct AppMay {
    /// Pages of this origin may use its browser tokens; repeat for several
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Vec<String>,

    /// Events a second that it may send
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,

    /// Events that it may send at once [default: twice the rate]
    #[arg(long, value_name = "N", requires = "rate")]
    pub(crate) burst: Option<u32>,
}

/// One application.
#[derive(Debug, Args)]
pub(crate) struct AppName {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) at: At,
}

/// Changes to an application.
#[derive(Debug, Args)]
pub(crate) struct AppSet {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) may: AppMay,

    /// No pages of other origins
    #[arg(long, conflicts_with = "origin")]
    pub(crate) no_origins: bool,

    /// No limit of its own
    #[arg(long, conflicts_with = "rate")]
    pub(crate) no_rate: bool,

    /// Take back `eyas app disable`
    #[arg(long)]
    pub(crate) enable: bool,

    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make one; it is shown this once
    #[command(
        after_help = "stdout has the token and nothing else. As soon as there is one token, every request needs one; on this machine \
        administration does not. Works before the first start: it makes the data directory.\n\n\
        Scopes: write, read, admin; write:STREAM and read:STREAM narrow to a stream.\n\n\
        Examples:\n  eyas token create --app shop --scope write\n  \
        EYAS_TOKEN=$(eyas token create --app shop --scope read) eyas tail\n  \
        eyas token create --app shop --scope write:orders --scope read:orders --label till-3 --expires 720h\n  \
        eyas token create --app shop-page --scope write --browser --json"
    )]
    Create(TokenCreate),
    /// List them; their texts are kept nowhere
    #[command(after_help = "Examples:\n  eyas token list\n  eyas token list --app shop --json")]
    List(TokenList),
    /// Make one that takes another's place, which goes on for a while
    #[command(
        after_help = "The new token has the same scopes and label. The old one expires when the overlap is over, so clients can be \
        changed one by one.\n\n\
        Examples:\n  eyas token rotate 7fK2\n  eyas token rotate 7fK2 --overlap 1h"
    )]
    Rotate(TokenRotate),
    /// End one, with the next request
    #[command(after_help = "Example:\n  eyas token revoke 7fK2")]
    Revoke(TokenId),
}

/// A new token.
#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    /// Whose it is
    #[arg(long, value_name = "NAME")]
    pub(crate) app: String,

    /// What it may: write, read, admin, write:STREAM, read:STREAM; repeat for several
    #[arg(long, value_name = "SCOPE", required = true)]
    pub(crate) scope: Vec<String>,

    /// What it is for, in a few words
    #[arg(long)]
    pub(crate) label: Option<String>,

    /// When it ends: 30m, 720h [default: never]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) expires: Option<u64>,

    /// For pages: only writes, and only from the application's origins
    #[arg(long)]
    pub(crate) browser: bool,

    #[command(flatten)]
    pub(crate) at: At,
}

/// Which tokens.
#[derive(Debug, Args)]
pub(crate) struct TokenList {
    /// Only those of this application
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,

    #[command(flatten)]
    pub(crate) at: At,
}

/// A token and its successor.
#[derive(Debug, Args)]
pub(crate) struct TokenRotate {
    /// Its id, as `eyas token list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// How long the old one goes on: 0, 30m, 24h
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
    pub(crate) overlap: u64,

    #[command(flatten)]
    pub(crate) at: At,
}

/// One token.
#[derive(Debug, Args)]
pub(crate) struct TokenId {
    /// Its id, as `eyas token list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) at: At,
}

/// What to replay, and how.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// This one; repeat for several
    #[arg(long, value_name = "SEQ", conflicts_with_all = ["reason", "application", "stream", "category", "name"])]
    pub(crate) seq: Vec<u64>,

    /// Only those that died for this reason
    #[arg(long)]
    pub(crate) reason: Option<String>,

    /// Only those of this application
    #[arg(long, value_name = "NAME")]
    pub(crate) application: Option<String>,

    /// Only those of this stream
    #[arg(long)]
    pub(crate) stream: Option<String>,

    /// Only those of this category
    #[arg(long)]
    pub(crate) category: Option<String>,

    /// Only those of this name
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Say what would be replayed, and end
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,

    /// Events a second [default: 200]
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,

    /// Stop when so many have died again [default: 50]
    #[arg(long, value_name = "N")]
    pub(crate) stop_after: Option<u32>,

    /// Those too that have died three times or more
    #[arg(long)]
    pub(crate) include_repeated: bool,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) at: At,
}

/// Jobs.
#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<JobsCommand>,

    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do with one.
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Show how far it is
    #[command(after_help = "Example:\n  eyas jobs show 3 --json")]
    Show(JobId),
    /// Hold it
    #[command(after_help = "Example:\n  eyas jobs pause 3")]
    Pause(JobId),
    /// Let it go on
    #[command(after_help = "Example:\n  eyas jobs resume 3")]
    Resume(JobId),
    /// End it; what is done stays done
    #[command(after_help = "Example:\n  eyas jobs cancel 3")]
    Cancel(JobId),
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct JobId {
    /// Its id, as `eyas jobs` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) at: At,
}

/// Which lines of the audit trail.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// At most so many lines
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,

    /// Only lines before this one, by its number
    #[arg(long, value_name = "N")]
    pub(crate) before: Option<u64>,

    #[command(flatten)]
    pub(crate) at: At,
}

fn seconds(text: &str) -> Result<u64, String> {
    let time = units::duration(text);
    time.map(|time| time.as_secs())
        .ok_or_else(|| "a time needs its unit, like 90s, 30m or 24h".to_owned())
}

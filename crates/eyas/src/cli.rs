//! The command line. Every help text ends with an example that works.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::cli_admin::AdminCommand;
use crate::cli_import::ImportArgs;
use crate::cli_query::QueryCommand;
use crate::log_lane::LogLane;
use crate::units;

/// One binary that takes JSON events over HTTP, never loses one, keeps them in a database that people can
/// query, and shows each one live.
#[derive(Debug, Parser)]
#[command(
    name = "eyas",
    version,
    after_help = "Without a command, `eyas` serves: http://127.0.0.1:8080, data in ./eyas-data.\n\n\
        Settings come from eyas.toml, then EYAS_* environment variables, then flags.\n\n\
        Examples:\n  eyas\n  eyas --config /etc/eyas.toml serve\n  \
        eyas send --category demo --name hello --data '{\"n\":1}'\n  eyas tail --since beginning"
)]
pub(crate) struct Cli {
    /// Configuration file [default: eyas.toml in this folder, if there is one]
    #[arg(long, value_name = "FILE", env = "EYAS_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Answers as JSON on stdout; words stay on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) serve: ServeArgs,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default)
    #[command(
        after_help = "Stops on SIGTERM or Ctrl-C: finishes requests in flight, then what the database still \
        lacks, seals the log, and ends with 0. On SIGUSR2 the program on disk takes over, without one refused or \
        failed request (`eyas restart`).\n\n\
        Exit codes: 0 stopped · 65 the log is damaged · 74 a write or fsync failed · 75 another eyas holds the \
        data directory · 78 the configuration is wrong · 1 anything else.\n\n\
        Example:\n  eyas serve --listen 127.0.0.1:9000 --data-dir /var/lib/eyas"
    )]
    Serve(ServeArgs),
    /// Let the program on disk take over from the running server, without a failed request
    #[command(
        after_help = "For a new version or a changed configuration. The running server first checks that the \
        program on disk starts and likes the configuration. Then it finishes what is in flight and becomes that \
        program: same process, same listening socket; who connects meanwhile waits a moment.\n\n\
        Exit codes: 0 the new program is ready · 1 it was refused, the old one goes on · 4 no server runs on the \
        data directory.\n\n\
        Example:\n  eyas restart --data-dir /var/lib/eyas"
    )]
    Restart(DirArgs),
    /// Look for what would keep a server from running well, each with its fix
    #[command(
        after_help = "Looks at the configuration, the data directory and its disk (with measured fsyncs), log and \
        database, file descriptors, memory, the clock, the port, and the server if one runs. Stores nothing; a small \
        file for the fsyncs is made and removed.\n\n\
        Exit codes: 0 nothing keeps it from running (there may be warnings) · 1 something does.\n\n\
        Examples:\n  eyas doctor\n  eyas --config /etc/eyas.toml doctor --json"
    )]
    Doctor(DoctorArgs),
    /// Check the configuration, or show where each value comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell
    #[command(
        after_help = "Examples:\n  eyas completions bash > /usr/share/bash-completion/completions/eyas\n  \
        eyas completions zsh > \"${fpath[1]}/_eyas\"\n  \
        eyas completions fish > ~/.config/fish/completions/eyas.fish"
    )]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Send one event, or a file of events
    #[command(
        after_help = "Examples:\n  eyas send --category demo --name hello --data '{\"n\":1}'\n  \
        eyas send --stream orders --data '{\"order\":17}'\n  eyas send events.ndjson\n  \
        zcat events.ndjson.gz | eyas send -\n\n\
        A file has one JSON event a line. Events without an id get one before they are sent, so a broken \
        connection is mended by sending again, and nothing is stored twice.\n\n\
        Exit codes: 0 all accepted · 3 the server refused · 4 the server cannot be reached."
    )]
    Send(SendArgs),
    /// Import a file of rows into a table, all of them or none
    #[command(after_help = "Examples:\n  eyas import prices.csv --into prices\n  \
        eyas import prices.ndjson.gz --into prices --dry-run\n  zcat p.csv.gz | eyas import - --into prices --format csv\n  \
        eyas import --from-dump rates.sql\n\n\
        The rows become visible at once, when the last one is there. Whatever breaks meanwhile, the same command goes \
        on where the server stands; a file that was committed already is not sent again. From a dump of `pg_dump` (plain, \
        with COPY) each table is a batch, behind those that it refers to.\n\n\
        Exit codes: 0 committed (with --no-wait: received whole) · 3 the server refused the request · 4 it cannot be \
        reached · 5 rows are wrong, or the batch was cancelled: nothing is stored.")]
    Import(ImportArgs),
    /// Load a server with events at a fixed rate, then prove that every accepted one is stored
    #[command(
        after_help = "An open loop: requests are sent when they are due, and a latency counts from then, so a server \
        that stalls cannot hide it. A request whose outcome is unknown is sent again with the same ids.\n\n\
        After the sending the events are read back: each accepted one must be there once, byte for byte, and none \
        that was refused. Ctrl-C ends the sending early; the proof follows all the same.\n\n\
        Exit codes: 0 nothing accepted is missing, doubled or changed · 1 something is, or the proof could not be \
        carried out · 4 the server cannot be reached.\n\n\
        Examples:\n  eyas load\n  eyas load --rate 20000 --for 60s --events-per-request 10 --json\n  \
        eyas load --rate 200 --size 100000 --connections 8"
    )]
    Load(LoadArgs),
    /// Follow events as they are accepted
    #[command(
        after_help = "Examples:\n  eyas tail\n  eyas tail --since beginning --name 'cta*' --json\n  \
        eyas tail --stream orders --count 10\n\n\
        A lost connection is taken up again after the last event seen; then stderr says what was missed: \
        \"missed 1,234 events while away for 4.1 s, caught up\", or that there is a gap. stdout has events only.\n\n\
        Exit codes: 0 ended by Ctrl-C, --count, or a closed stdout · 3 refused · 4 no server at the first try."
    )]
    Tail(TailArgs),
    /// Look at the log, check it, mend it
    #[command(subcommand)]
    Log(LogCommand),
    /// Published queries: what the database makes of them
    #[command(subcommand)]
    Query(QueryCommand),
    #[command(flatten)]
    Admin(AdminCommand),
}

/// What to do with the log. `--json` answers as JSON.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show segments, positions, and what a start would do
    #[command(after_help = "Changes nothing, works while a server runs, and on a damaged log.\n\n\
        Examples:\n  eyas log inspect\n  eyas log inspect --lane batches      also lists each batch that stands there\n  eyas log inspect --data-dir /var/lib/eyas --json")]
    Inspect(LogArgs),
    /// Read and check every frame, and compare with the database
    #[command(
        after_help = "Changes nothing and works while a server runs. Each damaged place is named with file and offset.\n\n\
        Exit codes: 0 all good · 65 something is not; the message names the command that helps.\n\n\
        Example:\n  eyas log verify --data-dir /var/lib/eyas"
    )]
    Verify(LogArgs),
    /// Make a damaged log open again, without what is damaged
    #[command(
        after_help = "First restore log and database together from a backup, if there is one. Without one:\n  \
        1. eyas log repair                 lists each record that would be lost; changes nothing\n  \
        2. eyas log repair --accept-loss   writes the log anew from every append that is whole, also behind the\n     \
        damage, and puts it in place in one step\n\n\
        The old log stays beside the new one (log/events.repair-<time>), and so does the list of what was lost\n\
        (….jsonl). It needs as much free space as the log is large. The log gets a new id and its next seq jumps past\n\
        everything ever used: readers with older cursors are told of a gap.\n\n\
        With --lane batches the new log is empty: a batch is nothing without all its rows. Those that the database does\n\
        not have are listed, to be uploaded again.\n\n\
        Exit codes: 0 done, or nothing to repair · 65 nothing was changed · 75 stop the server first.\n\n\
        Example:\n  eyas log repair --data-dir /var/lib/eyas"
    )]
    Repair(RenewArgs),
    /// Bind a log and a database that do not belong together
    #[command(
        after_help = "For a database or a log that was wiped, restored to an earlier state, or exchanged. First restore\n\
        the two together from a backup, if there is one. Without one:\n  \
        1. eyas log adopt                 says what that would mean; changes nothing\n  \
        2. eyas log adopt --accept-loss   does it\n\n\
        What the database has stays. Records of the log that it lacks go into it: under their old numbers if this\n\
        log fed it, else under new ones (events whose ids it has stay single). The log gets a new id and its next seq\n\
        jumps past everything ever used by either: readers with older cursors are told of a gap. The old log and a\n\
        report stay beside the new one (log/events.adopt-<time>).\n\n\
        Where two copies of one data directory have run on one database (PostgreSQL), their logs have the same name and\n\
        other events under the same numbers. The copy that a start refuses is brought in by --renumber.\n\n\
        Exit codes: 0 done, or nothing to adopt · 65 nothing was changed · 75 stop the server first.\n\n\
        Examples:\n  eyas log adopt --data-dir /var/lib/eyas\n  eyas log adopt --renumber --accept-loss"
    )]
    Adopt(AdoptArgs),
}

/// Where the log is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DirArgs {
    /// Folder of the log and the database [default: as configured, else ./eyas-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
}

impl DirArgs {
    /// The same as settings.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { data_dir: self.data_dir.clone(), ..Overrides::default() }
    }
}

/// Where the log is, and which of the two.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) dir: DirArgs,

    /// The log of the events, or that of the batches for tables
    #[arg(long, value_enum, default_value = "events", value_name = "LANE")]
    pub(crate) lane: LogLane,
}

/// Where the log is, and whether to go ahead.
#[derive(Clone, Debug, Args)]
pub(crate) struct RenewArgs {
    #[command(flatten)]
    pub(crate) at: LogArgs,

    /// Do it. Without this, it only says what would be lost
    #[arg(long)]
    pub(crate) accept_loss: bool,
}

/// The same for an adoption.
#[derive(Clone, Debug, Args)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    pub(crate) renew: RenewArgs,

    /// A copy of this log has fed the database: all of this one goes in, under new numbers, each id once
    #[arg(long)]
    pub(crate) renumber: bool,
}

/// Flags of `serve`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) overrides: Overrides,

    /// Look at the configuration only: all that is wrong with it, and the end
    #[arg(long)]
    pub(crate) check: bool,
}

/// Settings that have a flag.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Overrides {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,

    /// Folder of the log and the database; made if missing [default: ./eyas-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,

    /// How log lines look: text, or json for one object a line [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

impl Overrides {
    /// These, and where they say nothing, `others`.
    pub(crate) fn or(&self, others: &Self) -> Self {
        Self {
            listen: self.listen.clone().or_else(|| others.listen.clone()),
            data_dir: self.data_dir.clone().or_else(|| others.data_dir.clone()),
            log_format: self.log_format.clone().or_else(|| others.log_format.clone()),
        }
    }
}

/// What `doctor` looks at.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) overrides: Overrides,

    /// Address of the server [default: `$EYAS_URL`, else the configured `listen`]
    #[arg(long, env = "EYAS_URL")]
    pub(crate) url: Option<String>,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say all that is wrong with it, at once
    #[command(after_help = "Opens nothing and starts nothing.\n\n\
        Exit codes: 0 it can be used (there may be warnings) · 78 it cannot.\n\n\
        Examples:\n  eyas config check\n  eyas --config /etc/eyas.toml config check --json")]
    Check(Overrides),
    /// Show each value and where it came from, secrets as ***
    #[command(
        after_help = "The file comes first, then EYAS_* environment variables, then flags.\n\n\
        Examples:\n  eyas config show\n  EYAS_LISTEN=127.0.0.1:9000 eyas config show --json"
    )]
    Show(Overrides),
}

/// What `send` sends, and where to.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// NDJSON file of events, `-` for standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["data", "category", "name", "session_id", "id", "timestamp"])]
    pub(crate) file: Option<PathBuf>,

    /// Address of the server [default: `$EYAS_URL`, else the configured `listen`]
    #[arg(long, env = "EYAS_URL")]
    pub(crate) url: Option<String>,

    /// Stream; every stream but `events` takes any JSON
    #[arg(long, default_value = "events")]
    pub(crate) stream: String,

    /// Category of the event
    #[arg(long)]
    pub(crate) category: Option<String>,

    /// Name of the event
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Session of the event
    #[arg(long, value_name = "SESSION")]
    pub(crate) session_id: Option<String>,

    /// Id of the event; sending it again stores nothing twice [default: a new UUID]
    #[arg(long)]
    pub(crate) id: Option<String>,

    /// When it happened, e.g. 2026-11-01T08:00:00Z [default: the time of receipt]
    #[arg(long)]
    pub(crate) timestamp: Option<String>,

    /// The event's data: any JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,

    /// Lines a request, when sending a file
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: u32,

    /// What to do with a line that the server refuses
    #[arg(long, value_enum, default_value_t = OnError::Stop)]
    pub(crate) on_error: OnError,
}

/// What `send` does with a refused line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnError {
    /// Stop before the request that holds it
    Stop,
    /// Report it and go on
    Skip,
}

/// How `load` loads, and whom.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Address of the server [default: `$EYAS_URL`, else the configured `listen`]
    #[arg(long, env = "EYAS_URL")]
    pub(crate) url: Option<String>,

    /// Events a second, sent at fixed times whether or not the server keeps up
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) rate: u64,

    /// How long to send: 500ms, 30s, 10m
    #[arg(long, visible_alias = "for", value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// Most requests at a time, each on a connection of its own
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) connections: u16,

    /// Events in one request
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) events_per_request: u64,

    /// Bytes of each event's data
    #[arg(long, value_name = "BYTES", default_value_t = 200, value_parser = clap::value_parser!(u32).range(32..=1_000_000))]
    pub(crate) size: u32,
}

/// What `tail` follows, and where.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Address of the server [default: `$EYAS_URL`, else the configured `listen`]
    #[arg(long, env = "EYAS_URL")]
    pub(crate) url: Option<String>,

    /// Only these streams
    #[arg(long)]
    pub(crate) stream: Vec<String>,

    /// Only these categories; a trailing * matches a prefix
    #[arg(long)]
    pub(crate) category: Vec<String>,

    /// Only these names; a trailing * matches a prefix
    #[arg(long)]
    pub(crate) name: Vec<String>,

    /// Only these sessions
    #[arg(long, value_name = "SESSION")]
    pub(crate) session_id: Vec<String>,

    /// Only valid events, or only invalid ones
    #[arg(long)]
    pub(crate) valid: Option<bool>,

    /// Where to begin: now, beginning, or a cursor
    #[arg(long, default_value = "now")]
    pub(crate) since: String,

    /// End after this many events
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).ok_or_else(|| "a time needs its unit, like 500ms, 30s or 10m".to_owned())
}

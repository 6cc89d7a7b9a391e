//! The command line of `eyas query`.

use clap::{Args, Subcommand, ValueEnum};

/// What to do with published queries.
#[derive(Debug, Subcommand)]
pub(crate) enum QueryCommand {
    /// Let the database look at every published query, and say all that is wrong
    #[command(
        after_help = "Reads the configuration and prepares each SQL file on the configured database, without running it; with \
        a running server and without one. Undeclared and unused parameters, files that cannot be read and paths that clash are found \
        as well. The tables have to be there: the first start of the server makes them.\n\n\
        Exit codes: 0 all are good · 1 some are not, stdout says which · 4 the database cannot be reached · 78 the configuration is wrong.\n\n\
        Examples:\n  eyas query check\n  eyas --config /etc/eyas.toml query check --json"
    )]
    Check {
        /// Folder of the log and the database [default: as configured, else ./eyas-data]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<String>,
    },
    /// List the queries that a server publishes, and what they take
    #[command(
        after_help = "Asks a running server. `[day=date]` is a parameter that may be left out.\n\n\
        Exit codes: 0 · 3 the server refuses · 4 it cannot be reached.\n\n\
        Examples:\n  eyas query list\n  eyas query list --url http://eyas.example:8080 --json"
    )]
    List {
        /// Server [default: http://<listen>]
        #[arg(long, env = "EYAS_URL", value_name = "URL")]
        url: Option<String>,
    },
    /// Run a published query and print its rows
    #[command(
        after_help = "Asks a running server, with the token in EYAS_TOKEN where the query is not public. On a terminal the \
        rows are a table, else JSON. ndjson has all rows, however many; the others as many as the query's rows_max allows.\n\n\
        Exit codes: 0 · 3 there is no such query, or the server refuses a parameter · 4 it cannot be reached.\n\n\
        Examples:\n  eyas query run rates --param date_from=2026-01-01 --param date_to=2026-01-31\n  \
        eyas query run rates --param codes=CNSGH --param codes=NLRTM --format csv > rates.csv"
    )]
    Run(RunArgs),
    /// Say how the database would run a published query, without running it
    #[command(
        after_help = "Asks a running server, with the token of an administrator in EYAS_TOKEN. The lines are those of SQLite's EXPLAIN \
        QUERY PLAN or of PostgreSQL's EXPLAIN, for these values and with the settings that the query runs with.\n\n\
        Exit codes: 0 · 3 there is no such query, or the server refuses · 4 it cannot be reached.\n\n\
        Examples:\n  eyas query plan rates --param date_from=2026-01-01 --param date_to=2026-01-31\n  \
        eyas query plan rates -p date_from=2026-01-01 -p date_to=2026-01-31 --json"
    )]
    Plan(PlanArgs),
}

/// Which query, and for what values.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Its name, as `eyas query list` has it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// A parameter; several of one name make a list
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = param)]
    pub(crate) params: Vec<(String, String)>,

    /// Server [default: http://<listen>]
    #[arg(long, env = "EYAS_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// Which query, and with what.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Its name, as `eyas query list` has it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// A parameter; several of one name make a list
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = param)]
    pub(crate) params: Vec<(String, String)>,

    /// How the rows are printed [default: table on a terminal, else json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<QueryFormat>,

    /// Server [default: http://<listen>]
    #[arg(long, env = "EYAS_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryFormat {
    /// Aligned columns, for people
    Table,
    /// One object with all rows
    Json,
    /// Comma-separated, with a heading
    Csv,
    /// One object a line
    Ndjson,
}

fn param(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or("write it as NAME=VALUE, like day=2026-01-31")?;
    Ok((name.to_owned(), value.to_owned()))
}

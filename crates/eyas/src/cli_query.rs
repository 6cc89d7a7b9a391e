//! The command line of `eyas query`.

use clap::Subcommand;

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
}

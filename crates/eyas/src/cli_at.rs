//! Where a command of administration goes.

use clap::Args;

/// Where to administer.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct At {
    /// Address of a server, with a token in `$EYAS_TOKEN` [default: `$EYAS_URL`, else the data directory]
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    pub(crate) url: Option<String>,

    /// The data directory, with or without a server on it [default: as configured, else ./eyas-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
}

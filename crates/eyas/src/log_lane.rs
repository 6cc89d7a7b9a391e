//! The two logs of a data directory.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// Which of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLane {
    /// That of the events.
    #[default]
    Events,
    /// That of the batches for tables.
    Batches,
}

impl LogLane {
    /// Its name: that of its folder, and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Batches => "batches",
        }
    }

    /// What a command of `eyas log` needs in order to mean it.
    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::Events => "",
            Self::Batches => " --lane batches",
        }
    }

    /// Its folder.
    pub(crate) fn dir(self, data_dir: &Path) -> PathBuf {
        data_dir.join("log").join(self.name())
    }
}

//! How a command ends: every failure has a cause, a fix, and an exit code that scripts can rely on.

use std::process::ExitCode;

/// Why a command failed. The text says the cause and the fix.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// The arguments cannot be carried out; clap finds most of these before we do.
    Usage(String),
    /// The server answered with a 4xx problem.
    Refused(String),
    /// The rows of a batch were refused, or somebody cancelled it: nothing of it is stored.
    Rejected(String),
    /// The server cannot be reached, or the connection was lost for good.
    Unreachable(String),
    /// The database server does not answer.
    NoDatabase(String),
    /// The configuration is wrong.
    Config(String),
    /// Another eyas holds the data directory.
    Locked(String),
    /// The log is damaged.
    Damaged(String),
    /// A failed write or fsync ended the process.
    Poisoned(String),
    /// Anything else.
    Failed(anyhow::Error),
}

impl CommandError {
    /// The documented code (docs/operations.md).
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Unreachable(_) => 4,
            Self::Rejected(_) => 5,
            Self::Damaged(_) => 65,
            Self::NoDatabase(_) => 69,
            Self::Poisoned(_) => 74,
            Self::Locked(_) => 75,
            Self::Config(_) => 78,
        })
    }

    /// The cause, and the causes of the cause.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Usage(text)
            | Self::Refused(text)
            | Self::Unreachable(text)
            | Self::Rejected(text)
            | Self::NoDatabase(text)
            | Self::Config(text)
            | Self::Locked(text)
            | Self::Damaged(text)
            | Self::Poisoned(text) => text.clone(),
            Self::Failed(error) => format!("{error:#}"),
        }
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

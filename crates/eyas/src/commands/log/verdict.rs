//! What a start would do with this log and this database, and the command that helps if it would refuse.

use model::Seq;
use queue::{OpenError, Survey};
use store::Lease;

use crate::commands::log::place::log_id;
use crate::log_lane::LogLane;

/// See the module's page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Both are there and fit, or both are new.
    Opens {
        /// Bytes of an append that never finished, which it cuts.
        n_torn_bytes: u64,
    },
    /// Records that were promised are damaged.
    Damaged(String),
    /// Log and database do not belong together.
    Apart(String),
    /// Neither `repair` nor `adopt` helps: a newer format, or a disk that cannot be read.
    Refused(String),
}

impl Verdict {
    /// Of a log that has been walked with what the database has applied.
    pub(crate) fn of(survey: &Survey, lease: &Lease, n_torn_bytes: u64, is_served: bool) -> Self {
        match &survey.start {
            // A server writes and trims while the start is rehearsed. The walk looks twice before it calls anything
            // damage, so it is the one to believe.
            Err(OpenError::Corrupt { .. } | OpenError::Io { .. })
                if is_served && survey.n_damages == 0 => {}
            Err(error @ OpenError::Corrupt { .. }) => return Self::Damaged(error.to_string()),
            Err(error @ OpenError::Behind { .. }) => return Self::Apart(error.to_string()),
            Err(error) => return Self::Refused(error.to_string()),
            Ok(()) => {}
        }
        if let (Some(bound), Some(id)) = (lease.log, survey.log_id)
            && bound.to_string() != log_id(id)
        {
            return Self::Apart(format!(
                "the database was fed by log {bound}, not by log {}",
                log_id(id)
            ));
        }
        let first = Seq::new(survey.first).unwrap_or(Seq::MAX);
        if first > lease.applied.next() {
            return Self::Apart(format!(
                "the database has applied {}, but the log begins at {first}: what lies between is missing",
                lease.applied
            ));
        }
        Self::Opens { n_torn_bytes }
    }

    /// The command that helps.
    pub(crate) fn command(&self, lane: LogLane) -> Option<String> {
        match self {
            Self::Damaged(_) => Some(format!("eyas log repair{}", lane.flag())),
            Self::Apart(_) => Some(format!("eyas log adopt{}", lane.flag())),
            Self::Opens { .. } | Self::Refused(_) => None,
        }
    }

    /// For people: "a start …".
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Opens { n_torn_bytes: 0 } => "opens the log".to_owned(),
            Self::Opens { n_torn_bytes } => format!(
                "cuts {n_torn_bytes} bytes of an append that never finished, keeps them in a .torn file, and opens the log"
            ),
            Self::Damaged(why) | Self::Apart(why) | Self::Refused(why) => format!("refuses: {why}"),
        }
    }
}

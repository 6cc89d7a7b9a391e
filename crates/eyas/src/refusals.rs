//! Why a server does not start, or does not go on: each with what a person can do about it.

use std::net::SocketAddr;
use std::path::Path;

use model::Timestamp;
use pipeline::StartError;
use queue::QueueError;
use store::StoreError;

use crate::exit::CommandError;
use crate::log_lane::LogLane;

/// Whoever reaches a public address needs a token, and there is none.
pub(crate) fn no_token(data_dir: &Path, address: SocketAddr) -> CommandError {
    let data_dir = data_dir.display();
    CommandError::Config(format!(
        "{address} can be reached from other machines, and there is no token to protect it. Make one:\n  \
        `eyas app create NAME --data-dir {data_dir}`\n  \
        `eyas token create --app NAME --scope write --data-dir {data_dir}`\n  \
        then start again; or listen on 127.0.0.1 or [::1]"
    ))
}

/// Why the database was not opened.
pub(crate) fn refused_store(error: StoreError) -> CommandError {
    match error {
        StoreError::Unavailable(_) => CommandError::NoDatabase(format!(
            "{error}\n  Is PostgreSQL running, and is store.url right? `eyas doctor` looks, `eyas config show` says where the \
            address came from.\n  Nothing is lost: what was acknowledged stands in the log. store.connect_wait says how long a \
            start waits;\n  under systemd, Restart=on-failure tries again"
        )),
        error => CommandError::Failed(error.into()),
    }
}

/// Nor could it be done without the database, and why.
pub(crate) fn nor_without(refused: CommandError, why: &str) -> CommandError {
    match refused {
        CommandError::NoDatabase(text) => CommandError::NoDatabase(format!(
            "{text}.\n  Nor can it begin without the database: {why}"
        )),
        refused => refused,
    }
}

/// Why the log was not opened, and the command that helps.
pub(crate) fn refused_log(data_dir: &Path, lane: LogLane, error: QueueError) -> CommandError {
    match error {
        QueueError::NeedsDatabase(text) => CommandError::NoDatabase(text),
        QueueError::Corrupt(text) => CommandError::Damaged(advice(data_dir, lane, &text, "repair")),
        QueueError::Behind(text) => {
            let advice = advice(data_dir, lane, &text, "adopt");
            CommandError::Damaged(format!(
                "{advice}.\n  Where a copy of this data directory has run on that database, say `adopt --renumber`: nothing of \
                this log is left out then"
            ))
        }
        error => CommandError::Failed(error.into()),
    }
}

/// Why log and database do not work together, and the command that helps.
pub(crate) fn refused_pair(data_dir: &Path, lane: LogLane, error: StartError) -> CommandError {
    match error {
        StartError::Mismatch(text) => CommandError::Damaged(advice(data_dir, lane, &text, "adopt")),
        StartError::Store(error @ StoreError::OtherLog { .. }) => {
            CommandError::Damaged(advice(data_dir, lane, &error.to_string(), "adopt"))
        }
        StartError::Forked(text) => forked(data_dir, lane, &text),
        StartError::Store(StoreError::Held { holder, until }) => held(&holder, until),
        error => CommandError::Failed(error.into()),
    }
}

/// Another server feeds the database.
pub(crate) fn held(holder: &str, until: Timestamp) -> CommandError {
    CommandError::Locked(format!(
        "another eyas feeds this database: {holder} (installation@host/place), at least until {until}.\n  \
        It has a copy of this data directory, so what this one would accept could never get there. Stop the other one; or, \
        for a copy on\n  purpose, give this one a database of its own with store.url. Where that machine is gone, start again \
        after that time"
    ))
}

/// A copy of the log has fed the database.
fn forked(data_dir: &Path, lane: LogLane, text: &str) -> CommandError {
    let flag = lane.flag();
    let data_dir = data_dir.display();
    let what = match lane {
        LogLane::Events => {
            "brings all that this log holds into the database, under new numbers;\n  what the database has already is \
            known by its id and stays there once"
        }
        LogLane::Batches => {
            "lists the batches that have to be uploaded again, and begins a new log"
        }
    };
    CommandError::Damaged(format!(
        "{text}\n  nothing was changed. `eyas log adopt{flag} --renumber --data-dir {data_dir}` {what}. \
        Without --accept-loss it only says what it would do"
    ))
}

/// A refusal, and what a person can do about it.
fn advice(data_dir: &Path, lane: LogLane, text: &str, command: &str) -> String {
    let flag = lane.flag();
    let data_dir = data_dir.display();
    let what = match command {
        "repair" => "lists what would be lost, and changes nothing until you accept it",
        _ => {
            "says what binding the two together would mean, and changes nothing until you accept it"
        }
    };
    format!(
        "{text}\n  nothing was changed. Restore log and database together from a backup; or, without one,\n  \
        `eyas log {command}{flag} --data-dir {data_dir}` {what}"
    )
}

/// Nothing can be acknowledged any more.
pub(crate) fn poison() -> CommandError {
    CommandError::Poisoned(
        "a write or fsync of the log failed, so nothing can be promised any more; what was \
         acknowledged is on disk: check the disk, then start again"
            .to_owned(),
    )
}

/// Why the log was not closed.
pub(crate) fn not_sealed(error: QueueError) -> CommandError {
    match error {
        QueueError::Poisoned(_) => poison(),
        error => CommandError::Failed(error.into()),
    }
}

//! Log and database, when no server runs: do they fit together, and what would a start do with them?

use std::path::Path;

use crate::commands::doctor::finding::Finding;
use crate::commands::log::place::Place;
use crate::commands::log::verdict::Verdict;
use crate::config::Config;
use crate::exit::CommandError;
use crate::log_lane::LogLane;
use crate::store_config::StoreConfig;
use crate::units;

/// A longer log is not read whole by the way.
const LOG_BYTES_MAX: u64 = 2 << 30;
const BACKUP: &str = "restore log and database together from a backup";
const COMPARE_LATER: &str =
    "do what the check `database` says; log and database are compared once it can be read";

/// Reads the log, unless it is very long, and asks the database how far it came. Changes nothing.
pub(crate) async fn check(config: Config, lane: LogLane) -> Finding {
    let check = match lane {
        LogLane::Events => "log",
        LogLane::Batches => "log of batches",
    };
    if !config.data_dir.exists() {
        return Finding::ok(check, "no log and no database yet: a start makes both");
    }
    let size_bytes = size_bytes(&lane.dir(&config.data_dir));
    let is_beside = matches!(config.store, StoreConfig::Sqlite(_));
    let place = match Place::look(config, lane).await {
        Ok(place) => place,
        Err(error) if is_beside => return Finding::fail(check, error.text(), BACKUP),
        // Nothing is known about the log: no reason to go back to an older one.
        Err(error) => return Finding::fail(check, error.text(), COMPARE_LATER),
    };
    let has_database = place.has_database;
    let examine = || {
        if size_bytes > LOG_BYTES_MAX {
            return Ok(None);
        }
        let mut n_torn_bytes = 0;
        let survey = place.survey(&mut |found| {
            if let queue::Found::Segment(facts) = found {
                n_torn_bytes += facts.n_torn_bytes;
            }
            Ok(())
        })?;
        Ok(Some(Verdict::of(&survey, &place.lease, n_torn_bytes, place.is_served)))
    };
    let size = units::bytes(size_bytes);
    match examine() {
        Err::<_, CommandError>(error) => Finding::fail(check, error.text(), BACKUP),
        Ok(None) => Finding::ok(
            check,
            format!("{size}, too long to be read here: `eyas log verify{}` does", lane.flag()),
        ),
        Ok(Some(verdict @ Verdict::Opens { .. })) if has_database || size_bytes == 0 => {
            Finding::ok(check, format!("{size}; a start {}", verdict.sentence()))
        }
        Ok(Some(verdict @ Verdict::Opens { .. })) => {
            let text = format!(
                "{size}, but there is no database beside it; a start {}",
                verdict.sentence()
            );
            Finding::warn(check, text, format!("if there should be one: {BACKUP}"))
        }
        Ok(Some(verdict)) => {
            let command = verdict.command(lane);
            let command = command.unwrap_or_else(|| format!("eyas log verify{}", lane.flag()));
            let fix = format!("{BACKUP}; or, without one, `{command}`");
            Finding::fail(check, format!("a start {}", verdict.sentence()), fix)
        }
    }
}

fn size_bytes(log_dir: &Path) -> u64 {
    let entries = std::fs::read_dir(log_dir).into_iter().flatten().flatten();
    let is_segment = |path: &Path| path.extension().is_some_and(|end| end == "seg");
    let sizes =
        entries.filter(|entry| is_segment(&entry.path())).flat_map(|entry| entry.metadata());
    sizes.map(|facts| facts.len()).sum()
}

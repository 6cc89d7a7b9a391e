//! Log and database, when no server runs: do they fit together, and what would a start do with them?

use std::path::Path;

use crate::commands::doctor::finding::Finding;
use crate::commands::log::place::Place;
use crate::commands::log::verdict::Verdict;
use crate::config::Config;
use crate::log_lane::LogLane;
use crate::units;

/// A longer log is not read whole by the way.
const LOG_BYTES_MAX: u64 = 2 << 30;

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
    let examined = Place::look(config, lane).await.and_then(|place| {
        if size_bytes > LOG_BYTES_MAX {
            return Ok((None, place.has_database));
        }
        let mut n_torn_bytes = 0;
        let survey = place.survey(&mut |found| {
            if let queue::Found::Segment(facts) = found {
                n_torn_bytes += facts.n_torn_bytes;
            }
            Ok(())
        })?;
        Ok((
            Some(Verdict::of(&survey, &place.lease, n_torn_bytes, place.is_served)),
            place.has_database,
        ))
    });
    let size = units::bytes(size_bytes);
    match examined {
        Err(error) => {
            Finding::fail(check, error.text(), "restore log and database together from a backup")
        }
        Ok((None, _)) => Finding::ok(
            check,
            format!("{size}, too long to be read here: `eyas log verify{}` does", lane.flag()),
        ),
        Ok((Some(verdict @ Verdict::Opens { .. }), has_database))
            if has_database || size_bytes == 0 =>
        {
            Finding::ok(check, format!("{size}; a start {}", verdict.sentence()))
        }
        Ok((Some(verdict @ Verdict::Opens { .. }), _)) => {
            let text = format!(
                "{size}, but there is no database beside it; a start {}",
                verdict.sentence()
            );
            Finding::warn(
                check,
                text,
                "if there should be one: restore log and database together from a backup",
            )
        }
        Ok((Some(verdict), _)) => {
            let command = verdict.command(lane);
            let command = command.unwrap_or_else(|| format!("eyas log verify{}", lane.flag()));
            let fix = format!(
                "restore log and database together from a backup; or, without one, `{command}`"
            );
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

//! `eyas log verify`: every frame of every segment is read and checked, and the whole held against the database.

use std::io::Write as _;

use anyhow::Context as _;
use queue::{Damage, Found};
use serde_json::{Value, json};

use crate::commands::log::place::Place;
use crate::commands::log::verdict::Verdict;
use crate::config::Config;
use crate::exit::CommandError;
use crate::log_lane::LogLane;

/// From so many segments on, progress is shown.
const SEGMENTS_QUIET_MAX: usize = 8;

/// Checks the log of the configured data directory. Changes nothing.
pub(crate) async fn run(config: Config, lane: LogLane, json: bool) -> Result<(), CommandError> {
    let place = Place::look(config, lane).await?;
    let n_segments = place.n_segments();
    let mut problems: Vec<Value> = Vec::new();
    let (mut n_walked, mut n_frames, mut n_bytes, mut n_torn_bytes) = (0, 0, 0, 0);
    let survey = place.survey(&mut |found| {
        match found {
            Found::Damage(damage) => {
                if !json {
                    let file = damage.file.display();
                    let line = format!("{file}: byte {}: {}", damage.offset, damage.why);
                    let _ = writeln!(std::io::stdout(), "{line}");
                }
                problems.push(problem(&damage));
            }
            Found::Segment(facts) => {
                n_walked += 1;
                n_frames += facts.n_frames + facts.n_seals;
                n_bytes += facts.used_bytes;
                n_torn_bytes += facts.n_torn_bytes;
                if n_segments > SEGMENTS_QUIET_MAX {
                    let _ =
                        writeln!(std::io::stderr(), "{n_walked} of {n_segments} segments checked");
                }
            }
            Found::Records { .. } => {}
        }
        Ok(())
    })?;
    let verdict = Verdict::of(&survey, &place.lease_by_now().await?, n_torn_bytes, place.is_served);
    let is_good = matches!(verdict, Verdict::Opens { .. }) && problems.is_empty();
    let summary = format!(
        "{n_frames} frames with {} records in {} segments, {n_bytes} bytes",
        survey.n_records, survey.n_segments
    );
    let text = if json {
        let answer = json!({
            "ok": is_good,
            "served": place.is_served,
            "segments": survey.n_segments,
            "frames": n_frames,
            "records": survey.n_records,
            "bytes": n_bytes,
            "torn_bytes": n_torn_bytes,
            "problems": problems,
            "start": { "sentence": verdict.sentence(), "command": verdict.command(lane) },
        });
        format!("{answer}\n")
    } else if is_good {
        format!("{summary}: all good, and the database fits; a start {}\n", verdict.sentence())
    } else {
        format!("{summary}; {} damaged places; a start {}\n", problems.len(), verdict.sentence())
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to stdout")?;
    if is_good {
        return Ok(());
    }
    let helps = verdict.command(lane).map_or_else(
        || "stop the server, if one runs, and verify again".to_owned(),
        |command| format!("what helps: {command} --data-dir {}", place.config.data_dir.display()),
    );
    Err(CommandError::Damaged(format!("the log is not as it should be; {helps}")))
}

fn problem(damage: &Damage) -> Value {
    json!({
        "file": damage.file.display().to_string(),
        "offset": damage.offset,
        "size_bytes": damage.n_bytes,
        "why": damage.why,
        "first_seq": damage.lost.map(|(first, _)| first),
        "last_seq": damage.lost.and_then(|(_, last)| last),
    })
}

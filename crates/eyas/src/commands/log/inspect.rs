//! `eyas log inspect`: the log in numbers, and what a start would do with it.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context as _;
use queue::{Found, SegmentFacts, Survey};
use serde_json::{Value, json};

use crate::commands::log::batches::Batches;
use crate::commands::log::place::{Place, log_id};
use crate::commands::log::verdict::Verdict;
use crate::config::Config;
use crate::exit::CommandError;
use crate::log_lane::LogLane;
use crate::printable::printable;

/// Looks at the log of the configured data directory. Changes nothing.
pub(crate) async fn run(config: Config, lane: LogLane, json: bool) -> Result<(), CommandError> {
    let place = Place::look(config, lane).await?;
    let mut segments = Vec::new();
    let mut n_to_apply = 0;
    let mut batches = Batches::default();
    let applied = place.lease.applied.get();
    let survey = place.survey(&mut |found| {
        match found {
            Found::Segment(facts) => segments.push(facts.clone()),
            Found::Records { first, count, payload } => {
                if lane == LogLane::Batches {
                    batches.take(first, payload);
                }
                let n_applied = (applied + 1).saturating_sub(first).min(u64::from(count));
                n_to_apply += u64::from(count) - n_applied;
            }
            Found::Damage(_) => {}
        }
        Ok(())
    })?;
    let n_torn_bytes = segments.iter().map(|facts| facts.n_torn_bytes).sum();
    let verdict = Verdict::of(&survey, &place.lease_by_now().await?, n_torn_bytes, place.is_served);
    let text = if json {
        let mut answer = as_json(&place, &survey, &segments, &verdict, n_to_apply);
        if lane == LogLane::Batches {
            answer["batches"] = json!(batches.told(place.lease.applied));
        }
        format!("{answer}\n")
    } else {
        let batches = batches.told(place.lease.applied);
        let lines = batches.iter().map(|batch| format!("{}\n", printable(&batch.line())));
        as_text(&place, &survey, &segments, &verdict, n_to_apply) + &lines.collect::<String>()
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to stdout")?;
    Ok(())
}

fn as_json(
    place: &Place,
    survey: &Survey,
    segments: &[SegmentFacts],
    verdict: &Verdict,
    n_to_apply: u64,
) -> Value {
    let segments: Vec<Value> = segments.iter().map(segment_json).collect();
    let torn: Vec<Value> = survey
        .torn_files
        .iter()
        .map(|(file, size)| json!({ "file": file.display().to_string(), "size_bytes": size }))
        .collect();
    json!({
        "log": {
            "dir": place.log_dir.display().to_string(),
            "id": survey.log_id.map(log_id),
            "first_seq": survey.first,
            "next_seq": survey.next,
            "records": survey.n_records,
            "damages": survey.n_damages,
        },
        "database": {
            "exists": place.has_database,
            "log": place.lease.log.map(|id| id.to_string()),
            "applied_seq": place.lease.applied.get(),
        },
        "served": place.is_served,
        "segments": segments,
        "torn_files": torn,
        "to_apply": n_to_apply,
        "start": {
            "opens": matches!(verdict, Verdict::Opens { .. }),
            "sentence": verdict.sentence(),
            "command": verdict.command(place.lane),
        },
    })
}

fn segment_json(facts: &SegmentFacts) -> Value {
    json!({
        "file": facts.file.file_name().unwrap_or_default().to_string_lossy(),
        "base_seq": facts.base,
        "size_bytes": facts.size_bytes,
        "used_bytes": facts.used_bytes,
        "frames": facts.n_frames,
        "records": facts.n_records,
        "seals": facts.n_seals,
        "first_seq": facts.seqs.map(|(first, _)| first),
        "last_seq": facts.seqs.map(|(_, last)| last),
        "recycled": facts.is_recycled,
        "torn_bytes": facts.n_torn_bytes,
        "damages": facts.n_damages,
    })
}

fn as_text(
    place: &Place,
    survey: &Survey,
    segments: &[SegmentFacts],
    verdict: &Verdict,
    n_to_apply: u64,
) -> String {
    let mut text = String::new();
    let id = survey.log_id.map_or_else(|| "none".to_owned(), log_id);
    let _ = writeln!(text, "log        {}, id {id}", place.log_dir.display());
    let bound = match (place.has_database, place.lease.log) {
        (false, _) => "none yet".to_owned(),
        (true, None) => "bound to no log yet".to_owned(),
        (true, Some(log)) => format!("fed by log {log}, applied seq {}", place.lease.applied),
    };
    let _ = writeln!(text, "database   {bound}");
    let _ = writeln!(
        text,
        "records    {} in {} segments, from seq {}; the next is {}; {n_to_apply} not in the database yet",
        survey.n_records, survey.n_segments, survey.first, survey.next
    );
    if !segments.is_empty() {
        let _ = writeln!(
            text,
            "\n{:>20} {:>12} {:>12} {:>9} {:>9} {:>6} {:>17} {:>17}",
            "base", "size", "used", "frames", "records", "seals", "first seq", "last seq"
        );
    }
    for facts in segments {
        let (first, last) = facts.seqs.map_or(("-".to_owned(), "-".to_owned()), |(first, last)| {
            (first.to_string(), last.to_string())
        });
        let _ = writeln!(
            text,
            "{:020} {:>12} {:>12} {:>9} {:>9} {:>6} {first:>17} {last:>17}{}",
            facts.base,
            facts.size_bytes,
            facts.used_bytes,
            facts.n_frames,
            facts.n_records,
            facts.n_seals,
            if facts.n_damages > 0 { "  DAMAGED" } else { "" }
        );
    }
    for (file, size_bytes) in &survey.torn_files {
        let _ = writeln!(text, "cut at an earlier start: {} ({size_bytes} bytes)", file.display());
    }
    let _ = writeln!(text, "\na start {}", verdict.sentence());
    if let Some(command) = verdict.command(place.lane) {
        let _ =
            writeln!(text, "what helps: {command} --data-dir {}", place.config.data_dir.display());
    }
    if place.is_served {
        let _ = writeln!(text, "a server is running here: its last append may look unfinished");
    }
    text
}

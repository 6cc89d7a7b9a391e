//! `eyas log repair` and `eyas log adopt`: what would be lost is listed; once that is accepted, the log is written anew
//! beside the old one, put in its place in one step, and the database is bound to it.
//!
//! ```text
//! list ─> [--accept-loss] ─> write the new log ─> report, fsynced ─> exchange the folders ─> bind the database
//! ```
//!
//! A crash at any place leaves the old log in force, or the new one with a database that is still bound to the old:
//! then a start refuses, and `adopt` finishes the work. The new log has another id, so every cursor that anybody
//! holds is answered by a gap.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::{LogId, Seq};
use queue::{Found, Plan, Survey};
use serde_json::{Value, json};

use crate::commands::log::batches::Batches;
use crate::commands::log::loss::{Lost, lost};
use crate::commands::log::place::{Place, log_id, refused};
use crate::commands::log::verdict::Verdict;
use crate::config::Config;
use crate::exit::CommandError;
use crate::log_lane::LogLane;
use crate::printable::printable;
use crate::refusals::refused_store;
use crate::wiring;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A damaged log, whose database it fed.
    Repair,
    /// A log and a database that do not belong together.
    Adopt {
        /// They have the same name and parted all the same: a copy of the log fed the database.
        renumbers: bool,
    },
}

impl Task {
    const fn name(self) -> &'static str {
        match self {
            Self::Repair => "repair",
            Self::Adopt { .. } => "adopt",
        }
    }
}

/// What would be done.
struct Finding {
    survey: Survey,
    verdict: Verdict,
    plan: Plan,
    lost: Vec<Lost>,
    /// This log fed this database.
    is_same_log: bool,
    /// The log has the name that the database is bound to.
    is_named: bool,
}

/// Lists what would be lost, and with `is_accepted` does it. Refuses while a server runs.
pub(crate) async fn run(
    task: Task,
    config: Config,
    lane: LogLane,
    is_accepted: bool,
    json: bool,
) -> Result<(), CommandError> {
    let place = Place::take(config, lane).await?;
    let finding = find(task, &place)?;
    let data_dir = place.config.data_dir.display();
    let flag = lane.flag();
    match (&finding.verdict, task) {
        (Verdict::Opens { .. }, _) => {
            let sentence = finding.verdict.sentence();
            return say(
                json,
                &json!({ "done": false, "lost": [] }),
                &format!("nothing to {}: a start {sentence}", task.name()),
            );
        }
        (Verdict::Damaged(_), Task::Repair) if finding.is_same_log => {}
        // Writing the log anew leaves out what is damaged, so an adoption mends that as well.
        (Verdict::Apart(_) | Verdict::Damaged(_), Task::Adopt { .. }) => {}
        (Verdict::Refused(why), _) => {
            return Err(CommandError::Damaged(format!("{why}; neither repair nor adopt can help")));
        }
        (_, Task::Repair) => {
            return Err(CommandError::Damaged(format!(
                "a start {}; not a matter of repair: `eyas log adopt{flag} --data-dir {data_dir}` binds log and database",
                finding.verdict.sentence()
            )));
        }
    }
    if !is_accepted {
        list(&place, &finding, json)?;
        let (name, sentence) = (task.name(), finding.verdict.sentence());
        let renumber = if task == (Task::Adopt { renumbers: true }) { " --renumber" } else { "" };
        return Err(CommandError::Damaged(format!(
            "a start {sentence}\n  nothing was changed; `eyas log {name}{flag}{renumber} --accept-loss --data-dir {data_dir}` does it"
        )));
    }
    let done = carry_out(task, &place, &finding).await?;
    let text = |key: &str| done[key].as_str().unwrap_or_default().to_owned();
    let mut words = format!(
        "log {} is in place with {} records of the old one; its next seq is {}\n{} losses are listed in {}",
        text("new_log"),
        done["kept_records"],
        done["next_seq"],
        finding.lost.len(),
        text("report"),
    );
    if Path::new(&text("old_log_dir")).exists() {
        let kept = text("old_log_dir");
        let _ =
            write!(words, "\nthe old log is kept in {kept}; delete it when you need it no more");
    }
    say(json, &done, &words)
}

fn find(task: Task, place: &Place) -> Result<Finding, CommandError> {
    let mut damages = Vec::new();
    let mut n_torn_bytes = 0;
    let mut batches = Batches::default();
    let survey = place.survey(&mut |found| {
        match found {
            Found::Damage(damage) => damages.push(damage),
            Found::Segment(facts) => n_torn_bytes += facts.n_torn_bytes,
            Found::Records { first, payload, .. } if place.lane == LogLane::Batches => {
                batches.take(first, payload);
            }
            Found::Records { .. } => {}
        }
        Ok(())
    })?;
    let applied = place.lease.applied;
    let bound = place.lease.log.map(|id| id.to_string());
    // With all its headers damaged a log does not say whose it is; its numbers are then taken for this database's.
    let is_named = survey.log_id.map(log_id) == bound;
    let renumbers = task == Task::Adopt { renumbers: true } && survey.n_records > 0;
    let is_same_log = survey.n_segments > 0
        && !renumbers
        && survey.log_id.is_none_or(|id| bound.is_none_or(|bound| bound == log_id(id)));
    let mut all_lost = Vec::new();
    if is_same_log && survey.first > applied.get() + 1 {
        all_lost.push(Lost::Gap { first_seq: applied.get() + 1, last_seq: survey.first - 1 });
    }
    // Another log's numbers say nothing about what this database has.
    let known = if is_same_log { applied } else { Seq::ZERO };
    all_lost
        .extend(batches.told(known).into_iter().filter(|batch| !batch.applied).map(Lost::Batch));
    all_lost.extend(damages.iter().flat_map(|damage| lost(damage, known)));
    let verdict = match Verdict::of(&survey, &place.lease, n_torn_bytes, false) {
        Verdict::Opens { .. } if renumbers => Verdict::Apart(
            "where a copy of this log has fed the database; only --renumber says so here"
                .to_owned(),
        ),
        verdict => verdict,
    };
    // A batch is nothing without all its rows, and its records name each other by their numbers: none is carried over.
    let is_carried = is_same_log && place.lane == LogLane::Events;
    let plan = Plan { applied: applied.get(), is_same_log: is_carried };
    Ok(Finding { survey, verdict, plan, lost: all_lost, is_same_log, is_named })
}

fn list(place: &Place, finding: &Finding, json: bool) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    let mut write = |text: String| writeln!(out, "{text}").context("cannot write to stdout");
    if json {
        let lost = &finding.lost;
        write(
            json!({ "done": false, "start": finding.verdict.sentence(), "lost": lost }).to_string(),
        )?;
        return Ok(());
    }
    for lost in &finding.lost {
        write(printable(&lost.line()))?;
    }
    let Plan { applied, is_same_log } = finding.plan;
    if place.lane == LogLane::Batches {
        let words = "the log of the batches begins anew and empty: upload again what is listed and `GET /batches/ID` does not know";
        return write(words.to_owned()).map_err(Into::into);
    }
    if finding.lost.is_empty() {
        write("no record would be lost that can be named".to_owned())?;
    }
    if !is_same_log && finding.survey.n_records > 0 {
        write(format!(
            "{} records of the log go into the database behind seq {applied}, under new numbers; those whose ids it has stay single",
            finding.survey.n_records
        ))?;
    }
    if let Some(bound) = place.lease.log.filter(|_| !is_same_log && !finding.is_named) {
        write(format!(
            "what log {bound} held behind seq {applied} cannot be named: that log is not here"
        ))?;
    }
    Ok(())
}

async fn carry_out(task: Task, place: &Place, finding: &Finding) -> Result<Value, CommandError> {
    let (beside, report) = names(task, place);
    let (into, plan) = (beside.clone(), finding.plan);
    let log_dir = match place.lane {
        LogLane::Events => place.log_dir.clone(),
        // Of nothing comes an empty log.
        LogLane::Batches => place.log_dir.with_file_name("none"),
    };
    let rebuilt = tokio::task::spawn_blocking(move || queue::rebuild(&log_dir, &into, plan));
    let rebuilt = match rebuilt.await.context("writing the log anew panicked")? {
        Ok((rebuilt, _)) => rebuilt,
        Err(error) => {
            // Half a log is of use to nobody. If it cannot be removed either, a person finds it by its name.
            let _ = std::fs::remove_dir_all(&beside);
            return Err(refused(error));
        }
    };
    let new_log = LogId::new(rebuilt.log_id).context("a log id is never 0")?;
    let summary = json!({
        "what": task.name(),
        "done": true,
        "at": pipeline::now().to_string(),
        "old_log": finding.survey.log_id.map(log_id),
        "new_log": new_log.to_string(),
        "database_log": place.lease.log.map(|id| id.to_string()),
        "applied_seq": plan.applied,
        "renumbered": !plan.is_same_log,
        "kept_records": rebuilt.n_records,
        "next_seq": rebuilt.next,
        "lost": finding.lost.len(),
        "old_log_dir": beside.display().to_string(),
        "report": report.display().to_string(),
    });
    write_report(&report, &summary, &finding.lost)
        .with_context(|| format!("cannot write {}; nothing was changed", report.display()))?;
    queue::exchange(&place.log_dir, &beside).map_err(refused)?;
    let wait_max = Some(place.config.waits.connect_wait);
    let stores = wiring::open_stores(&place.config, wait_max).await;
    let stores = stores.map_err(refused_store)?;
    match place.lane {
        LogLane::Events => stores.events.bind(new_log).await,
        LogLane::Batches => stores.batches.bind_lane(new_log).await,
    }
    .map_err(anyhow::Error::from)?;
    stores.events.close().await.map_err(anyhow::Error::from)?;
    Ok(summary)
}

/// The folder beside the log that the two change places with, and the report.
fn names(task: Task, place: &Place) -> (PathBuf, PathBuf) {
    let log_dir = &place.log_dir;
    let now = pipeline::now().to_string();
    let digits: String = now.chars().filter(char::is_ascii_digit).collect();
    let name = format!("{}.{}-{}", place.lane.name(), task.name(), &digits[..digits.len().min(20)]);
    (log_dir.with_file_name(&name), log_dir.with_file_name(format!("{name}.jsonl")))
}

/// One JSON object a line: first what was done, then each loss. On disk when this returns.
fn write_report(path: &Path, summary: &Value, lost: &[Lost]) -> std::io::Result<()> {
    let mut text = format!("{summary}\n");
    for lost in lost {
        text += &serde_json::to_string(lost)?;
        text.push('\n');
    }
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn say(json: bool, value: &Value, words: &str) -> Result<(), CommandError> {
    let text = if json { value.to_string() } else { words.to_owned() };
    writeln!(std::io::stdout(), "{text}").context("cannot write to stdout")?;
    Ok(())
}

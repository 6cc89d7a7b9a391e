//! `eyas replay`: a preview, a question, a job, and its progress.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli_admin::ReplayArgs;
use crate::commands::admin::access::{Access, Reply, print, say};
use crate::commands::admin::jobs::{self, Job};
use crate::commands::admin::table::time;
use crate::exit::CommandError;
use crate::printable::printable;

/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Preview {
    count: u64,
    oldest: Option<String>,
    newest: Option<String>,
    left_out: u64,
}

#[derive(Deserialize)]
struct Started {
    job: Job,
}

/// Replays what the arguments name.
pub(crate) async fn run(access: &Access, args: &ReplayArgs) -> Result<(), CommandError> {
    let mut wish = wish(args);
    wish["dry_run"] = json!(true);
    let reply = access.post("/dead-letters/replay", &wish).await?;
    let preview: Preview = reply.read()?;
    let words = words(&preview);
    if args.dry_run {
        return print(&if access.json { reply.line() } else { format!("{words}\n") });
    }
    say(&words);
    if preview.count == 0 {
        return if access.json { print(&reply.line()) } else { Ok(()) };
    }
    if !args.yes && !agreed(preview.count).await? {
        say("nothing was replayed");
        return Ok(());
    }
    wish["dry_run"] = json!(false);
    let Started { job } = access.post("/dead-letters/replay", &wish).await?.read()?;
    match follow(access, job).await? {
        Some((job, reply)) => tell(access, &job, &reply),
        None => Ok(()),
    }
}

/// The wish in the words of the API.
fn wish(args: &ReplayArgs) -> Value {
    let mut wish = Map::new();
    if args.seq.is_empty() {
        let labels = [
            ("reason", &args.reason),
            ("application", &args.application),
            ("stream", &args.stream),
            ("category", &args.category),
            ("name", &args.name),
        ];
        let labels = labels.into_iter().filter_map(|(label, value)| Some((label, value.as_ref()?)));
        let filter: Map<_, _> =
            labels.map(|(label, value)| (label.to_owned(), json!(value))).collect();
        wish.insert("filter".to_owned(), Value::Object(filter));
    } else {
        wish.insert("seqs".to_owned(), json!(args.seq));
    }
    if let Some(rate) = args.rate {
        wish.insert("rate".to_owned(), json!(rate));
    }
    if let Some(stop_after) = args.stop_after {
        wish.insert("stop_after".to_owned(), json!(stop_after));
    }
    if args.include_repeated {
        wish.insert("include_repeated".to_owned(), json!(true));
    }
    Value::Object(wish)
}

fn words(preview: &Preview) -> String {
    let Preview { count, oldest, newest, left_out } = preview;
    let mut words = if *count == 0 {
        "no dead letter would be replayed".to_owned()
    } else {
        let (oldest, newest) = (time(oldest.as_deref()), time(newest.as_deref()));
        let (oldest, newest) = (printable(&oldest), printable(&newest));
        format!("{count} dead letters would be replayed, from {oldest} to {newest}")
    };
    if *left_out > 0 {
        let _ = write!(
            words,
            "; {left_out} that died three times or more are left out (--include-repeated takes them too)"
        );
    }
    words
}

/// Asks the person before the terminal. Where there is none, nobody can agree.
async fn agreed(count: u64) -> Result<bool, CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::Usage(
            "nobody is there to be asked: say --yes to replay them, or --dry-run to look"
                .to_owned(),
        ));
    }
    let _ = write!(io::stderr(), "replay {count}? [y/N] ");
    let _ = io::stderr().flush();
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.context("reading the answer panicked")?;
    let answer = answer.context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Watches the job to its end; `None` when the person leaves it alone.
async fn follow(access: &Access, job: Job) -> Result<Option<(Job, Reply)>, CommandError> {
    let bar = ProgressBar::with_draw_target(Some(job.total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}  {eta} left");
    let bar = bar.with_style(style.expect("the template is well-formed"));
    let path = jobs::path(&job.id);
    loop {
        let reply = access.get(&path).await?;
        let job: Job = reply.read()?;
        bar.set_position(job.done);
        bar.set_message(match job.failed {
            0 => printable(&job.state),
            failed => format!("{}, {failed} failed", printable(&job.state)),
        });
        if !job.is_under_way() {
            bar.finish_and_clear();
            return Ok(Some((job, reply)));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            pressed = tokio::signal::ctrl_c() => {
                pressed.context("cannot listen to Ctrl-C")?;
                bar.finish_and_clear();
                say(&left_alone(access, &printable(&job.id)));
                return Ok(None);
            }
        }
    }
}

fn left_alone(access: &Access, id: &str) -> String {
    let goes_on = if access.is_lasting { "goes on" } else { "goes on as soon as a server runs" };
    format!(
        "the job {id} {goes_on}: `eyas jobs show {id}` shows it, `eyas jobs cancel {id}` ends it"
    )
}

fn tell(access: &Access, job: &Job, reply: &Reply) -> Result<(), CommandError> {
    let Job { id, ok, failed, skipped, .. } = job;
    let (id, state) = (printable(id), printable(&job.state));
    let text = format!("{ok} replayed, {failed} died again, {skipped} left as they are\n");
    print(&if access.json { reply.line() } else { text })?;
    if state == "done" && *failed == 0 {
        return Ok(());
    }
    let why =
        job.detail.as_deref().map_or(String::new(), |detail| format!(": {}", printable(detail)));
    Err(anyhow::anyhow!("the job {id} is {state}, and {failed} died again{why}").into())
}

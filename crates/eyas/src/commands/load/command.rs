//! The course of a run: look whether the server is there, send, read back, report.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use tokio::task::JoinSet;

use crate::cli::LoadArgs;
use crate::client::{Client, Server};
use crate::commands::load::event::Shape;
use crate::commands::load::ledger::Ledger;
use crate::commands::load::pace::Pace;
use crate::commands::load::report::{self, Sent};
use crate::commands::load::sender::Run;
use crate::commands::load::tally::Tally;
use crate::commands::load::{proof, report::screen};
use crate::exit::CommandError;

/// How often the line on the screen is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// Most events of one run: each takes a byte of memory until the proof.
const EVENTS_MAX: u64 = 200_000_000;

/// Loads `server` as `args` say. The report goes to stdout, as JSON with `json`.
pub(crate) async fn run(args: &LoadArgs, server: &Server, json: bool) -> Result<(), CommandError> {
    let client = Client::new(server)?;
    let n_per_request = args.events_per_request;
    let interval_s = n_per_request as f64 / args.rate as f64;
    let n_requests = ((args.duration.as_secs_f64() / interval_s).round() as u64).max(1);
    let n_events = n_requests.saturating_mul(n_per_request);
    if n_events > EVENTS_MAX {
        return Err(CommandError::Usage(format!(
            "{n_events} events are more than one run can prove ({EVENTS_MAX}): a lower --rate or a shorter --duration"
        )));
    }
    proof::may_read(&client).await?;
    let n_senders = usize::from(args.connections);
    let run = Arc::new(Run {
        client,
        shape: Shape::new(args.size as usize),
        ledger: Ledger::new(n_events),
        tally: Tally::new(),
        n_per_request,
        pace: Pace::new(n_requests, interval_s, n_senders),
    });
    let sent = send(&run, n_senders).await?;
    if !json {
        print(&report::text(&run, sent))?;
    }
    let screen = screen();
    screen.set_message("reading back");
    screen.enable_steady_tick(DRAW_EVERY);
    let verdict = tokio::select! {
        verdict = proof::prove(&run) => verdict,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("ended by Ctrl-C before anything was proven")),
    };
    screen.finish_and_clear();
    match &verdict {
        _ if json => print(&format!("{}\n", report::json(&run, sent, verdict.as_ref().ok())))?,
        Ok(verdict) => print(&format!("{}\n", report::verdict_text(verdict)))?,
        Err(_) => {}
    }
    if verdict?.is_good() {
        return Ok(());
    }
    for line in proof::explain(&run).await {
        let _ = writeln!(io::stderr(), "{line}");
    }
    Err(anyhow!("the server has not kept what it promised, see above").into())
}

/// Sends until everything is sent, or Ctrl-C; then waits for what is under way.
async fn send(run: &Arc<Run>, n_senders: usize) -> anyhow::Result<Sent> {
    let mut senders = JoinSet::new();
    for _ in 0..n_senders {
        let run = Arc::clone(run);
        senders.spawn(async move { run.send().await });
    }
    let releasing = Arc::clone(run);
    let pacer = std::thread::spawn(move || releasing.pace.release());
    let screen = screen();
    let mut draw = tokio::time::interval(DRAW_EVERY);
    let mut is_interrupted = false;
    loop {
        tokio::select! {
            ended = senders.join_next() => match ended {
                None => break,
                Some(ended) => ended.context("a sender has panicked")?,
            },
            _ = draw.tick() => screen.set_message(report::line(run)),
            _ = tokio::signal::ctrl_c() => {
                // What is under way may take its time; who does not want to wait for it says so again.
                ensure!(!is_interrupted, "ended by Ctrl-C before anything was proven");
                is_interrupted = true;
                run.pace.end();
            }
        }
    }
    screen.finish_and_clear();
    let took = run.pace.elapsed();
    let unsent = if is_interrupted { 0..0 } else { run.pace.unsent() };
    // They wait still: a lower bound of their latency, where leaving them out would be a lie.
    for number in unsent.clone() {
        run.tally.took(run.pace.due(number).elapsed());
    }
    pacer.join().map_err(|_| anyhow!("the pacing thread has panicked"))?;
    Ok(Sent { took, n_unsent: unsent.end - unsent.start, is_interrupted })
}

fn print(text: &str) -> anyhow::Result<()> {
    write!(io::stdout(), "{text}").context("cannot write to stdout")
}

//! Running other programs: their lines pass through live, and the few that close a test run are kept for the end.
//!
//! Invariant: no child ever reads from our standard input, so nothing can stop to ask a question.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Lines of a child that wait to be shown. A child that writes faster waits.
const LINES_MAX: usize = 1024;

/// Without a line for this long, a child that has ended is taken as having said all.
const SILENCE: Duration = Duration::from_millis(500);

/// How one step went.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What was run, in a word or two.
    pub(crate) name: &'static str,
    /// Whether it succeeded.
    pub(crate) ok: bool,
    /// How long it took.
    pub(crate) took: Duration,
    /// Lines with which a test runner closed.
    pub(crate) closing: Vec<String>,
}

impl Outcome {
    /// The outcome of work done inside this process. An error of `work` is printed and makes a failed outcome.
    pub(crate) fn of(name: &'static str, work: impl FnOnce() -> anyhow::Result<bool>) -> Self {
        headline(name, "");
        let start = Instant::now();
        let ok = work().unwrap_or_else(|error| {
            eprintln!("{name}: {error:#}");
            false
        });
        Self { name, ok, took: start.elapsed(), closing: Vec::new() }
    }
}

/// Prints the line that a step starts with.
pub(crate) fn headline(name: &str, command: &str) {
    println!("\n=== {name}{}{command}", if command.is_empty() { "" } else { ": " });
}

/// Runs a command as a step: headline, live output, closing lines kept. A command that cannot start is a failed step.
pub(crate) fn step(name: &'static str, command: &mut Command) -> Outcome {
    headline(name, &spelled(command));
    let start = Instant::now();
    let mut closing = Vec::new();
    let ok = pass_through(command, &mut closing).unwrap_or_else(|error| {
        eprintln!("{name}: {error:#}");
        false
    });
    // `node --test` is content with a folder in which it finds nothing. We are not: nothing was proven.
    let ran_nothing = closing.iter().any(|line| line.ends_with(" tests 0"));
    if ran_nothing {
        eprintln!("{name}: no test was found");
    }
    Outcome { name, ok: ok && !ran_nothing, took: start.elapsed(), closing }
}

/// Runs a command, shows its output as it comes, and adds the lines that close a test run to `closing`. Returns whether it
/// ended with 0.
///
/// # Errors
/// When the command cannot be started or waited for.
pub(crate) fn pass_through(
    command: &mut Command,
    closing: &mut Vec<String>,
) -> anyhow::Result<bool> {
    lines_of(command, |is_error, line| show(is_error, line, closing))
}

/// Runs a command and hands on each line of its output: whether it came from standard error, and the line with its end.
/// Returns whether the command ended with 0.
///
/// # Errors
/// When the command cannot be started or waited for.
pub(crate) fn lines_of(
    command: &mut Command,
    mut on_line: impl FnMut(bool, &[u8]),
) -> anyhow::Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", spelled(command)))?;
    let (to_us, lines) = mpsc::sync_channel(LINES_MAX);
    send_lines(child.stdout.take().expect("standard output is piped"), false, to_us.clone());
    send_lines(child.stderr.take().expect("standard error is piped"), true, to_us);
    // A process that the child left behind may hold the pipes open for ever: once the child is gone and the pipes are
    // silent, its output is complete.
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok((is_error, line)) => on_line(is_error, &line),
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_none() => {}
            Err(_) => break,
        }
    }
    Ok(child.wait()?.success())
}

/// Runs a command silently. Returns whether it could start and ended with 0.
pub(crate) fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it.
pub(crate) fn spelled(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a line is one with which nextest, `cargo test` or `node --test` says how many tests ran.
pub(crate) fn is_closing(line: &str) -> bool {
    let text = line.trim_start();
    let counted = |prefix: &str| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            ["tests ", "pass ", "fail "].iter().any(|word| {
                rest.strip_prefix(word).is_some_and(|n| n.trim().parse::<u64>().is_ok())
            })
        })
    };
    text.starts_with("Summary [")
        || text.starts_with("test result: ")
        || counted("# ")
        || counted("\u{2139} ")
}

fn show(is_error: bool, line: &[u8], closing: &mut Vec<String>) {
    // A reader that went away (`| head`) must not stop the suite.
    let _ = if is_error {
        std::io::stderr().write_all(line)
    } else {
        let mut out = std::io::stdout().lock();
        out.write_all(line).and_then(|()| out.flush())
    };
    let text = String::from_utf8_lossy(line);
    if is_closing(&text) {
        closing.push(text.trim_end().to_owned());
    }
}

fn send_lines(
    from: impl Read + Send + 'static,
    is_error: bool,
    to: mpsc::SyncSender<(bool, Vec<u8>)>,
) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            if !matches!(from.read_until(b'\n', &mut line), Ok(n_bytes) if n_bytes > 0)
                || to.send((is_error, line)).is_err()
            {
                return;
            }
        }
    });
}

//! How far an import is, on stderr: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printable::printable;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The bar of one table.
#[derive(Debug)]
pub(crate) struct Bar {
    shown: ProgressBar,
    what: String,
    is_terminal: bool,
    // Held for a look at the clock.
    began: Mutex<Began>,
}

#[derive(Debug)]
struct Began {
    phase: Instant,
    /// Rows there were when the phase began.
    n_rows: u64,
    said: Instant,
}

impl Bar {
    /// `what` names the table.
    pub(crate) fn new(what: &str) -> Self {
        let shown = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let now = Instant::now();
        let began = Mutex::new(Began { phase: now, n_rows: 0, said: now });
        Self { shown, what: printable(what), is_terminal: io::stderr().is_terminal(), began }
    }

    /// Bytes are sent from now on, of `total` where that is known.
    pub(crate) fn sends(&self, total: Option<u64>) {
        let template = match total {
            Some(_) => "{prefix} {wide_bar} {percent} %  {msg}  {eta} left",
            None => "{prefix} {spinner}  {msg}",
        };
        self.begin(template, total, 0);
    }

    /// So many bytes were read, so many rows were taken by the server.
    pub(crate) fn sent(&self, n_bytes: u64, n_rows: u64) {
        self.moved("sending", n_bytes, n_rows);
    }

    /// The database takes rows from now on.
    pub(crate) fn applies(&self, n_rows: u64) {
        self.begin("{prefix} {wide_bar} {msg}  {eta} left", Some(n_rows), 0);
    }

    /// So many of them.
    pub(crate) fn applied(&self, state: &str, n_rows: u64) {
        self.moved(state, n_rows, n_rows);
    }

    /// One line of words.
    pub(crate) fn say(&self, words: &str) {
        // A closed stderr is no reason to stop.
        self.shown.suspend(|| {
            let _ = writeln!(io::stderr(), "{words}");
        });
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        self.shown.finish_and_clear();
    }

    fn begin(&self, template: &str, total: Option<u64>, n_rows: u64) {
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        self.shown.set_style(style);
        self.shown.set_prefix(self.what.clone());
        self.shown.reset();
        match total {
            Some(total) => self.shown.set_length(total),
            None => self.shown.unset_length(),
        }
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        (began.phase, began.n_rows) = (Instant::now(), n_rows);
    }

    fn moved(&self, doing: &str, position: u64, n_rows: u64) {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = n_rows.saturating_sub(began.n_rows) as f64;
        let rate = HumanCount((rate / began.phase.elapsed().as_secs_f64().max(0.001)) as u64);
        let total = self.shown.length().filter(|_| doing != "sending");
        let of = total.map_or_else(String::new, |total| format!(" of {}", HumanCount(total)));
        let words = format!("{doing}: {}{of} rows, {rate}/s", HumanCount(n_rows));
        if !self.is_terminal && began.said.elapsed() >= LINE_EVERY {
            began.said = Instant::now();
            let _ = writeln!(io::stderr(), "{}: {words}", self.what);
        }
        self.shown.set_message(words);
        self.shown.set_position(position);
    }
}

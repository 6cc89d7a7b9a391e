//! Progress of a sending, on stderr when that is a terminal; words for people, which go around the bar.

use std::io::{self, Write as _};
use std::time::Instant;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar, or nothing where nobody would see it.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// A bar for an input of known size, else a spinner with counts.
    pub(crate) fn new(size_bytes: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(size_bytes, ProgressDrawTarget::stderr());
        let template = match size_bytes {
            Some(_) => "{wide_bar} {bytes}/{total_bytes}  {msg}  {eta} left",
            None => "{spinner} {bytes}  {msg}",
        };
        let style = ProgressStyle::with_template(template).expect("both templates are well-formed");
        Self { bar: bar.with_style(style), started: Instant::now() }
    }

    /// So much of the input is done, so many events were accepted.
    pub(crate) fn moved(&self, input_bytes: u64, n_accepted: u64) {
        let rate = n_accepted as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let rate = HumanCount(rate.round() as u64);
        self.bar.set_message(format!("{} events, {rate}/s", HumanCount(n_accepted)));
        self.bar.set_position(input_bytes);
    }

    /// One line of words.
    pub(crate) fn say(&self, words: &str) {
        // A closed stderr is no reason to stop sending.
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{words}");
        });
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

//! `[retention]`: how long the events of each stream are kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use model::StreamName;

use crate::units;

/// Every key of it but `default` is the name of a stream.
pub(crate) const SECTION: &str = "retention.";
/// What keeps a stream whatever the default says.
pub(crate) const FOREVER: &str = "forever";
/// Less is a mistake: retention looks a few times a second at most.
const AGE_MIN: Duration = Duration::from_secs(1);
/// A hundred years; more is `forever`.
const AGE_MAX: Duration = Duration::from_hours(24 * 365 * 100);

/// Reads an age; `Ok(None)` is for ever. The error completes a sentence about the setting.
pub(crate) fn parse(text: &str) -> Result<Option<Duration>, &'static str> {
    if text == FOREVER {
        return Ok(None);
    }
    match units::duration(text) {
        Some(age) if (AGE_MIN..=AGE_MAX).contains(&age) => Ok(Some(age)),
        Some(_) => Err("is not between 1s and 36500d; write \"forever\" to keep all of it"),
        None => Err("is not an age with its unit, like 90d or 12h, nor \"forever\""),
    }
}

/// What the file says about single streams, as text.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    /// Stream, its age, and the file.
    given: Vec<(String, String, String)>,
}

impl Ages {
    /// Takes one line of the section. The error is a whole problem.
    pub(crate) fn set(
        &mut self,
        stream: &str,
        value: &toml::Value,
        path: &Path,
    ) -> Result<(), String> {
        let file = path.display().to_string();
        let is_stream = StreamName::new(stream).is_ok();
        let Some(text) = value.as_str().filter(|_| is_stream) else {
            return Err(format!(
                "{file}: `{SECTION}{stream}` must be a stream and its age, like events = \"90d\"; \
                 a name with a dot wants quotes: \"a.b\" = \"12h\""
            ));
        };
        self.given.push((stream.to_owned(), text.to_owned(), file));
        Ok(())
    }

    /// Key, value and file of each.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (String, &str, &str)> {
        let key = |stream: &str| format!("{SECTION}{stream}");
        self.given.iter().map(move |(stream, age, file)| (key(stream), age.as_str(), file.as_str()))
    }

    /// The age of each stream, and what is wrong.
    pub(crate) fn check(&self) -> (BTreeMap<String, Option<Duration>>, Vec<String>) {
        let (mut streams, mut problems) = (BTreeMap::new(), Vec::new());
        for (stream, text, file) in &self.given {
            match parse(text) {
                Ok(age) => drop(streams.insert(stream.clone(), age)),
                Err(words) => {
                    problems.push(format!("{file}: {SECTION}{stream} = {text:?} {words}"));
                }
            }
        }
        (streams, problems)
    }
}

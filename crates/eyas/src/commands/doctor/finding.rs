//! One thing that was looked at.

use serde::Serialize;

use crate::printable::printable;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, but not well, or not for long.
    Warn,
    /// A server would not start, or could not keep its promises.
    Fail,
}

/// What was seen, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: stable, for programs.
    pub(crate) check: &'static str,
    /// How it is.
    pub(crate) level: Level,
    /// What was seen.
    pub(crate) text: String,
    /// What to do, where something is to be done.
    pub(crate) fix: Option<String>,
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, text: text.into(), fix: None }
    }

    /// It works, but.
    pub(crate) fn warn(
        check: &'static str,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { check, level: Level::Warn, text: text.into(), fix: Some(fix.into()) }
    }

    /// It does not work.
    pub(crate) fn fail(
        check: &'static str,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { check, level: Level::Fail, text: text.into(), fix: Some(fix.into()) }
    }

    /// One line, and a second one with the fix.
    pub(crate) fn lines(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let mut lines = format!("{level}  {:14}  {}\n", self.check, printable(&self.text));
        if let Some(fix) = &self.fix {
            lines.extend(["                      fix: ", &printable(fix), "\n"]);
        }
        lines
    }
}

//! `eyas config check | show`: what is configured, where that comes from, and all that is wrong with it.
//!
//! Opens nothing but the configuration file.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde_json::json;

use crate::config::Survey;
use crate::exit::CommandError;
use crate::printable::printable;
use crate::shown::Shown;

/// Says whether the configuration can be used. Warnings are no failure.
pub(crate) fn check(survey: Survey, json: bool) -> Result<(), CommandError> {
    let (warnings, problems) = match &survey.outcome {
        Ok(config) => (config.warnings.as_slice(), [].as_slice()),
        Err(error) => ([].as_slice(), error.problems.as_slice()),
    };
    if json {
        let is_ok = problems.is_empty();
        print(&json!({ "ok": is_ok, "problems": problems, "warnings": warnings }).to_string())?;
    } else {
        for warning in warnings {
            let _ = writeln!(io::stderr(), "warning: {}", printable(warning));
        }
        if problems.is_empty() {
            print("the configuration can be used")?;
        }
    }
    survey.outcome.map(|_| ()).map_err(|error| CommandError::Config(error.to_string()))
}

/// Prints each value and where it came from, also when some of them are wrong.
pub(crate) fn show(survey: Survey, json: bool) -> Result<(), CommandError> {
    if json {
        print(&json!(survey.shown).to_string())?;
    } else {
        let width = |part: fn(&Shown) -> &str| {
            survey.shown.iter().map(|shown| part(shown).chars().count()).max().unwrap_or(0)
        };
        let (keys, values) = (width(|shown| &shown.key), width(|shown| &shown.value));
        for shown in &survey.shown {
            let (key, value) = (&shown.key, printable(&shown.value));
            print(&format!("{key:keys$}  {value:values$}  {}", printable(&shown.source)))?;
        }
    }
    survey.outcome.map(|_| ()).map_err(|error| CommandError::Config(error.to_string()))
}

fn print(line: &str) -> Result<(), CommandError> {
    writeln!(io::stdout(), "{line}").context("cannot write to stdout")?;
    Ok(())
}

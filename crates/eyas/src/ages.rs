//! `[retention]`: how long the events of each stream are kept.

use std::time::Duration;

use crate::units;

/// What keeps a stream whatever the default says.
const FOREVER: &str = "forever";
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

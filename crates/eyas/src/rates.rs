//! `[limits]` of the configuration: how often somebody may ask.

use gateway::Quota;

/// What is wrong with a pair of settings: which of the two, and words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateFault {
    /// The rate.
    Rate(&'static str),
    /// The burst.
    Burst(&'static str),
}

/// A quota out of its rate (`100` or `100/s`, 0 is no limit) and its burst (0 is what comes in two seconds); whichever is not
/// set is as in `unset`.
pub(crate) fn quota(
    rate: Option<&str>,
    burst: Option<&str>,
    unset: Option<Quota>,
) -> Result<Option<Quota>, RateFault> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= 1_000_000);
    let rate = match rate {
        None => unset.map_or(0, Quota::events_per_s),
        Some(text) => number(text.strip_suffix("/s").unwrap_or(text)).ok_or(RateFault::Rate(
            "is not a number of events a second up to 1000000; 0 is no limit",
        ))?,
    };
    let burst = match burst {
        None => unset.map_or(0, Quota::burst),
        Some(text) => number(text).ok_or(RateFault::Burst(
            "is not a number of events up to 1000000; 0 is twice the rate",
        ))?,
    };
    if rate == 0 && burst > 0 && unset.is_none() {
        return Err(RateFault::Burst("says nothing without a rate beside it"));
    }
    Ok(if burst == 0 { Quota::of_rate(rate) } else { Quota::new(rate, burst) })
}

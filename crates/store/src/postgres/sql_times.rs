//! Days and moments as PostgreSQL counts them, from 2000-01-01 on, as texts: `YYYY-MM-DD`, and RFC 3339 with microseconds.
//!
//! Years beyond 9999 have more digits, and those before the year 1 are counted as ISO 8601 does: the year before it is 0000.

use std::fmt::{self, Display, Formatter};

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const DAY_US: i64 = 86_400_000_000;

/// A day; the smallest and the largest number are the infinities.
pub(crate) struct Day(pub(crate) i32);

impl Display for Day {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            i32::MAX => out.write_str("infinity"),
            i32::MIN => out.write_str("-infinity"),
            days => date(out, i64::from(days)),
        }
    }
}

/// A moment, or a day and a time of day; the smallest and the largest number are the infinities.
pub(crate) struct Moment {
    pub(crate) micros: i64,
    pub(crate) has_zone: bool,
}

impl Display for Moment {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.micros {
            i64::MAX => out.write_str("infinity"),
            i64::MIN => out.write_str("-infinity"),
            micros => {
                date(out, micros.div_euclid(DAY_US))?;
                out.write_str("T")?;
                time(out, micros.rem_euclid(DAY_US))?;
                out.write_str(if self.has_zone { "Z" } else { "" })
            }
        }
    }
}

/// `hh:mm:ss.ffffff`.
pub(crate) fn time(out: &mut Formatter<'_>, micros: i64) -> fmt::Result {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    write!(out, "{:02}:{:02}:{:02}.{micros:06}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The day so many days after 2000-01-01. Years are taken from March on, so that the leap day is the last of its year, and
/// in eras of 400 years, which are all alike.
fn date(out: &mut Formatter<'_>, days: i64) -> fmt::Result {
    let days = days + EPOCH_DAYS + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if year < 0 {
        write!(out, "-{:04}-{month:02}-{day:02}", -year)
    } else {
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

//! Points in time, in whole microseconds since 1970-01-01T00:00:00Z.
//!
//! Two spellings come in: RFC 3339 (`2026-11-01T08:00:00.296Z`, any offset) and
//! `YYYY-MM-DD hh:mm:ss[.ffffff][Z]`, which always means UTC. One spelling goes out: RFC 3339 in
//! UTC with six digits. Digits beyond the microsecond are cut, a leap second reads as second 59.

use std::fmt;

use jiff::civil;
use thiserror::Error;

/// Microseconds since 1970-01-01T00:00:00Z, between the years 1 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 0001-01-01T00:00:00Z.
const MIN_US: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z.
const MAX_US: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// From microseconds since 1970; values outside the years 1 to 9999 are moved to the nearest end.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(MIN_US, MAX_US))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads either spelling.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let bytes = text.as_bytes();
        if bytes.len() < 19 || !text.is_ascii() {
            return Err(TimestampError::Shape);
        }
        let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        if separators.iter().any(|&(at, sign)| bytes[at] != sign) {
            return Err(TimestampError::Shape);
        }
        let is_spaced = match bytes[10] {
            b'T' | b't' => false,
            b' ' => true,
            _ => return Err(TimestampError::Shape),
        };
        let (micros, rest) = fraction(&bytes[19..])?;
        let offset_s = match rest {
            [] if is_spaced => 0,
            [b'Z' | b'z'] => 0,
            _ => offset(rest)?,
        };
        let second = match digits(&bytes[17..19])? {
            60 => 59,
            second => second,
        };
        let civil = civil::DateTime::new(
            digits(&bytes[0..4])?,
            small(&bytes[5..7])?,
            small(&bytes[8..10])?,
            small(&bytes[11..13])?,
            small(&bytes[14..16])?,
            i8::try_from(second).map_err(|_| TimestampError::NoSuchTime)?,
            0,
        )
        .map_err(|_| TimestampError::NoSuchTime)?;
        let epoch = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let seconds = civil.duration_since(epoch).as_secs() - i64::from(offset_s);
        let value = seconds * 1_000_000 + i64::from(micros);
        if (MIN_US..=MAX_US).contains(&value) {
            Ok(Self(value))
        } else {
            Err(TimestampError::NoSuchTime)
        }
    }
}

impl fmt::Display for Timestamp {
    /// `2026-11-01T08:00:00.296000Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// Days since 1970-01-01 to a proleptic Gregorian date. Printing a time is on the path of every
/// pushed event, so this is arithmetic and no calendar object (Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// `.ffffff` at the start of `rest`, in microseconds, and what follows it.
fn fraction(rest: &[u8]) -> Result<(i32, &[u8]), TimestampError> {
    let Some((b'.', tail)) = rest.split_first() else {
        return Ok((0, rest));
    };
    let n_digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
    if n_digits == 0 || n_digits > 18 {
        return Err(TimestampError::Shape);
    }
    let padded = tail[..n_digits].iter().copied().chain(std::iter::repeat(b'0'));
    let micros = padded.take(6).fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    Ok((micros, &tail[n_digits..]))
}

/// `+hh:mm` or `-hh:mm`, in seconds.
fn offset(rest: &[u8]) -> Result<i32, TimestampError> {
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = rest else {
        return Err(TimestampError::Shape);
    };
    let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
    if hours > 23 || minutes > 59 {
        return Err(TimestampError::NoSuchTime);
    }
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    Ok(if *sign == b'-' { -seconds } else { seconds })
}

fn digits(bytes: &[u8]) -> Result<i16, TimestampError> {
    let add = |sum: i16, b: &u8| b.is_ascii_digit().then(|| sum * 10 + i16::from(b - b'0'));
    bytes.iter().try_fold(0, add).ok_or(TimestampError::Shape)
}

fn small(bytes: &[u8]) -> Result<i8, TimestampError> {
    i8::try_from(digits(bytes)?).map_err(|_| TimestampError::NoSuchTime)
}

/// Why a text is no timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TimestampError {
    /// Neither of the two spellings.
    #[error(
        "write it as 2026-11-01T08:00:00.296Z, or as 2026-11-01 08:00:00.296 (which means UTC)"
    )]
    Shape,
    /// The spelling is right, the date or time does not exist, or lies outside the years 1 to 9999.
    #[error("there is no such date or time")]
    NoSuchTime,
}

//! Days and times of day by their digits, in one spelling each.

/// A day that exists, `YYYY-MM-DD`, in the years 1 to 9999.
pub(crate) fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    let (Some(year), Some(month), Some(day)) =
        (number(&bytes[..4]), number(&bytes[5..7]), number(&bytes[8..]))
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let n_days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    year >= 1 && (1..=n_days).contains(&day)
}

/// A time of day, `hh:mm`, `hh:mm:ss` or with a fraction, as `hh:mm:ss[.ffffff]`. Digits beyond the microsecond are cut.
pub(crate) fn time(text: &str) -> Option<String> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) if clock.len() == 8 => (clock, Some(fraction)),
        Some(_) => return None,
        None => (text, None),
    };
    let bytes = clock.as_bytes();
    let has_seconds = match bytes.len() {
        5 => false,
        8 => true,
        _ => return None,
    };
    if bytes[2] != b':' || (has_seconds && bytes[5] != b':') {
        return None;
    }
    let (hour, minute) = (number(&bytes[..2])?, number(&bytes[3..5])?);
    let second = if has_seconds { number(&bytes[6..])? } else { 0 };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut out = format!("{hour:02}:{minute:02}:{second:02}");
    if let Some(fraction) = fraction {
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kept = fraction[..fraction.len().min(6)].trim_end_matches('0');
        if !kept.is_empty() {
            out.push('.');
            out.push_str(kept);
        }
    }
    Some(out)
}

/// A day and a time of day without an offset, `YYYY-MM-DD hh:mm:ss[.ffffff]`; a `T` may stand between them.
pub(crate) fn day_and_time(text: &str) -> Option<String> {
    let (day, rest) = text.split_at_checked(10)?;
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    if !is_day(day) {
        return None;
    }
    Some(format!("{day} {}", time(clock)?))
}

/// A time of day with an offset, `Z`, `±hh`, `±hh:mm` or `±hh:mm:ss`, as `hh:mm:ss[.ffffff]±hh:mm[:ss]`. Without one it is UTC: the
/// database would take the zone that it happens to be set up with.
pub(crate) fn time_with_zone(text: &str) -> Option<String> {
    let at = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(at);
    let clock = time(clock)?;
    let Some(sign @ ('+' | '-')) = zone.chars().next() else {
        return (zone.len() <= 1).then(|| format!("{clock}+00:00"));
    };
    let mut parts = [0; 3];
    for (nth, part) in zone[1..].split(':').enumerate() {
        let is_pair = part.len() == 2;
        *parts.get_mut(nth)? = number(part.as_bytes()).filter(|_| is_pair)?;
    }
    let [hours, minutes, seconds] = parts;
    // As far as PostgreSQL goes.
    if hours > 15 || minutes > 59 || seconds > 59 {
        return None;
    }
    let sign = if parts == [0; 3] { '+' } else { sign };
    let rest = if seconds > 0 { format!(":{seconds:02}") } else { String::new() };
    Some(format!("{clock}{sign}{hours:02}:{minutes:02}{rest}"))
}

fn number(digits: &[u8]) -> Option<u32> {
    let is_digits = digits.iter().all(u8::is_ascii_digit);
    is_digits.then(|| digits.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')))
}

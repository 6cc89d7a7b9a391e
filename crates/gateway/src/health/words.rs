//! Numbers, sizes and times as people read them.

use model::Timestamp;

/// `12,431`
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `97 %`
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `12 s`, `4 min`, `3 h`, `5 days`
pub(crate) fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{} days", grouped((s / 86_400.0) as u64)),
    }
}

/// `1.5 GiB`
pub(crate) fn size(n_bytes: u64) -> String {
    let mut size = n_bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB", "TiB"] {
        if size < 1_000.0 || unit == "TiB" {
            let is_whole = unit == "bytes" || size >= 100.0;
            return if is_whole {
                format!("{size:.0} {unit}")
            } else {
                format!("{size:.1} {unit}")
            };
        }
        size /= 1_024.0;
    }
    unreachable!("the last unit takes every size")
}

/// `14:02:11Z`, with the date in front on another day than `now`'s.
pub(crate) fn clock(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_string(), now.to_string());
    let from = if at[..10] == now[..10] { 11 } else { 0 };
    format!("{}Z", &at[from..19])
}

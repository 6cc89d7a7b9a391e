//! Numbers by their digits, so that none is ever rounded on the way.

/// Most digits that a number may have once its exponent is written out.
const DIGITS_MAX: usize = 1_000;

/// A number, written out: no exponent, no leading zero.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) is_negative: bool,
    /// Before the point; empty for 0.
    pub(crate) whole: String,
    /// Behind the point, as written: zeros at the end stay.
    pub(crate) fraction: String,
}

impl Plain {
    /// Reads `-12.50`, `1e3`, `.5`. `None`: it is no number, or has more than [`DIGITS_MAX`] digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let (whole, fraction) = shifted(whole, fraction, exponent)?;
        (whole.len() + fraction.len() <= DIGITS_MAX).then_some(Self {
            is_negative,
            whole,
            fraction,
        })
    }

    /// Whether it is a whole number, however it was written.
    pub(crate) fn is_whole(&self) -> bool {
        self.fraction.bytes().all(|byte| byte == b'0')
    }

    /// As a whole number of 64 bits; `None` where it is none.
    pub(crate) fn to_i64(&self) -> Option<i64> {
        if !self.is_whole() {
            return None;
        }
        if self.whole.is_empty() {
            return Some(0);
        }
        let sign = if self.is_negative { "-" } else { "" };
        format!("{sign}{}", self.whole).parse().ok()
    }

    /// With at most `n` digits behind the point; `None` where that would lose one that is not 0.
    pub(crate) fn with_fraction_max(mut self, n: usize) -> Option<Self> {
        if self.fraction.len() > n {
            let is_lost = self.fraction[n..].bytes().any(|byte| byte != b'0');
            if is_lost {
                return None;
            }
            self.fraction.truncate(n);
        }
        Some(self)
    }

    /// Its one spelling: `-12.50`, `0.5`, `0`.
    pub(crate) fn spelled(&self) -> String {
        let is_zero = self.whole.is_empty() && self.is_whole();
        let mut out = String::with_capacity(self.whole.len() + self.fraction.len() + 3);
        if self.is_negative && !is_zero {
            out.push('-');
        }
        out.push_str(if self.whole.is_empty() { "0" } else { &self.whole });
        if !self.fraction.is_empty() {
            out.push('.');
            out.push_str(&self.fraction);
        }
        out
    }
}

/// A decimal that is [`spelled`](Plain::spelled), without zeros at its end: equal numbers are then the same text.
pub(crate) fn without_zeros(spelled: &str) -> &str {
    if spelled.contains('.') {
        spelled.trim_end_matches('0').trim_end_matches('.')
    } else {
        spelled
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Moves the point; `None` where more digits would be needed than there may be.
fn shifted(whole: &str, fraction: &str, exponent: i32) -> Option<(String, String)> {
    let n = exponent.unsigned_abs() as usize;
    if exponent == 0 {
        return Some((whole.to_owned(), fraction.to_owned()));
    }
    let is_zero = whole.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    if is_zero {
        return Some((String::new(), String::new()));
    }
    if n > DIGITS_MAX {
        return None;
    }
    if exponent > 0 {
        let n_moved = n.min(fraction.len());
        let zeros = "0".repeat(n - n_moved);
        let moved = format!("{whole}{}{zeros}", &fraction[..n_moved]);
        Some((moved.trim_start_matches('0').to_owned(), fraction[n_moved..].to_owned()))
    } else {
        let n_moved = n.min(whole.len());
        let (stay, moved) = whole.split_at(whole.len() - n_moved);
        Some((stay.to_owned(), format!("{}{moved}{fraction}", "0".repeat(n - n_moved))))
    }
}

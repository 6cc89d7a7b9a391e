//! The events that the benches send: the envelope of a real collector, about 250 bytes, each with a number of its own.

use std::io::Write;

/// Sessions that the events belong to. Their names are spread, as those of real clients are: rows then land all over
/// the session's index.
const SESSIONS: u64 = 4096;

/// Every so many events one has the category [`RARE`].
pub(crate) const RARE_EVERY: u64 = 1_000;

/// The category of one event in [`RARE_EVERY`].
pub(crate) const RARE: &str = "checkout";

/// Appends one envelope. The same number makes the same event: every run sends the same.
pub(crate) fn write_envelope(body: &mut Vec<u8>, number: u64) {
    // Multiplying by an odd number spreads the names without a source of randomness.
    let session = (number % SESSIONS).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let category = if number % RARE_EVERY == RARE_EVERY / 2 { RARE } else { "page interaction" };
    write!(
        body,
        r#"{{"session_id":"{session:016x}-80b5-f1ffddc25423","category":"{category}","name":"cta click","data":{{"host":"www.example.com","path":"/pricing/plans","element":"chat bubble","number":{number}}},"timestamp":"2026-01-01T09:15:27.243860Z"}}"#,
    )
    .expect("a vector takes all");
}

/// Appends a request of many events, one a line, with the numbers from `first` on.
pub(crate) fn write_lines(body: &mut Vec<u8>, first: u64, n_events: u64) {
    for number in first..first + n_events {
        write_envelope(body, number);
        body.push(b'\n');
    }
}

/// The number of an event in any text that holds its `data`.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    const NAME: &[u8] = br#""number":"#;
    let from = memchr::memmem::find(text, NAME)? + NAME.len();
    let digits = text[from..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.map(|digit| u64::from(digit - b'0')).reduce(|number, digit| number * 10 + digit)
}

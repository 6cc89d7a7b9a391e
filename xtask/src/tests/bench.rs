//! Promises of `bench`: numbers are read and put together right.

use crate::bench::connection::head;
use crate::bench::report::{BEGIN, END, replaced};
use crate::bench::sample::{number, write_envelope};
use crate::bench::stats::{Spread, percentile, thousands};
use crate::bench::wrk::{Burst, ENVELOPE, parse};

#[test]
fn a_spread_has_median_minimum_and_maximum() {
    assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
    assert_eq!(Spread::of([4.0, 1.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
    assert_eq!(Spread::of([1234.0]).show(0), "1,234 (1,234 to 1,234)");
}

#[test]
fn percentiles_are_nearest_ranks() {
    let values: Vec<u32> = (1..=100).collect();
    assert_eq!(percentile(&values, 0.5), 50);
    assert_eq!(percentile(&values, 0.99), 99);
    assert_eq!(percentile(&values, 1.0), 100);
    assert_eq!(percentile(&[], 0.5), 0);
}

#[test]
fn thousands_have_commas() {
    for (value, decimals, expected) in
        [(0.0, 0, "0"), (999.0, 0, "999"), (1_234_567.0, 0, "1,234,567"), (1234.56, 1, "1,234.6")]
    {
        assert_eq!(thousands(value, decimals), expected);
    }
}

#[test]
fn the_line_of_wrk_is_read() {
    let burst = parse("Running 5s test\nEYAS-BENCH 500000 5000000 1200 9000 3\n").unwrap();
    let expected = Burst { rate: 100_000.0, p50_us: 1200.0, p99_us: 9000.0, n_errors: 3 };
    assert_eq!(burst, expected);
    assert!(parse("nothing").is_err());
    assert!(parse("EYAS-BENCH 1 2 3").is_err());
}

#[test]
fn the_envelope_is_json_of_about_250_bytes() {
    assert!((245..=255).contains(&ENVELOPE.len()), "{}", ENVELOPE.len());
    assert!(serde_json::from_str::<serde_json::Value>(ENVELOPE).unwrap().get("id").is_none());
}

#[test]
fn the_head_of_an_answer_gives_status_and_size() {
    let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhel";
    assert_eq!(head(answer).unwrap(), Some((202, answer.len() + 2)));
    assert_eq!(head(&answer[..30]).unwrap(), None);
    assert!(head(b"HTTP/1.1 202 Accepted\r\n\r\n").is_err());
    assert!(head(b"SSH-2.0\r\n\r\n").is_err());
}

#[test]
fn only_what_stands_between_the_markers_is_replaced() {
    let page = format!("# Benchmarks\n{BEGIN}\nold\n{END}\nrest\n");
    let expected = format!("# Benchmarks\n{BEGIN}\n\nnew\n\n{END}\nrest\n");
    assert_eq!(replaced(&page, "new\n").unwrap(), expected);
    assert!(replaced("# Benchmarks\n", "new").is_err());
}

#[test]
fn a_sample_gives_its_number_back() {
    let mut body = Vec::new();
    write_envelope(&mut body, 1_234_567);
    assert_eq!(number(&body), Some(1_234_567));
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    assert_eq!(number(b"{}"), None);
}

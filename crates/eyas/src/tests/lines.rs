//! Promises of [`crate::commands::lines`].

use std::io::{self, Cursor, Read};
use std::sync::mpsc;

use uuid::Uuid;

use crate::commands::lines::{Batch, Batches, LINE_BYTES_MAX, Line, Splitter, push_event};

fn with_id(line: &str) -> String {
    let mut out = Vec::new();
    push_event(&mut out, line.as_bytes(), || Uuid::from_u128(7));
    String::from_utf8(out).unwrap()
}

#[test]
fn an_event_without_an_id_gets_one_and_no_other_byte_changes() {
    const ID: &str = "\"id\":\"00000000-0000-0000-0000-000000000007\"";
    for (line, expected) in [
        ("{}", format!("{{{ID}}}")),
        (" { } ", format!(" {{{ID} }} ")),
        ("{\"name\":\"a\"}", format!("{{{ID},\"name\":\"a\"}}")),
        ("\t{ \"data\" : 1e400 , \"x\":1.0}", format!("\t{{{ID}, \"data\" : 1e400 , \"x\":1.0}}")),
        (
            "{\"data\":{\"id\":1,\"a\":1,\"a\":2}}",
            format!("{{{ID},\"data\":{{\"id\":1,\"a\":1,\"a\":2}}}}"),
        ),
        (r#"{"data":"\ud800\u0000é"}"#, format!("{{{ID},{}}}", r#""data":"\ud800\u0000é""#)),
        ("{\"a\":1, \"id\" : null }", format!("{{\"a\":1, {}}}", ID.replace(':', " : ") + " ")),
    ] {
        assert_eq!(with_id(line), expected, "{line}");
    }
}

#[test]
fn every_other_line_goes_out_as_it_came_in() {
    for line in [
        "{\"id\":\"mine\"}",
        "{\"data\":1,\"id\":\"\"}",
        r#"{"\u0069d":"escaped"}"#,
        "{\"id\":null,\"id\":null}",
        "{\"id\":5}",
        "[]",
        "[1]",
        "\"{}\"",
        "{",
        "{} {}",
        "{\"a\":}",
        "",
        "\u{feff}{}",
    ] {
        assert_eq!(with_id(line), line);
    }
    let no_utf8 = b"{\"data\":\"\xff\"}";
    let mut out = Vec::new();
    push_event(&mut out, no_utf8, Uuid::nil);
    assert_eq!(out, no_utf8);
}

fn split(blocks: &[&[u8]]) -> Vec<(u64, Result<Vec<u8>, u64>)> {
    let mut splitter = Splitter::default();
    let mut lines = Vec::new();
    let mut drain = |splitter: &mut Splitter| {
        while let Some((number, line)) = splitter.next_line() {
            lines.push((
                number,
                match line {
                    Line::Text(text) => Ok(text.to_vec()),
                    Line::TooLong(size_bytes) => Err(size_bytes),
                },
            ));
        }
    };
    for block in blocks {
        splitter.feed(block);
        drain(&mut splitter);
    }
    splitter.end();
    drain(&mut splitter);
    lines
}

#[test]
fn lines_are_the_same_wherever_the_blocks_end() {
    let input = b"\xef\xbb\xbfone\r\n\n \ntwo\r\rx\nlast";
    let expected: Vec<(u64, Result<Vec<u8>, u64>)> = [&b"one"[..], b"", b" ", b"two\r\rx", b"last"]
        .iter()
        .zip(1..)
        .map(|(text, number)| (number, Ok(text.to_vec())))
        .collect();
    assert_eq!(split(&[input]), expected);
    for cut in 0..input.len() {
        let (before, after) = input.split_at(cut);
        assert_eq!(split(&[before, after]), expected, "cut at {cut}");
    }
    assert_eq!(split(&[b"one\n"]), [(1, Ok(b"one".to_vec()))]);
    assert_eq!(split(&[]), []);
    assert_eq!(split(&[b"\n"]), [(1, Ok(Vec::new()))]);
}

#[test]
fn a_line_that_is_too_long_is_counted_and_not_kept() {
    let long = vec![b'x'; LINE_BYTES_MAX + 1];
    let longest = &long[1..];
    assert_eq!(split(&[longest, b"\r\nb"]), [(1, Ok(longest.to_vec())), (2, Ok(b"b".to_vec()))]);
    let size_bytes = long.len() as u64;
    assert_eq!(split(&[&long, b"\nb"]), [(1, Err(size_bytes)), (2, Ok(b"b".to_vec()))]);
    assert_eq!(split(&[&long, &long, &long, b"\nb"])[0], (1, Err(3 * size_bytes)));
    assert_eq!(split(&[b"a\n", &long, &long]), [(1, Ok(b"a".to_vec())), (2, Err(2 * size_bytes))]);
}

async fn batches(input: impl Read + Send + 'static, lines_max: usize) -> Vec<Batch> {
    let mut batches = Batches::new(input, lines_max, false);
    let mut all = Vec::new();
    while let Some(batch) = batches.next().await.unwrap() {
        all.push(batch);
    }
    all
}

#[tokio::test]
async fn requests_hold_so_many_lines_and_know_their_numbers() {
    let all = batches(Cursor::new("a\n\nb\r\n  \nc\n[1]\nd"), 2).await;
    let seen: Vec<(&[u8], &[u64], u64)> =
        all.iter().map(|batch| (&batch.body[..], &batch.numbers[..], batch.input_bytes)).collect();
    assert_eq!(
        seen,
        [(&b"a\nb\n"[..], &[1, 3][..], 6), (b"c\n[1]\n", &[5, 6], 15), (b"d\n", &[7], 16)]
    );
    assert!(batches(Cursor::new("\n \n"), 2).await.is_empty());
    assert!(batches(io::empty(), 2).await.is_empty());
}

#[tokio::test]
async fn requests_are_bounded_in_bytes_and_memory() {
    let line = "x".repeat(LINE_BYTES_MAX) + "\n";
    let all = batches(Cursor::new(line.repeat(20)), 1000).await;
    assert!(all.iter().all(|batch| batch.body.len() <= 8 << 20));
    assert_eq!(all.iter().map(|batch| batch.numbers.len()).sum::<usize>(), 20);
    // A reader that is slower than the linger makes more requests of them, never fewer.
    assert!(all.len() >= 3);

    let all = batches(Cursor::new("y".repeat(5 << 20) + "\nz"), 1000).await;
    let too_long: Vec<_> = all.iter().flat_map(|batch| &batch.too_long).collect();
    let numbers: Vec<_> = all.iter().flat_map(|batch| &batch.numbers).collect();
    assert_eq!((too_long, numbers), (vec![&(1, 5 << 20)], vec![&2]));
}

/// Gives one line, and then nothing for ever.
struct Stalled(mpsc::Receiver<()>, bool);

impl Read for Stalled {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.1, true) {
            let _ = self.0.recv();
            return Ok(0);
        }
        block[..2].copy_from_slice(b"a\n");
        Ok(2)
    }
}

#[tokio::test]
async fn a_line_of_a_slow_pipe_does_not_wait_for_the_next() {
    let (sender, receiver) = mpsc::channel();
    let mut batches = Batches::new(Stalled(receiver, false), 1000, false);
    let batch = batches.next().await.unwrap().unwrap();
    assert_eq!(batch.numbers, [1]);
    drop(sender);
    assert!(batches.next().await.unwrap().is_none());
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("unplugged"))
    }
}

#[tokio::test]
async fn an_input_that_breaks_is_no_end_of_input() {
    let mut batches = Batches::new(Broken, 1000, false);
    assert_eq!(batches.next().await.unwrap_err().to_string(), "unplugged");
}

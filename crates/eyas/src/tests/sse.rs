//! Promises of [`crate::commands::sse`].

use crate::commands::sse::{MESSAGE_BYTES_MAX, SseMessage, SseParser, TooLong};

fn message(id: &str, data: &str) -> SseMessage {
    SseMessage { id: id.to_owned(), data: data.as_bytes().to_vec() }
}

#[test]
fn messages_are_the_same_wherever_the_pieces_end() {
    let input = concat!(
        ": hello\n\n",
        "retry: 1000\nid: a.1\ndata: {\"x\": \"é\"}\n\n",
        "event: event\r\nid:a.2\r\ndata:one\r\ndata:  two\r\n\r\n",
        "data\rid: a.3\r\r",
        "data: keeps the id\n\n",
        "id: a.4\n\n",
        "data: cut off",
    );
    let expected = [
        message("a.1", "{\"x\": \"é\"}"),
        message("a.2", "one\n two"),
        message("a.3", ""),
        message("a.3", "keeps the id"),
    ];
    assert_eq!(SseParser::default().push(input.as_bytes()).unwrap(), expected);
    for cut in 0..input.len() {
        let mut parser = SseParser::default();
        let (before, after) = input.as_bytes().split_at(cut);
        let mut all = parser.push(before).unwrap();
        all.extend(parser.push(&[]).unwrap());
        all.extend(parser.push(after).unwrap());
        assert_eq!(all, expected, "cut at {cut}");
    }
    let mut parser = SseParser::default();
    let one_by_one: Vec<_> =
        input.as_bytes().chunks(1).flat_map(|byte| parser.push(byte).unwrap()).collect();
    assert_eq!(one_by_one, expected);
}

#[test]
fn a_message_without_end_takes_no_memory_without_end() {
    let mut parser = SseParser::default();
    let piece = vec![b'x'; 1 << 20];
    let n_pieces = (1..100).find(|_| parser.push(&piece) == Err(TooLong)).unwrap();
    assert!(n_pieces << 20 <= MESSAGE_BYTES_MAX + (1 << 20));
}

//! Each road's spelling, and where a connection that stalls is cut.

use std::io::Cursor as Reader;

use model::{Cursor, LogId, Seq};
use tokio_tungstenite::tungstenite::protocol::frame::{FrameHeader, FrameSocket};

use crate::routes::outbox::{Outbox, Spelling};

fn cursor(seq: u64) -> Cursor {
    Cursor { log: LogId::new(7).unwrap(), seq: Seq::new(seq).unwrap() }
}

fn text(out: &Outbox) -> &str {
    std::str::from_utf8(out.bytes()).unwrap()
}

#[test]
fn lines_and_server_sent_events_are_plain_text() {
    let mut sse = Outbox::new(Spelling::Sse);
    sse.retry(250);
    sse.put(None, b"{\"type\":\"hello\"}");
    sse.put(Some(cursor(3)), b"{}");
    sse.keep_alive();
    assert_eq!(
        text(&sse),
        "retry: 250\n\ndata: {\"type\":\"hello\"}\n\nid: 00000007.3\ndata: {}\n\n:\n\n"
    );
    let mut lines = Outbox::new(Spelling::Lines);
    lines.retry(250);
    lines.put(Some(cursor(3)), b"{}");
    lines.keep_alive();
    assert_eq!(text(&lines), "{}\n\n");
}

#[test]
fn web_socket_frames_read_back_whatever_their_length() {
    for n_bytes in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let mut out = Outbox::new(Spelling::WebSocket);
        out.put(Some(cursor(1)), &vec![b'x'; n_bytes]);
        out.keep_alive();
        out.pong(b"abc");
        out.close(1012, "00000007.1");
        let header = FrameHeader::parse(&mut Reader::new(out.bytes())).unwrap().unwrap();
        assert_eq!((header.0.mask, header.1), (None, n_bytes as u64));
        let mut reader = FrameSocket::new(Reader::new(out.bytes().to_vec()));
        let mut frame = || reader.read(None).unwrap().unwrap();
        assert_eq!(frame().into_payload().len(), n_bytes);
        assert!(frame().to_string().contains("PING"));
        assert_eq!(&frame().into_payload()[..], b"abc");
        assert_eq!(&frame().into_payload()[..], b"\x03\xf400000007.1");
    }
}

#[test]
fn a_cut_keeps_the_message_under_way_and_names_its_position() {
    let check = |n_written: usize, n_left: usize, position: Option<u64>| {
        let mut out = Outbox::new(Spelling::WebSocket);
        // Each takes 12 bytes.
        for seq in 1..=3 {
            out.put(Some(cursor(seq)), b"0123456789");
        }
        assert_eq!(out.cut_after(n_written), position.map(cursor), "{n_written}");
        assert_eq!(out.bytes().len(), n_left, "{n_written}");
    };
    check(0, 0, None);
    check(1, 12, Some(1));
    check(12, 12, Some(1));
    check(13, 24, Some(2));
    check(35, 36, Some(3));
    check(36, 36, Some(3));
}

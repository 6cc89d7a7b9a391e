//! Whatever a client sends, in whatever pieces: pings and closes are understood, the rest is passed over, faults are noticed.

use crate::routes::inbound::{Fault, Inbound, PART_BYTES_MAX, Word};

const TEXT: u8 = 0x81;
const TEXT_BEGIN: u8 = 0x01;
const CONTINUE: u8 = 0x00;
const CONTINUE_END: u8 = 0x80;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const MASK: [u8; 4] = [1, 2, 3, 250];

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![opcode];
    match payload.len() {
        n @ ..126 => bytes.push(0x80 | n as u8),
        n @ 126..65_536 => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            bytes.push(0xff);
            bytes.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn read(bytes: &[u8], n_piece: usize) -> (Vec<Word>, Option<Fault>) {
    let (mut inbound, mut words) = (Inbound::default(), Vec::new());
    for piece in bytes.chunks(n_piece) {
        if let Err(fault) = inbound.take(piece, &mut words) {
            return (words, Some(fault));
        }
        assert!(
            inbound.n_kept() <= 2 * (PART_BYTES_MAX + 1),
            "{} bytes are kept",
            inbound.n_kept()
        );
    }
    (words, None)
}

#[test]
fn pings_and_closes_are_understood_in_pieces_of_any_size() {
    let long = [7; 125];
    let said = [
        frame(TEXT, b"hello"),
        frame(PING, b""),
        frame(TEXT_BEGIN, &[b'x'; 300]),
        frame(PING, &long),
        frame(CONTINUE, &vec![b'y'; 65_000]),
        frame(PONG, b"pong"),
        frame(CONTINUE_END, b""),
        frame(BINARY, &vec![0; 65_536]),
        frame(CLOSE, b"\x03\xe8because"),
    ]
    .concat();
    let expected = [Word::Ping(vec![]), Word::Ping(long.to_vec()), Word::Close(Some(1000))];
    for n_piece in [1, 2, 3, 7, 64, 256, 1_000, 1 << 20] {
        let (words, fault) = read(&said, n_piece);
        assert_eq!((&words[..], fault), (&expected[..], None), "pieces of {n_piece}");
    }
    assert_eq!(read(&frame(CLOSE, b""), 1), (vec![Word::Close(None)], None));
}

#[test]
fn what_breaks_the_protocol_is_a_fault() {
    let unmasked = vec![TEXT, 1, b'x'];
    let check = |bytes: &[u8], expected: Fault| {
        for n_piece in [1, 5, 1 << 20] {
            assert_eq!(
                read(bytes, n_piece).1,
                Some(expected),
                "{:?}",
                &bytes[..bytes.len().min(20)]
            );
        }
    };
    check(&unmasked, Fault::Protocol);
    check(&frame(0x83, b"reserved opcode"), Fault::Protocol);
    check(&frame(0x8b, b"reserved control"), Fault::Protocol);
    check(&frame(0xc1, b"compressed, which nobody agreed to"), Fault::Protocol);
    check(&frame(0x09, b"half a ping"), Fault::Protocol);
    check(&frame(PING, &[0; 126]), Fault::Protocol);
    check(&frame(CONTINUE, b"of nothing"), Fault::Protocol);
    check(&[frame(TEXT_BEGIN, b"a"), frame(TEXT, b"b")].concat(), Fault::Protocol);
    check(&frame(TEXT, &vec![0; 65_537]), Fault::TooLong);
    check(
        &[TEXT, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        Fault::TooLong,
    );
    let parts = [frame(TEXT_BEGIN, &vec![0; 40_000]), frame(CONTINUE, &vec![0; 40_000])].concat();
    check(&parts, Fault::TooLong);
}

#[test]
fn nonsense_never_panics_and_keeps_little() {
    let mut state = 1_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for _ in 0..2_000 {
        let bytes: Vec<u8> = (0..200).map(|_| random()).collect();
        read(&bytes, usize::from(random() % 50) + 1);
    }
}

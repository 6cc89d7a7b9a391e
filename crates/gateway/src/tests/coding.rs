//! `decoding` and `encoding`: what goes through comes out the same, and nothing grows beyond its bounds.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, VARY,
};
use tokio::sync::Semaphore;

use crate::auth::principal::Principal;
use crate::body::{Budget, Reserved};
use crate::decoding::{self, Coding, decode};
use crate::encoding::{self, Flow, accepted, encode};
use crate::holder::Holder;

const MIB: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

/// Bytes that do not compress well.
fn noise(n: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"0123456789abcdef"[(state >> 40) as usize % 16]
    };
    (0..n).map(|_| next()).collect()
}

fn whose() -> Holder {
    Holder::of(&Principal::guest(), None)
}

async fn decoded(coding: Coding, body: Vec<u8>) -> Result<Bytes, (&'static str, u16)> {
    let budget = Budget::new(64 * MIB);
    let mut reserved = Reserved::none(&budget, &whose);
    let res = decode(coding, Bytes::from(body), &mut reserved, 16 * MIB).await;
    if let Ok(bytes) = &res {
        let is_reserved = budget.n_used() >= bytes.len() || coding == Coding::Identity;
        assert!(is_reserved, "what came out is reserved");
    }
    drop(reserved);
    assert_eq!(budget.n_used(), 0);
    res.map_err(|problem| (problem.facts().code, problem.facts().status))
}

#[tokio::test]
async fn what_was_compressed_comes_out_the_same() {
    for text in [b"1".to_vec(), vec![b' '; 900_000], noise(MIB + 1)] {
        assert_eq!(decoded(Coding::Gzip, gzip(&text)).await.unwrap(), text);
        assert_eq!(decoded(Coding::Zstd, zstd(&text)).await.unwrap(), text);
        let halves = text.split_at(text.len() / 2);
        let members = [gzip(halves.0), gzip(halves.1)].concat();
        assert_eq!(decoded(Coding::Gzip, members).await.unwrap(), text);
        let frames = [zstd(halves.0), zstd(halves.1)].concat();
        assert_eq!(decoded(Coding::Zstd, frames).await.unwrap(), text);
    }
    assert_eq!(decoded(Coding::Identity, b"as it is".to_vec()).await.unwrap(), "as it is");
}

#[tokio::test]
async fn what_is_broken_or_cut_is_refused() {
    let text = noise(100_000);
    for (coding, whole) in [(Coding::Gzip, gzip(&text)), (Coding::Zstd, zstd(&text))] {
        let refused = Err(("bad_encoding", 400));
        for cut in [1, 5, whole.len() / 2, whole.len() - 1] {
            assert_eq!(decoded(coding, whole[..cut].to_vec()).await, refused, "{coding:?} {cut}");
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        let flipped = decoded(coding, flipped).await;
        // zstd frames have no checksum unless asked for; gzip always tells.
        assert!(coding == Coding::Zstd || flipped == refused);
        let with_rest = [&whole[..], b"and more"].concat();
        assert_eq!(decoded(coding, with_rest).await, refused, "{coding:?}");
        assert_eq!(decoded(coding, b"{\"a\":1}".to_vec()).await, refused, "{coding:?}");
    }
}

#[tokio::test]
async fn bombs_are_refused_and_leave_no_memory_taken() {
    let refused = Err(("body_too_large", 413));
    for (coding, pack) in [(Coding::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Coding::Zstd, zstd)] {
        // More than a body may have, at an honest ratio.
        assert_eq!(decoded(coding, pack(&noise(17 * MIB))).await, refused, "{coding:?}");
        // Less than that, at a ratio that nobody honest has.
        assert_eq!(decoded(coding, pack(&vec![b' '; 8 * MIB])).await, refused, "{coding:?}");
        // Small ones may be as regular as they like.
        assert!(decoded(coding, pack(&vec![b' '; MIB - 1])).await.is_ok());
    }
    // A window that no server has to keep.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.set_parameter(zstd::stream::raw::CParameter::WindowLog(27)).unwrap();
    encoder.write_all(b"{}").unwrap();
    let frame = encoder.finish().unwrap();
    assert_eq!(decoded(Coding::Zstd, frame).await, Err(("bad_encoding", 400)));
}

#[tokio::test]
async fn the_memory_of_all_bodies_bounds_what_is_decompressed() {
    let budget = Budget::new(2 * MIB);
    let mut reserved = Reserved::none(&budget, &whose);
    let body = Bytes::from(gzip(&noise(3 * MIB)));
    let problem = decode(Coding::Gzip, body, &mut reserved, 16 * MIB).await.unwrap_err();
    assert_eq!((problem.facts().code, problem.facts().outcome), ("overloaded", Some("rejected")));
    drop(reserved);
    assert_eq!(budget.n_used(), 0);
}

#[test]
fn one_coding_is_read_and_others_are_refused_with_the_list() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        decoding::coding(&headers).map_err(|problem| problem.render("").headers().clone())
    };
    for (values, wanted) in [
        (&[][..], Coding::Identity),
        (&["identity"], Coding::Identity),
        (&["gzip"], Coding::Gzip),
        (&["X-GZIP"], Coding::Gzip),
        (&["zstd"], Coding::Zstd),
        (&["identity, Zstd"], Coding::Zstd),
        (&["identity", "gzip"], Coding::Gzip),
    ] {
        assert_eq!(of(values).ok(), Some(wanted), "{values:?}");
    }
    for values in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "zstd"], &["gzip;q=1"]] {
        let headers = of(values).expect_err("refused");
        assert_eq!(headers.get(ACCEPT_ENCODING).unwrap(), "gzip, zstd", "{values:?}");
    }
}

#[test]
fn the_coding_that_the_client_likes_best_is_taken() {
    use encoding::Coding::{Gzip, Zstd};
    for (accept, wanted) in [
        ("gzip", Some(Gzip)),
        ("gzip, deflate, br, zstd", Some(Zstd)),
        ("zstd;q=0.5, gzip", Some(Gzip)),
        ("zstd;q=0, gzip;q=0.1", Some(Gzip)),
        ("gzip;q=0", None),
        ("br, identity", None),
        ("", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
        assert_eq!(accepted(&headers), wanted, "{accept}");
    }
}

fn answer(body: Body, is_flow: bool) -> Response {
    let mut response = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    if is_flow {
        response.extensions_mut().insert(Flow);
    }
    response
}

#[tokio::test]
async fn answers_come_out_the_same_and_short_ones_as_they_are() {
    let permits = Arc::new(Semaphore::new(9));
    let text = noise(300_000);
    for coding in [encoding::Coding::Gzip, encoding::Coding::Zstd] {
        let response = encode(Some(coding), &permits, answer(Body::from(text.clone()), false));
        assert_eq!(response.headers()[VARY], "accept-encoding");
        assert!(response.headers().contains_key(CONTENT_ENCODING));
        let packed = response.into_body().collect().await.unwrap().to_bytes();
        assert!(packed.len() < text.len());
        let mut unpacked = Vec::new();
        match coding {
            encoding::Coding::Gzip => {
                GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
            }
            encoding::Coding::Zstd => unpacked = zstd::stream::decode_all(&packed[..]).unwrap(),
        }
        assert_eq!(unpacked, text);
    }
    assert_eq!(permits.available_permits(), 9, "permits come back");
    let is_plain = |response: Response| {
        let response = encode(Some(encoding::Coding::Gzip), &permits, response);
        !response.headers().contains_key(CONTENT_ENCODING)
    };
    assert!(is_plain(answer(Body::from("short"), false)));
    // A live stream is of unknown length and not marked.
    let endless = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    assert!(is_plain(answer(endless(), false)));
    let mut tagged = answer(Body::from(text.clone()), false);
    tagged.headers_mut().insert(ETAG, HeaderValue::from_static("\"1\""));
    assert!(is_plain(tagged));
    let nobody = Arc::new(Semaphore::new(0));
    let response = encode(Some(encoding::Coding::Gzip), &nobody, answer(Body::from(text), false));
    assert!(!response.headers().contains_key(CONTENT_ENCODING), "no room to compress");
    assert_eq!(response.headers()[VARY], "accept-encoding");
}

#[tokio::test]
async fn a_flow_flows_and_a_broken_one_has_no_end() {
    for coding in [encoding::Coding::Gzip, encoding::Coding::Zstd] {
        let permits = Arc::new(Semaphore::new(1));
        let (send, receive) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let pieces =
            stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive)));
        let response = encode(Some(coding), &permits, answer(Body::from_stream(pieces), true));
        let mut out = response.into_body().into_data_stream();
        let mut packed = Vec::new();
        for nth in 0..3 {
            send.send(Ok(Bytes::from(format!("line {nth}\n")))).await.unwrap();
            // Nothing else comes, and still the line arrives.
            packed.extend(out.next().await.unwrap().unwrap());
            let mut seen = vec![0; 7 * (nth + 1)];
            match coding {
                encoding::Coding::Gzip => {
                    GzDecoder::new(&packed[..]).read_exact(&mut seen).unwrap();
                }
                encoding::Coding::Zstd => {
                    let mut reader = zstd::stream::read::Decoder::new(&packed[..]).unwrap();
                    reader.read_exact(&mut seen).unwrap();
                }
            }
            assert!(seen.ends_with(format!("line {nth}\n").as_bytes()));
        }
        send.send(Err(std::io::Error::other("gone"))).await.unwrap();
        assert!(out.next().await.unwrap().is_err());
        assert!(out.next().await.is_none());
        let cut = match coding {
            encoding::Coding::Gzip => {
                GzDecoder::new(&packed[..]).read_to_end(&mut Vec::new()).map(drop)
            }
            encoding::Coding::Zstd => zstd::stream::decode_all(&packed[..]).map(drop),
        };
        assert!(cut.is_err(), "what came is not a whole");
    }
}

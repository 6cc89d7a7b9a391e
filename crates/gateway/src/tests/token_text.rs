//! `token_text`: what a token looks like never changes, because people and scanners know it.

use crate::auth::token_text::{hash, is_whole, make, prefix, spell};

#[test]
fn tokens_are_spelled_as_they_always_were() {
    let zeros = spell([0; 32]);
    assert_eq!(zeros, "eyas_00000000000000000000000000000000000000000000jTH44");
    let ones = spell([0xff; 32]);
    assert_eq!(ones, "eyas_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13WXYLw");
    assert_eq!((zeros.len(), ones.len(), prefix(&ones)), (54, 54, "eyas_yhjs".to_owned()));
}

#[test]
fn every_token_is_another_and_whole() {
    let (one, other) = (make().unwrap(), make().unwrap());
    assert_ne!(one, other);
    assert!(is_whole(one.as_bytes()) && is_whole(other.as_bytes()));
}

#[test]
fn a_token_with_one_sign_changed_or_lost_is_noticed() {
    let token = spell([7; 32]).into_bytes();
    assert!(is_whole(&token));
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
        assert!(!is_whole(&changed), "sign {at}");
        assert!(!is_whole(&token[..at]), "cut at {at}");
    }
    assert!(!is_whole(&[token, b"0".to_vec()].concat()));
}

#[test]
fn what_follows_a_token_makes_it_another() {
    let token = spell([7; 32]);
    assert_ne!(hash(token.as_bytes()), hash(format!("{token}0").as_bytes()));
    // Of what is far too long only the beginning is looked at, and that is no token's hash.
    assert_eq!(hash(&[b'a'; 55]), hash(&b"a".repeat(60_000)));
}

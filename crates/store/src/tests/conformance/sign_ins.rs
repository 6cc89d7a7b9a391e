//! Promises about sign-ins, for every driver.

use futures_util::future::join_all;
use model::Timestamp;

use crate::audit::{AuditEntry, AuditStore};
use crate::sessions::{
    SIGN_INS_MAX, SIGN_INS_OF_MACHINE_MAX, SIGN_INS_OF_TOKEN_MAX, SecretHash, SessionStore, SignIn,
};

fn at(us: i64) -> Timestamp {
    Timestamp::from_micros(us)
}

fn hash(n: usize) -> SecretHash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&n.to_le_bytes());
    hash
}

pub(crate) fn sign_in(n: usize, begins_us: i64, ends_us: i64) -> SignIn {
    SignIn {
        hash: hash(n),
        token_id: n.is_multiple_of(2).then(|| format!("token {n}")),
        actor: "console".to_owned(),
        created_at: at(begins_us),
        expires_at: at(ends_us),
    }
}

/// With the token `token`.
fn with(token: usize, n: usize, begins_us: i64, ends_us: i64) -> SignIn {
    SignIn { token_id: Some(format!("token {token}")), ..sign_in(n, begins_us, ends_us) }
}

pub(crate) fn entry(act: &str) -> AuditEntry {
    AuditEntry {
        at: at(1),
        actor: "local".to_owned(),
        act: act.to_owned(),
        object: String::new(),
        detail: "{}".to_owned(),
    }
}

async fn all(store: &impl SessionStore) -> Vec<SignIn> {
    let mut all = store.sign_ins().await.unwrap();
    all.sort_by_key(|one| one.hash);
    all
}

pub(crate) async fn a_sign_in_reads_back_until_it_ends(store: &(impl SessionStore + AuditStore)) {
    let (one, two) = (sign_in(1, 10, 100), sign_in(2, 20, 200));
    assert_eq!(
        store.sign_in(one.clone(), entry("session.begin")).await.unwrap(),
        Vec::<SecretHash>::new()
    );
    store.sign_in(two.clone(), entry("session.begin")).await.unwrap();
    assert_eq!(all(store).await, [one, two.clone()]);
    store.sign_out(hash(1), entry("session.end")).await.unwrap();
    store.sign_out(hash(1), entry("session.end")).await.unwrap();
    assert_eq!(all(store).await, [two]);
    let acts: Vec<_> = store.audited(None, 10).await.unwrap();
    let acts: Vec<_> = acts.into_iter().map(|line| line.entry.act).collect();
    assert_eq!(acts, ["session.end", "session.begin", "session.begin"], "an end is told once");
}

pub(crate) async fn a_use_extends_a_sign_in_and_revives_none(
    store: &(impl SessionStore + AuditStore),
) {
    store.sign_in(sign_in(1, 10, 100), entry("session.begin")).await.unwrap();
    store.extend_sign_ins(vec![(hash(1), at(300)), (hash(9), at(300))]).await.unwrap();
    store.extend_sign_ins(vec![(hash(1), at(250))]).await.unwrap();
    assert_eq!(all(store).await, [sign_in(1, 10, 300)], "never turned back");
}

pub(crate) async fn there_is_a_bound_and_what_would_end_first_gives_way(
    store: &(impl SessionStore + AuditStore),
) {
    store.sign_in(sign_in(0, 1, 50), entry("session.begin")).await.unwrap();
    for n in 1..=SIGN_INS_MAX {
        let ends_us = 1_000_000 - n as i64;
        store.sign_in(with(n, n, 100, ends_us), entry("session.begin")).await.unwrap();
    }
    let kept = all(store).await;
    assert_eq!(kept.len(), SIGN_INS_MAX);
    assert!(kept.iter().all(|one| one.hash != hash(0)), "it had expired");
    // The newest would end before all others, and is the one that was asked for.
    let gone = store.sign_in(with(5_000, 5_000, 200, 201), entry("session.begin")).await.unwrap();
    assert_eq!(gone, [hash(SIGN_INS_MAX)]);
    let kept = all(store).await;
    assert_eq!(kept.len(), SIGN_INS_MAX);
    assert!(kept.iter().any(|one| one.hash == hash(5_000)));
}

pub(crate) async fn a_token_puts_out_its_own_only(store: &(impl SessionStore + AuditStore)) {
    let machine = |n, ends_us| SignIn { token_id: None, ..sign_in(n, 1, ends_us) };
    store.sign_in(machine(1, 100), entry("session.begin")).await.unwrap();
    store.sign_in(with(2, 2, 1, 101), entry("session.begin")).await.unwrap();
    for n in 0..SIGN_INS_OF_TOKEN_MAX {
        let gone = store.sign_in(with(7, 100 + n, 1, 200 + n as i64), entry("session.begin")).await;
        assert_eq!(gone.unwrap(), Vec::<SecretHash>::new(), "{n}");
    }
    let gone = store.sign_in(with(7, 900, 1, 900), entry("session.begin")).await.unwrap();
    assert_eq!(gone, [hash(100)], "its own oldest");
    // The machine's have a bound of their own, with which tokens have nothing to do.
    for n in 1..SIGN_INS_OF_MACHINE_MAX {
        let gone = store.sign_in(machine(1_000 + n, 1_000), entry("session.begin")).await.unwrap();
        assert_eq!(gone, Vec::<SecretHash>::new(), "{n}");
    }
    let gone = store.sign_in(machine(2_000, 2_000), entry("session.begin")).await.unwrap();
    assert_eq!(gone, [hash(1)]);
    for n in 0..SIGN_INS_MAX {
        let new = with(10_000 + n, 10_000 + n, 1, 5_000 + n as i64);
        store.sign_in(new, entry("session.begin")).await.unwrap();
    }
    let kept = all(store).await;
    assert_eq!(kept.len(), SIGN_INS_MAX + SIGN_INS_OF_MACHINE_MAX);
    let n_machine = kept.iter().filter(|one| one.token_id.is_none()).count();
    assert_eq!(n_machine, SIGN_INS_OF_MACHINE_MAX);
}

pub(crate) async fn a_bound_holds_for_many_at_once(store: &(impl SessionStore + AuditStore)) {
    let begin = |n| store.sign_in(with(7, n, 1, 100 + n as i64), entry("session.begin"));
    let n_new = SIGN_INS_OF_TOKEN_MAX + 12;
    let begun = join_all((0..n_new).map(begin)).await;
    let mut gone: Vec<_> = begun.into_iter().flat_map(Result::unwrap).collect();
    let kept = all(store).await;
    assert_eq!((kept.len(), gone.len()), (SIGN_INS_OF_TOKEN_MAX, 12));
    gone.extend(kept.iter().map(|one| one.hash));
    gone.sort_unstable();
    gone.dedup();
    assert_eq!(gone.len(), n_new, "each is kept, or told to be gone, once");
    // All that change several rows at once.
    let ends = || kept.iter().rev().map(|one| (one.hash, at(1_000))).collect();
    let (begun, extended, ended) = tokio::join!(
        begin(900),
        store.extend_sign_ins(ends()),
        store.sign_out_all(entry("session.end"))
    );
    assert!(begun.is_ok() && extended.is_ok() && ended.is_ok());
}

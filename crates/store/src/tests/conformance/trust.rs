//! Applications and tokens: what every driver of [`TrustStore`] promises. Each is given a fresh, empty store.

use futures_util::future::join_all;
use model::Timestamp;

use crate::audit::{AuditEntry, AuditStore};
use crate::trust::{
    Application, ApplicationChange, Rate, Scope, Token, TokenKind, Trust, TrustAct, TrustError,
    TrustStore,
};

fn at(us: i64) -> Timestamp {
    Timestamp::from_micros(us)
}

fn entry(act: &str, now_us: i64) -> AuditEntry {
    let (actor, act) = ("local".to_owned(), act.to_owned());
    AuditEntry { at: at(now_us), actor, act, object: "it".to_owned(), detail: "{}".to_owned() }
}

pub(crate) fn application(name: &str) -> Application {
    Application {
        name: name.to_owned(),
        created_at: at(1),
        allowed_origins: vec!["https://a.example".to_owned(), "http://b.example:81".to_owned()],
        rate: Some(Rate { events_per_s: 5, burst: 7 }),
        is_disabled: false,
    }
}

pub(crate) fn token(id: &str, application: &str) -> Token {
    let mut hash = [0; 32];
    hash[..id.len()].copy_from_slice(id.as_bytes());
    Token {
        id: id.to_owned(),
        application: application.to_owned(),
        hash,
        prefix: "eyas_7fK2".to_owned(),
        label: "the \"first\" one".to_owned(),
        kind: TokenKind::Server,
        scopes: ["write:orders", "read", "admin"].map(|text| Scope::parse(text).unwrap()).to_vec(),
        created_at: at(2),
        created_by: "local".to_owned(),
        expires_at: None,
        revoked_at: None,
        last_used: None,
    }
}

async fn act(store: &impl TrustStore, act: TrustAct, now_us: i64) -> Result<Trust, TrustError> {
    store.change_trust(act, entry("some.act", now_us)).await
}

pub(crate) async fn add_both(store: &impl TrustStore) {
    act(store, TrustAct::AddApplication(application("shop")), 1).await.unwrap();
    act(store, TrustAct::AddToken(token("one", "shop")), 2).await.unwrap();
}

pub(crate) async fn what_is_added_reads_back(store: &(impl TrustStore + AuditStore)) {
    assert_eq!(store.trust().await.unwrap(), Trust::default());
    add_both(store).await;
    let browser = Token {
        kind: TokenKind::Browser,
        scopes: vec![Scope::Write(None)],
        expires_at: Some(at(9)),
        label: String::new(),
        ..token("two", "shop")
    };
    let trust = act(store, TrustAct::AddToken(browser.clone()), 3).await.unwrap();
    assert_eq!(trust.version, 3);
    assert_eq!(trust.applications, [application("shop")]);
    assert_eq!(trust.tokens, [token("one", "shop"), browser]);
    assert_eq!(store.trust().await.unwrap(), trust);
    assert_eq!(store.audited(None, 10).await.unwrap().len(), 3);
}

pub(crate) async fn a_refused_act_changes_nothing(store: &(impl TrustStore + AuditStore)) {
    add_both(store).await;
    let before = store.trust().await.unwrap();
    let again = act(store, TrustAct::AddApplication(application("shop")), 3).await;
    assert!(matches!(again, Err(TrustError::Exists)));
    let change = ApplicationChange::default();
    for (refused, name) in [
        (TrustAct::AddToken(token("two", "nobody")), "a token of nobody"),
        (TrustAct::Revoke { id: "two".to_owned(), at: at(3) }, "a token that is not there"),
        (TrustAct::ChangeApplication { name: "x".to_owned(), change }, "an application"),
    ] {
        assert!(matches!(act(store, refused, 3).await, Err(TrustError::Unknown)), "{name}");
    }
    assert_eq!(store.trust().await.unwrap(), before);
    assert_eq!(store.audited(None, 10).await.unwrap().len(), 2);
}

pub(crate) async fn a_change_leaves_the_rest_as_it_is(store: &(impl TrustStore + AuditStore)) {
    add_both(store).await;
    let change = async |change| {
        let name = "shop".to_owned();
        let trust = act(store, TrustAct::ChangeApplication { name, change }, 3).await.unwrap();
        trust.applications.into_iter().next().unwrap()
    };
    let disabled = ApplicationChange { is_disabled: Some(true), ..ApplicationChange::default() };
    let expected = Application { is_disabled: true, ..application("shop") };
    assert_eq!(change(disabled).await, expected);
    let rate = ApplicationChange { rate: Some(None), ..ApplicationChange::default() };
    let expected = Application { rate: None, ..expected };
    assert_eq!(change(rate).await, expected);
    let origins =
        ApplicationChange { allowed_origins: Some(Vec::new()), ..ApplicationChange::default() };
    let expected = Application { allowed_origins: Vec::new(), ..expected };
    assert_eq!(change(origins).await, expected);
}

pub(crate) async fn a_rotated_token_ends_and_a_revoked_one_stays_revoked(
    store: &(impl TrustStore + AuditStore),
) {
    add_both(store).await;
    let rotate = |old: &str, new: &str, ends_us| {
        let (old, token) = (old.to_owned(), token(new, "shop"));
        TrustAct::Rotate { old, ends_at: at(ends_us), token }
    };
    let trust = act(store, rotate("one", "two", 50), 10).await.unwrap();
    assert_eq!(trust.tokens[0].expires_at, Some(at(50)));
    assert_eq!(trust.tokens[1], token("two", "shop"));
    // It does not live longer by being rotated again, and not at all once it is over.
    let trust = act(store, rotate("one", "three", 90), 49).await.unwrap();
    assert_eq!(trust.tokens[0].expires_at, Some(at(50)));
    assert!(matches!(act(store, rotate("one", "four", 90), 50).await, Err(TrustError::Unknown)));

    let revoke = |us| TrustAct::Revoke { id: "two".to_owned(), at: at(us) };
    let trust = act(store, revoke(60), 60).await.unwrap();
    assert_eq!(trust.tokens[1].revoked_at, Some(at(60)));
    let n_lines = store.audited(None, 100).await.unwrap().len();
    assert_eq!(act(store, revoke(70), 70).await.unwrap(), trust);
    assert_eq!(store.audited(None, 100).await.unwrap().len(), n_lines);
    assert!(matches!(act(store, rotate("two", "five", 90), 71).await, Err(TrustError::Unknown)));
}

pub(crate) async fn the_last_use_never_goes_back(store: &(impl TrustStore + AuditStore)) {
    add_both(store).await;
    let save = async |us| {
        let uses = vec![("gone".to_owned(), at(us)), ("one".to_owned(), at(us))];
        store.save_token_uses(uses).await.unwrap();
        store.trust().await.unwrap().tokens[0].last_used
    };
    assert_eq!(save(20).await, Some(at(20)));
    assert_eq!(save(10).await, Some(at(20)));
    assert_eq!(save(30).await, Some(at(30)));
    assert_eq!(store.trust().await.unwrap().version, 2);
}

pub(crate) async fn acts_that_come_at_once_happen_one_by_one(
    store: &(impl TrustStore + AuditStore),
) {
    let add = |name| act(store, TrustAct::AddApplication(application(name)), 1);
    let added = join_all((0..12).map(|_| add("shop"))).await;
    let exist = added.iter().filter(|added| matches!(added, Err(TrustError::Exists)));
    assert_eq!((exist.count(), added.iter().filter(|added| added.is_ok()).count()), (11, 1));
    let ids: Vec<String> = (0..12).map(|n| format!("token {n}")).collect();
    let acts = ids.iter().map(|id| act(store, TrustAct::AddToken(token(id, "shop")), 2));
    let mut told: Vec<_> = join_all(acts).await.into_iter().map(Result::unwrap).collect();
    told.sort_by_key(|trust| trust.version);
    for (trust, nth) in told.iter().zip(1..) {
        assert_eq!((trust.version, trust.tokens.len()), (nth as u64 + 1, nth), "all until then");
    }
    assert_eq!(store.trust().await.unwrap(), told[11]);
    // A revocation counts once, whoever asks for it, also while uses are noted in another order.
    let revoke = || TrustAct::Revoke { id: "token 3".to_owned(), at: at(3) };
    let revoked = join_all((0..6).map(|_| act(store, revoke(), 3)));
    let uses = ids.iter().rev().map(|id| (id.clone(), at(5))).collect();
    let (revoked, saved) = tokio::join!(revoked, store.save_token_uses(uses));
    saved.unwrap();
    assert!(revoked.iter().all(|trust| trust.as_ref().unwrap().version == 14));
    assert_eq!(store.audited(None, 100).await.unwrap().len(), 14);
}

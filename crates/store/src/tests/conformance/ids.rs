//! Promises about ids: stored at most once, and found again.

use model::{ContentHash, Draft, Filter, Pattern, Seq};

use crate::events::{Applied, EventStore, IdKey, Order, PageQuery, Stored};
use crate::tests::conformance::sample::{
    apply, assert_same, claim, draft, positions, read_all, seq, stored,
};

fn sent(position: u64, id: &str, content: u128) -> Stored {
    stored(position, &Draft { hash: ContentHash(content), ..draft(id) })
}

async fn rows(store: &dyn EventStore) -> Vec<u64> {
    positions(&read_all(store, &Filter::default(), Order::Asc, 10).await.0)
}

pub(crate) async fn equal_events_are_dropped_and_others_become_dead_letters(
    store: &dyn EventStore,
) {
    claim(store).await;
    // Within one transaction: "a" twice the same, then other content.
    let first = vec![sent(1, "a", 1), sent(2, "a", 1), sent(3, "a", 2), sent(4, "b", 1)];
    let res = apply(store, first).await.unwrap();
    let counts = Applied { through: seq(4), n_stored: 2, n_invalid: 0, n_duplicate: 1, n_dead: 1 };
    assert_eq!(res, counts);
    // Across transactions.
    let invalid = Draft { valid: false, hash: ContentHash(9), ..draft("c") };
    let second = vec![sent(5, "a", 1), stored(6, &invalid), sent(7, "b", 2), sent(8, "b", 1)];
    let res = apply(store, second).await.unwrap();
    let counts = Applied { through: seq(8), n_stored: 1, n_invalid: 1, n_duplicate: 2, n_dead: 1 };
    assert_eq!(res, counts);
    assert_eq!(rows(store).await, [1, 4, 6]);
    for (position, is_held) in
        [(1, true), (2, false), (3, true), (4, true), (5, false), (6, true), (7, true), (8, false)]
    {
        assert_eq!(store.holds(seq(position)).await.unwrap(), is_held, "at {position}");
    }
    assert!(!store.holds(seq(9)).await.unwrap());
    assert_eq!(store.lease().await.unwrap().applied, seq(8));
}

/// Whoever has an id that was made here, nothing is lost and nothing stored twice.
pub(crate) async fn ids_that_were_made_here_end_in_one_place(store: &dyn EventStore) {
    claim(store).await;
    let made = |position: u64, id: &str, content: u128| {
        let hash = ContentHash(content);
        stored(position, &Draft { hash, id_from_client: false, ..draft(id) })
    };
    apply(store, vec![sent(1, "a", 1), made(2, "b", 1)]).await.unwrap();
    // A client guessed one, and another one says again what it was told.
    let events = vec![made(3, "c", 1), made(4, "a", 2), made(5, "d", 1), sent(6, "b", 1)];
    let res = apply(store, events).await.unwrap();
    let counts = Applied { through: seq(6), n_stored: 2, n_invalid: 0, n_duplicate: 1, n_dead: 1 };
    assert_eq!(res, counts);
    assert_eq!(rows(store).await, [1, 2, 3, 5]);
    assert!(store.holds(seq(4)).await.unwrap());
}

pub(crate) async fn an_id_is_unique_per_application_and_stream(store: &dyn EventStore) {
    claim(store).await;
    let events = vec![
        stored(1, &draft("a")),
        stored(2, &Draft { application: Some("shop"), ..draft("a") }),
        stored(3, &Draft { stream: "other", ..draft("a") }),
        stored(4, &Draft { application: Some("shop"), stream: "other", ..draft("a") }),
        // No application is one and the same sender each time.
        stored(5, &draft("a")),
        stored(6, &Draft { application: Some("shop"), ..draft("a") }),
        stored(7, &draft("A")),
    ];
    let res = apply(store, events).await.unwrap();
    assert_eq!(res, Applied { through: seq(7), n_stored: 5, n_duplicate: 2, ..Applied::default() });
    assert_eq!(rows(store).await, [1, 2, 3, 4, 7]);
}

pub(crate) async fn a_dead_letter_does_not_own_its_id(store: &dyn EventStore) {
    claim(store).await;
    apply(store, vec![sent(1, "a", 1), sent(2, "a", 2)]).await.unwrap();
    let res = apply(store, vec![sent(3, "a", 3), sent(4, "a", 1)]).await.unwrap();
    assert_eq!(res, Applied { through: seq(4), n_duplicate: 1, n_dead: 1, ..Applied::default() });
    let key = IdKey { application: None, stream: "events".to_owned(), id: "a".to_owned() };
    assert_eq!(store.find(vec![key]).await.unwrap(), [Some((seq(1), ContentHash(1)))]);
}

pub(crate) async fn a_conflict_that_comes_again_is_one_dead_letter(store: &dyn EventStore) {
    claim(store).await;
    let shop = |position, content| {
        let application = Some("shop");
        stored(position, &Draft { application, hash: ContentHash(content), ..draft("a") })
    };
    // Within one transaction and in the next, and another sender's conflict is another one.
    apply(store, vec![sent(1, "a", 1), sent(2, "a", 2), sent(3, "a", 2)]).await.unwrap();
    apply(store, vec![sent(4, "a", 2), shop(5, 1), shop(6, 2), sent(7, "a", 3)]).await.unwrap();
    let mut held = Vec::new();
    for position in 1..=7 {
        if store.holds(seq(position)).await.unwrap() {
            held.push(position);
        }
    }
    assert_eq!(held, [1, 2, 5, 6, 7]);
}

pub(crate) async fn get_answers_with_every_event_of_an_id(store: &dyn EventStore) {
    claim(store).await;
    let events = || {
        vec![
            stored(1, &draft("a")),
            stored(2, &Draft { application: Some("shop"), ..draft("a") }),
            stored(3, &Draft { application: Some("shop"), stream: "other", ..draft("a") }),
            stored(4, &draft("a*")),
        ]
    };
    apply(store, events()).await.unwrap();
    let check = async |application, stream, wanted: &[usize]| {
        let found = store.get("a", application, stream).await.unwrap();
        let all = events();
        let wanted: Vec<Stored> = wanted.iter().map(|&at| all[at].clone()).collect();
        assert_same(&found, &wanted);
    };
    check(None, None, &[0, 1, 2]).await;
    check(Some("shop"), None, &[1, 2]).await;
    check(None, Some("events"), &[0, 1]).await;
    check(Some("shop"), Some("other"), &[2]).await;
    check(Some(""), None, &[0]).await;
    check(Some("nobody"), None, &[]).await;
    assert!(store.get("nothing", None, None).await.unwrap().is_empty());
}

pub(crate) async fn find_answers_in_the_order_of_its_keys(store: &dyn EventStore) {
    claim(store).await;
    let shop = Draft { application: Some("shop"), hash: ContentHash(u128::MAX), ..draft("b") };
    apply(store, vec![sent(1, "a", 7), stored(2, &shop)]).await.unwrap();
    let key = |application: Option<&str>, id: &str| IdKey {
        application: application.map(str::to_owned),
        stream: "events".to_owned(),
        id: id.to_owned(),
    };
    let keys = vec![key(Some("shop"), "b"), key(None, "b"), key(None, "a"), key(None, "a")];
    let a = Some((seq(1), ContentHash(7)));
    let wanted = [Some((seq(2), ContentHash(u128::MAX))), None, a, a];
    assert_eq!(store.find(keys).await.unwrap(), wanted);
    assert!(store.find(Vec::new()).await.unwrap().is_empty());
}

pub(crate) async fn history_has_dead_letters_in_their_places(store: &dyn EventStore) {
    claim(store).await;
    // Every third event has an id that is taken, so it becomes a dead letter.
    let id =
        |position: u64| if position.is_multiple_of(3) { "a".into() } else { position.to_string() };
    let first = sent(1, "a", 1);
    let rest = (2..=100).map(|position| {
        let name = if position % 2 == 0 { "even" } else { "odd" };
        let draft = Draft { name: Some(name), hash: ContentHash(position.into()), ..draft("") };
        stored(position, &Draft { id: &id(position), ..draft })
    });
    let res = apply(store, std::iter::once(first).chain(rest).collect()).await.unwrap();
    assert_eq!((res.n_stored, res.n_dead), (67, 33));
    let even = Filter { name: vec![Pattern::parse("even")], ..Filter::default() };
    for (filter, step) in [(Filter::default(), 1), (even, 2)] {
        for limit in [1, 2, 7, 33, 1000] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let filter = filter.clone();
                let query = PageQuery { filter, after, order: Order::Asc, limit };
                let page = store.history(query, 1 << 20, Seq::ZERO).await.unwrap();
                assert!(page.events.len() <= limit);
                seen.extend(positions(&page.events));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let expected: Vec<u64> = (1..=100).filter(|position| position % step == 0).collect();
            assert_eq!(seen, expected, "{limit} a page");
        }
    }
}

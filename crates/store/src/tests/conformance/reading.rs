//! Promises about reading: any filter, either order, any cursor, against a plain model; and previews.

use model::{Clock, ContentHash, Draft, Filter, Pattern, Search};

use crate::events::{EventStore, Extent, Fate, IdKey, Order, PageQuery, SessionQuery, Stored};
use crate::tests::conformance::sample::{
    Dice, NOW_US, apply, at, claim, draft, positions, read_all, seq, stored,
};

/// Enough for several blocks of positions in any driver that has such.
const N_EVENTS: usize = 10_000;

const STREAMS: [&str; 4] = ["events", "events", "sensors", "sensors.eu"];
const APPLICATIONS: [&str; 4] = ["web", "web-beta", "app", "täglich"];
const CATEGORIES: [&str; 6] = ["page", "page interaction", "shop", "shop%", "system", "日本"];
const NAMES: [&str; 5] = ["click", "cta click", "view", "view_all", "viewxall"];

fn one_of(dice: &mut Dice, list: &[&'static str]) -> &'static str {
    list[dice.below(list.len())]
}

/// Labels as people use them, one thing rare, a clock that steps back twice.
pub(crate) fn world(n_odd: usize) -> Vec<Stored> {
    let mut dice = Dice(2026);
    let mut position = 0;
    let mut now_us = NOW_US;
    (0..N_EVENTS)
        .map(|nth| {
            position += 1 + (dice.below(8) / 7) as u64 * 3;
            now_us += dice.below(2_000) as i64;
            if nth == N_EVENTS / 3 || nth == N_EVENTS / 2 {
                now_us -= 3_000_000;
            }
            let is_odd = nth < n_odd;
            let has_envelope = dice.below(4) > 0;
            let category =
                if dice.below(500) == 0 { "rare" } else { one_of(&mut dice, &CATEGORIES) };
            let name = one_of(&mut dice, &NAMES);
            let n_sessions = [4, 900][dice.below(2)];
            let session = format!("s{}", dice.below(n_sessions));
            let drift_us = [0, -90_000, -5_000_000, 8_000_000][dice.below(4)];
            let valid = dice.below(40) > 0;
            let draft = Draft {
                stream: one_of(&mut dice, &STREAMS),
                application: (dice.below(3) > 0).then(|| one_of(&mut dice, &APPLICATIONS)),
                session_id: (dice.below(4) > 0).then_some(session.as_str()),
                category: (has_envelope && !is_odd).then_some(category),
                name: (has_envelope && dice.below(50) > 0).then_some(name),
                timestamp: (dice.below(3) > 0).then(|| at(now_us + drift_us)),
                received_at: at(now_us),
                valid,
                hash: ContentHash(nth as u128),
                ..draft("")
            };
            stored(position, &Draft { id: &format!("id-{nth:06}"), ..draft })
        })
        .collect()
}

fn patterns(dice: &mut Dice, list: &[&'static str]) -> Vec<Pattern> {
    let n = [0, 0, 0, 1, 1, 2, 3][dice.below(7)];
    (0..n)
        .map(|_| {
            let text = one_of(dice, list);
            match dice.below(3) {
                0 => {
                    let n_chars = dice.below(text.chars().count() + 1);
                    Pattern::Prefix(text.chars().take(n_chars).collect())
                }
                _ => Pattern::Exact(text.to_owned()),
            }
        })
        .collect()
}

pub(crate) fn any_filter(dice: &mut Dice) -> Filter {
    let mut time = |chance: usize| {
        let us = NOW_US - 2_000_000 + dice.below(14_000_000) as i64;
        (dice.below(chance) == 0).then(|| at(us))
    };
    let (from, to) = (time(4), time(4));
    Filter {
        stream: patterns(dice, &STREAMS),
        application: patterns(dice, &APPLICATIONS),
        category: patterns(dice, &["page", "page interaction", "shop", "shop%", "rare", "none"]),
        name: patterns(dice, &NAMES),
        session_id: patterns(dice, &["s1", "s2", "s17", "s899", "s88", "nobody"]),
        search: search(dice),
        valid: [None, None, Some(true), Some(false)][dice.below(4)],
        from,
        to,
        clock: [Clock::Received, Clock::Event][dice.below(2)],
    }
}

fn search(dice: &mut Dice) -> Option<Search> {
    let texts = ["A", "shop%", "日", "ÄG", "web-", "K", "id-0012", "s8", "w_a", "CTA CLICK"];
    (dice.below(5) == 0).then(|| Search::parse(texts[dice.below(texts.len())]).unwrap())
}

async fn check_all(store: &dyn EventStore, n_odd: usize, n_filters: usize, seed: u64) {
    claim(store).await;
    let events = world(n_odd);
    for part in events.chunks(1_777) {
        apply(store, part.to_vec()).await.unwrap();
    }
    let mut dice = Dice(seed);
    let (mut n_some, mut n_many) = (0, 0);
    for nth in 0..n_filters {
        // Some with few conditions, so that enough of them find something.
        let filter = match nth % 4 {
            0 => any_filter(&mut dice),
            1 => Filter { category: any_filter(&mut dice).category, ..Filter::default() },
            2 => Filter { application: vec![], session_id: vec![], ..any_filter(&mut dice) },
            _ => Filter { stream: vec![], category: vec![], name: vec![], ..any_filter(&mut dice) },
        };
        let matches = |stored: &&Stored| filter.matches(&stored.event);
        let wanted: Vec<u64> =
            events.iter().filter(matches).map(|stored| stored.seq.get()).collect();
        n_some += usize::from(!wanted.is_empty());
        n_many += usize::from(wanted.len() > 500);
        let order = [Order::Asc, Order::Desc][dice.below(2)];
        let limit = [1, 9, 100, 1_000][dice.below(4)].max(wanted.len() / 20 + 1);
        let (mut found, _) = read_all(store, &filter, order, limit).await;
        if order == Order::Desc {
            found.reverse();
        }
        assert_eq!(positions(&found), wanted, "{order:?} {limit} {filter:?}");
        // A page from anywhere.
        let after = seq(1 + dice.below(12_000) as u64);
        let query = PageQuery { filter: filter.clone(), after: Some(after), order, limit };
        let page = store.page(query, Extent::PAGE).await.unwrap();
        let mut rest: Vec<u64> = match order {
            Order::Asc => wanted.into_iter().filter(|&at| at > after.get()).collect(),
            Order::Desc => wanted.into_iter().filter(|&at| at < after.get()).rev().collect(),
        };
        assert_eq!(page.next.is_some(), rest.len() > limit, "{order:?} {limit} {filter:?}");
        rest.truncate(limit);
        let found: Vec<u64> = page.events.iter().map(|listed| listed.seq.get()).collect();
        assert_eq!(found, rest, "{order:?} after {after} {filter:?}");
    }
    assert!(n_some * 2 > n_filters && n_many * 10 > n_filters, "{n_some}, {n_many}");
}

pub(crate) async fn any_filter_in_any_order_finds_what_the_model_finds(store: &dyn EventStore) {
    check_all(store, 0, 240, 1).await;
}

pub(crate) async fn names_without_category_are_found_as_well(store: &dyn EventStore) {
    check_all(store, 300, 80, 2).await;
}

pub(crate) async fn previews_are_cut_at_a_character_and_say_how_much_there_is(
    store: &dyn EventStore,
) {
    claim(store).await;
    let texts: Vec<String> = [0, 1, 2, 3, 254, 255, 256, 257, 300_000]
        .into_iter()
        .map(|n| format!("\"{}{}\"", "x".repeat(n % 2), "é🦀".repeat(n)))
        .chain(["1".to_owned(), format!("[{}]", "1,".repeat(255) + "1")])
        .collect();
    let events = texts.iter().enumerate().map(|(nth, data)| {
        let (id, session_id) = (format!("id-{nth}"), Some("s"));
        stored(nth as u64 + 1, &Draft { data, session_id, ..draft(&id) })
    });
    apply(store, events.collect()).await.unwrap();
    let extent = Extent { data_bytes_max: Some(512), ..Extent::PAGE };
    let query = SessionQuery { session_id: "s".to_owned(), after: None, limit: 100 };
    let of_session = store.session(query, extent).await.unwrap().events;
    // By candidates of an index, and along the table.
    for filter in [
        Filter { session_id: vec![Pattern::Exact("s".to_owned())], ..Filter::default() },
        Filter::default(),
    ] {
        let query = PageQuery { filter, after: None, order: Order::Asc, limit: 100 };
        let page = store.page(query, extent).await.unwrap();
        assert_eq!(page.events.len(), texts.len());
        for ((listed, of_session), text) in page.events.iter().zip(&of_session).zip(&texts) {
            let preview = listed.event.data();
            assert_eq!(preview, &text[..text.floor_char_boundary(512)]);
            assert_eq!(listed.data_bytes, text.len() as u64);
            assert_eq!(
                (of_session.event.data(), of_session.data_bytes),
                (preview, listed.data_bytes)
            );
        }
    }
}

pub(crate) async fn a_page_of_previews_reads_a_bounded_amount(store: &dyn EventStore) {
    claim(store).await;
    let data = format!("\"{}\"", "x".repeat(9 << 20));
    for nth in 1..=9 {
        let id = format!("id-{nth}");
        apply(store, vec![stored(nth, &Draft { data: &data, ..draft(&id) })]).await.unwrap();
    }
    let extent = Extent { data_bytes_max: Some(512), ..Extent::PAGE };
    let (filter, order) = (Filter::default(), Order::Asc);
    let query = PageQuery { filter, after: None, order, limit: 100 };
    let page = store.page(query, extent).await.unwrap();
    assert_eq!((page.events.len(), page.next), (8, Some(seq(8))), "64 MiB are enough for one page");
}

pub(crate) async fn the_fate_of_a_position_is_told(store: &dyn EventStore) {
    claim(store).await;
    let other = Draft { hash: ContentHash(2), ..draft("a") };
    let invalid = Draft { valid: false, ..draft("b") };
    let events = [(1, draft("a")), (2, other), (3, invalid), (4, draft("a"))];
    apply(store, events.iter().map(|(at, draft)| stored(*at, draft)).collect()).await.unwrap();
    let fates = store.fates((0..=5).rev().map(seq).collect()).await.unwrap();
    let wanted = [None, None, Some(Fate::Invalid), Some(Fate::Dead), Some(Fate::Stored), None];
    assert_eq!(fates, wanted);
    let event = |(at, id): (u64, &str)| {
        let key = IdKey { application: None, stream: "events".to_owned(), id: id.to_owned() };
        (seq(at), key)
    };
    let compared = store.compare([(2, "a"), (1, "a"), (3, "c"), (5, "b")].map(event).to_vec());
    let compared = compared.await.unwrap().into_iter().map(|of| (of.fate, of.found));
    let wanted = [
        (Some(Fate::Dead), Some(seq(1))),
        (Some(Fate::Stored), Some(seq(1))),
        (Some(Fate::Invalid), None),
        (None, Some(seq(3))),
    ];
    assert_eq!(compared.collect::<Vec<_>>(), wanted);
    assert_eq!(store.compare(Vec::new()).await.unwrap(), []);
}

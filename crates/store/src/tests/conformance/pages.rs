//! Promises about pages: everything that is wanted, once, in order, byte for byte.

use model::{Clock, ContentHash, Draft, Filter, Pattern, Search, Seq};

use crate::events::{EventStore, Extent, Listed, Order, PageQuery, Stored};
use crate::tests::conformance::sample::{
    LABELS, NOW_US, apply, assert_same, at, claim, draft, mixed, positions, read_all, seq, stored,
};

const ORDERS: [Order; 2] = [Order::Asc, Order::Desc];

/// JSON texts that a careless store changes. Issue by issue: big integers, floats, negative zero,
/// beyond f64, escapes that are no text, doubled keys, white space, separators, astral characters.
const DATA: [&str; 15] = [
    "123456789012345678901234567890",
    "[1.0,1.10,-0,-0.0,1e400,1E+400,0.1e-400,9007199254740993]",
    r#""\u0000""#,
    r#"{"\u0000":"a\u0000b"}"#,
    r#"["\ud800","\udc00x","\uD83D\uDE00"]"#,
    r#"{"a":1,"a":2,"b":3,"a":4}"#,
    r#"{"z":1,"a":{"y":1,"b":2}}"#,
    " \t\r\n{ \"a\" :\n [ 1 ,\r\n 2 ] }\n ",
    "\"\u{2028}\u{2029}\u{feff}\u{85}\"",
    "\"\u{1f980}\u{10ffff}é\u{65}\u{301}\"",
    r#""\/\b\f\n\r\t\"\\\u00e9\u00E9""#,
    "null",
    "\"\"",
    "true",
    "[[[[[[[[[[[[]]]]]]]]]]]]",
];

fn listed(events: &[Listed]) -> Vec<u64> {
    events.iter().map(|listed| listed.seq.get()).collect()
}

pub(crate) async fn data_reads_back_byte_for_byte(store: &dyn EventStore) {
    claim(store).await;
    let ids: Vec<String> = (0..DATA.len()).map(|nth| format!("id-{nth}")).collect();
    let make = |(nth, data): (usize, &&'static str)| {
        let errors = if nth % 2 == 0 { "[]" } else { r#"[ {"pointer":"/\u0000"} ]"# };
        let session_id = Some("s");
        stored(nth as u64 + 1, &Draft { data, errors, session_id, ..draft(&ids[nth]) })
    };
    let events: Vec<Stored> = DATA.iter().enumerate().map(make).collect();
    apply(store, events.clone()).await.unwrap();
    let (found, _) = read_all(store, &Filter::default(), Order::Asc, 4).await;
    assert_same(&found, &events);
    for (nth, id) in ids.iter().enumerate() {
        let found = store.get(id, None, None).await.unwrap();
        assert_eq!(found[0].event.data(), DATA[nth]);
    }
}

pub(crate) async fn every_field_reads_back(store: &dyn EventStore) {
    claim(store).await;
    let long = "é".repeat(128);
    let full = Draft {
        id: "ü\u{10ffff}'\"",
        id_from_client: false,
        undecided: false,
        stream: "a.b-c_d",
        application: Some(&long),
        session_id: Some(" s "),
        category: Some("%"),
        name: Some("_"),
        data: "1",
        timestamp: Some(at(i64::MIN)),
        received_at: at(i64::MAX),
        valid: false,
        errors: r#"[{"pointer":"","rule":"time","message":"in the future"}]"#,
        schema_version: Some(u32::MAX),
        hash: ContentHash(u128::MAX - 1),
    };
    let bare = Draft { timestamp: Some(at(0)), received_at: at(-1), ..draft("bare") };
    let events = vec![stored(3, &full), stored(Seq::MAX.get(), &bare)];
    apply(store, events.clone()).await.unwrap();
    assert_same(&read_all(store, &Filter::default(), Order::Asc, 10).await.0, &events);
    assert_same(&store.get(full.id, None, None).await.unwrap(), &events[..1]);
    // What was undecided on its way here is decided once it stands in the database.
    let found = &store.get("bare", None, None).await.unwrap()[0].event;
    assert!(!found.undecided() && found.id_from_client() && found.application().is_none());
}

/// The filters that one field's lists of patterns make.
fn label_filters(set: fn(&mut Filter, Vec<Pattern>)) -> Vec<Filter> {
    let mut lists: Vec<Vec<Pattern>> = Vec::new();
    for label in LABELS {
        lists.push(vec![Pattern::Exact(label.to_owned())]);
        lists.push(vec![Pattern::Prefix(label.to_owned())]);
    }
    for prefix in ["", "a.", "e", "\u{10ffff}\u{10ffff}", "日"] {
        lists.push(vec![Pattern::Prefix(prefix.to_owned())]);
    }
    lists.push(["events", "a.b", "a%", "A"].map(|text| Pattern::Exact(text.to_owned())).to_vec());
    lists.push(vec![Pattern::Prefix("a_".to_owned()), Pattern::Exact("日本".to_owned())]);
    let filter = |list| {
        let mut filter = Filter::default();
        set(&mut filter, list);
        filter
    };
    lists.into_iter().map(filter).collect()
}

fn filters() -> Vec<Filter> {
    let exact = |text: &str| vec![Pattern::Exact(text.to_owned())];
    let prefix = |text: &str| vec![Pattern::Prefix(text.to_owned())];
    let all = Filter::default;
    let mut filters = vec![
        all(),
        Filter { valid: Some(true), ..all() },
        Filter { valid: Some(false), ..all() },
        Filter { category: exact("a"), name: prefix("a"), ..all() },
        Filter { stream: exact("events"), valid: Some(false), ..all() },
        Filter { stream: exact("events"), session_id: exact("a%"), ..all() },
        Filter { session_id: exact("a"), valid: Some(true), ..all() },
        Filter { application: prefix("a"), stream: exact("a_b"), name: prefix(""), ..all() },
    ];
    for (category, name) in LABELS.iter().zip(LABELS.iter().cycle().skip(3)) {
        filters.push(Filter { category: exact(category), name: exact(name), ..all() });
    }
    filters.extend(label_filters(|filter, list| filter.stream = list));
    filters.extend(label_filters(|filter, list| filter.application = list));
    filters.extend(label_filters(|filter, list| filter.category = list));
    filters.extend(label_filters(|filter, list| filter.name = list));
    filters.extend(label_filters(|filter, list| filter.session_id = list));
    for text in LABELS.into_iter().chain(["ID-1", "id-39", "Ä", "%", "_", "a\\", "x"]) {
        let search = Search::parse(text);
        filters.push(Filter { search: search.clone(), ..all() });
        filters.push(Filter { search, application: prefix("a"), valid: Some(true), ..all() });
    }
    for clock in [Clock::Received, Clock::Event] {
        for (from, to) in
            [(Some(50_000), None), (None, Some(50_000)), (Some(20_000), Some(150_000))]
        {
            let (from, to) = (from.map(|us| at(NOW_US + us)), to.map(|us| at(NOW_US + us)));
            filters.push(Filter { from, to, clock, ..all() });
            let (name, valid) = (prefix("a"), Some(true));
            filters.push(Filter { from, to, clock, name, valid, ..all() });
        }
    }
    filters
}

pub(crate) async fn sql_and_rust_filter_alike(store: &dyn EventStore) {
    claim(store).await;
    let events = mixed(400);
    apply(store, events.clone()).await.unwrap();
    let mut n_matched = 0;
    for filter in filters() {
        let matches = |stored: &&Stored| filter.matches(&stored.event);
        let mut wanted: Vec<Stored> = events.iter().filter(matches).cloned().collect();
        n_matched += wanted.len();
        for order in ORDERS {
            let (found, _) = read_all(store, &filter, order, 150).await;
            assert_eq!(positions(&found), positions(&wanted), "{order:?} {filter:?}");
            wanted.reverse();
        }
    }
    assert!(n_matched > 1_000, "the filters want something: {n_matched}");
}

pub(crate) async fn pages_cover_everything_exactly_once(store: &dyn EventStore) {
    claim(store).await;
    let empty = PageQuery { filter: Filter::default(), after: None, order: Order::Asc, limit: 3 };
    let page = store.page(empty, Extent::PAGE).await.unwrap();
    assert!(page.events.is_empty() && page.next.is_none());
    let mut events = mixed(91);
    apply(store, events.clone()).await.unwrap();
    for order in ORDERS {
        for limit in [1, 2, 7, 13, 90, 91, 92, 5_000] {
            let (found, n_pages) = read_all(store, &Filter::default(), order, limit).await;
            assert_same(&found, &events);
            assert_eq!(n_pages, 91_usize.div_ceil(limit), "the last page says that it is the last");
        }
        events.reverse();
    }
    // A cursor may name a position that holds nothing.
    let all = Filter::default();
    let after = Some(events[40].seq.next());
    let query = |order| PageQuery { filter: all.clone(), after, order, limit: 1_000 };
    let above = store.page(query(Order::Asc), Extent::PAGE).await.unwrap().events;
    assert!(above.iter().all(|stored| Some(stored.seq) > after));
    let below = store.page(query(Order::Desc), Extent::PAGE).await.unwrap().events;
    assert!(below.iter().all(|stored| Some(stored.seq) < after));
    let n_at = events.iter().filter(|stored| Some(stored.seq) == after).count();
    assert_eq!(above.len() + below.len() + n_at, 91);
}

pub(crate) async fn a_page_follows_what_is_applied_later(store: &dyn EventStore) {
    claim(store).await;
    let (filter, order) = (Filter::default(), Order::Asc);
    apply(store, vec![stored(1, &draft("a")), stored(2, &draft("b"))]).await.unwrap();
    let query = |after, limit| PageQuery { filter: filter.clone(), after, order, limit };
    assert_eq!(store.page(query(None, 2), Extent::PAGE).await.unwrap().next, None);
    apply(store, vec![stored(9, &draft("c"))]).await.unwrap();
    let page = store.page(query(Some(seq(2)), 2), Extent::PAGE).await.unwrap();
    assert_eq!((listed(&page.events), page.next), (vec![9], None));
    let page = store.page(query(None, 2), Extent::PAGE).await.unwrap();
    assert_eq!((listed(&page.events), page.next), (vec![1, 2], Some(seq(2))));
}

/// Enough rows that a driver's bound on the rows of a page shows.
pub(crate) async fn fill_with_few_rare(store: &dyn EventStore, n_rows: u64) -> Filter {
    claim(store).await;
    // Each label alone is common, both together are rare: no index helps.
    let is_rare = |position| [1, 21_000, n_rows].contains(&position);
    for first in (1..=n_rows).step_by(5_000) {
        let make = |position| {
            let is_even = position % 2 == 0;
            let application = (is_even || is_rare(position)).then_some("a");
            let session_id = (!is_even || is_rare(position)).then_some("s");
            let id = format!("id-{position:08}");
            stored(position, &Draft { application, session_id, ..draft(&id) })
        };
        apply(store, (first..=n_rows.min(first + 4_999)).map(make).collect()).await.unwrap();
    }
    let exact = |text: &str| vec![Pattern::Exact(text.to_owned())];
    Filter { application: exact("a"), session_id: exact("s"), ..Filter::default() }
}

pub(crate) async fn a_rare_filter_is_found_over_many_rows(store: &dyn EventStore) {
    let rare = fill_with_few_rare(store, 45_000).await;
    let in_stream = Filter { stream: vec![Pattern::Exact("events".to_owned())], ..rare.clone() };
    for filter in [rare, in_stream] {
        for limit in [1, 3, 100] {
            let (found, _) = read_all(store, &filter, Order::Asc, limit).await;
            assert_eq!(positions(&found), [1, 21_000, 45_000]);
            let (found, _) = read_all(store, &filter, Order::Desc, limit).await;
            assert_eq!(positions(&found), [45_000, 21_000, 1]);
        }
    }
}

pub(crate) async fn a_page_of_large_events_ends_early(store: &dyn EventStore) {
    claim(store).await;
    let data = format!("\"{}\"", "x".repeat(3 * 1024 * 1024));
    let make =
        |position| stored(position, &Draft { data: &data, ..draft(&format!("id-{position}")) });
    apply(store, (1..=7).map(make).collect()).await.unwrap();
    let all = Filter::default();
    let query = PageQuery { filter: all.clone(), after: None, order: Order::Asc, limit: 1_000 };
    let page = store.page(query, Extent::PAGE).await.unwrap();
    assert!((1..7).contains(&page.events.len()) && page.next.is_some());
    let (found, _) = read_all(store, &all, Order::Desc, 1_000).await;
    assert_eq!(positions(&found), [7, 6, 5, 4, 3, 2, 1]);
}

pub(crate) async fn readers_never_see_half_a_transaction(store: &dyn EventStore) {
    const N_ROWS: u64 = 500;
    const N_TRANSACTIONS: u64 = 40;
    claim(store).await;
    let write = async {
        for nth in 0..N_TRANSACTIONS {
            let positions = nth * N_ROWS + 1..=(nth + 1) * N_ROWS;
            let events = positions.map(|at| stored(at, &draft(&format!("id-{at:08}")))).collect();
            apply(store, events).await.unwrap();
        }
    };
    let read = async {
        let mut n_seen = 0;
        while n_seen < N_ROWS * N_TRANSACTIONS {
            let (filter, order) = (Filter::default(), Order::Desc);
            let query = PageQuery { filter, after: None, order, limit: 700 };
            let found = listed(&store.page(query, Extent::PAGE).await.unwrap().events);
            let head = found.first().copied().unwrap_or_default();
            assert_eq!(head % N_ROWS, 0, "a page begins at the end of a transaction");
            assert!(head >= n_seen, "what was seen stays");
            let wanted: Vec<u64> = (1..=head).rev().take(700).collect();
            assert_eq!(found, wanted, "no gap below the head");
            n_seen = head;
        }
    };
    tokio::join!(write, read);
}

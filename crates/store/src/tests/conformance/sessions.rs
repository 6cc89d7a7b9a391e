//! Promises about sessions: in the order in which things happened, whenever they came in.

use model::Draft;

use crate::events::{EventStore, Extent, SessionPosition, SessionQuery, Stored};
use crate::tests::conformance::sample::{
    Dice, NOW_US, apply, assert_same, at, claim, draft, stored,
};

fn happened(stored: &Stored) -> SessionPosition {
    let event = &stored.event;
    SessionPosition { at: event.timestamp().unwrap_or(event.received_at()), seq: stored.seq }
}

pub(crate) async fn sessions_are_in_the_order_of_things(store: &dyn EventStore) {
    claim(store).await;
    let mut dice = Dice(7);
    let events: Vec<Stored> = (1..=300)
        .map(|position| {
            // Few distinct times, before and after 1970, so that many tie and Seq decides.
            let timestamp = (dice.below(4) > 0).then(|| at(dice.below(20) as i64 - 10));
            let session_id = [None, Some("s"), Some("s"), Some("S"), Some("s*")][dice.below(5)];
            let received_at = at(if dice.below(2) == 0 { NOW_US + position } else { 3 });
            let id = format!("id-{position}");
            stored(position as u64, &Draft { timestamp, session_id, received_at, ..draft(&id) })
        })
        .collect();
    apply(store, events.clone()).await.unwrap();
    for session in ["s", "S", "s*", "nobody"] {
        let is_wanted = |stored: &&Stored| stored.event.session_id() == Some(session);
        let mut wanted: Vec<Stored> = events.iter().filter(is_wanted).cloned().collect();
        wanted.sort_by_key(happened);
        for limit in [1, 7, 1_000] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let query = SessionQuery { session_id: session.to_owned(), after, limit };
                let page = store.session(query, Extent::PAGE).await.unwrap();
                assert!(page.events.len() <= limit);
                let page_events =
                    page.events.into_iter().map(|it| Stored { seq: it.seq, event: it.event });
                found.extend(page_events);
                assert_eq!(page.has_more, found.len() < wanted.len());
                let Some(last) = found.last().filter(|_| page.has_more) else { break };
                after = Some(happened(last));
            }
            assert_same(&found, &wanted);
        }
    }
}

pub(crate) async fn a_page_of_a_session_ends_at_its_bytes(store: &dyn EventStore) {
    claim(store).await;
    let data = format!("\"{}\"", "x".repeat(10_000));
    let make = |position: u64| {
        let (id, session_id) = (format!("id-{position}"), Some("s"));
        stored(position, &Draft { data: &data, session_id, ..draft(&id) })
    };
    apply(store, (1..=9).map(make).collect()).await.unwrap();
    let extent = Extent { bytes_max: 25_000, data_bytes_max: None };
    let (mut n_found, mut after) = (0, None);
    loop {
        let query = SessionQuery { session_id: "s".to_owned(), after, limit: 100 };
        let page = store.session(query, extent).await.unwrap();
        assert_eq!(page.events.len(), 3, "the third event reaches the bound");
        n_found += page.events.len();
        let last = page.events.last().unwrap();
        after = Some(SessionPosition { at: last.event.received_at(), seq: last.seq });
        if !page.has_more {
            break;
        }
    }
    assert_eq!(n_found, 9);
}

//! Promises about sessions: in the order in which things happened, whenever they came in.

use model::Draft;

use crate::events::{EventStore, SessionPosition, SessionQuery, Stored};
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
                let page = store.session(query).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(happened(last));
                found.extend(page);
            }
            assert_same(&found, &wanted);
        }
    }
}

//! What the suite feeds to a store: events made from a seed, a consumer, and whole reads.

use model::{ContentHash, Draft, Event, Filter, LogId, Seq, Timestamp};

use crate::error::StoreError;
use crate::events::{Applied, Apply, Claim, EventStore, Extent, Order, PageQuery, Stored};

pub(crate) const HOLDER: &str = "node-1";
/// 2026-11-01T08:00:00Z.
pub(crate) const NOW_US: i64 = 1_793_520_000_000_000;
/// Texts that trip pattern matching, quoting and orders of characters.
pub(crate) const LABELS: [&str; 21] = [
    "a",
    "b",
    "A",
    "a%",
    "a_b",
    "axb",
    "a*",
    "a[b]",
    "a?c",
    "a\\",
    "it's",
    "\"a\"",
    "ä",
    "aä",
    "日本",
    "日本語",
    "\u{d7ff}",
    "\u{e000}a",
    "\u{10ffff}",
    "a\u{10ffff}",
    "a\u{10ffff}b",
];

pub(crate) fn log() -> LogId {
    LogId::new(0x0a1b_2c3d).unwrap()
}

pub(crate) fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A plain event's draft, for `..draft("id")`.
pub(crate) fn draft(id: &str) -> Draft<'_> {
    Draft {
        id,
        id_from_client: true,
        undecided: false,
        stream: "events",
        application: None,
        session_id: None,
        category: None,
        name: None,
        data: "{}",
        timestamp: None,
        received_at: at(NOW_US),
        valid: true,
        errors: "[]",
        schema_version: None,
        hash: ContentHash(1),
    }
}

pub(crate) fn stored(position: u64, draft: &Draft<'_>) -> Stored {
    Stored { seq: seq(position), event: Event::from_draft(draft) }
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn label(&mut self) -> Option<&'static str> {
        LABELS.get(self.below(LABELS.len() + 2)).copied()
    }
}

/// Events of all kinds, at sparse positions.
pub(crate) fn mixed(n: usize) -> Vec<Stored> {
    let mut dice = Dice(42);
    let mut position = 0;
    (0..n)
        .map(|nth| {
            position += 1 + dice.below(3) as u64;
            let received_us = NOW_US + nth as i64 * 1_000;
            let drift_us = dice.below(200_000) as i64 - 100_000;
            let valid = dice.below(5) > 0;
            stored(
                position,
                &Draft {
                    stream: ["events", "a.b", "a_b", "a-b", "axb"][dice.below(5)],
                    application: dice.label(),
                    session_id: dice.label(),
                    category: dice.label(),
                    name: dice.label(),
                    timestamp: (dice.below(3) > 0).then(|| at(received_us + drift_us)),
                    received_at: at(received_us),
                    valid,
                    errors: if valid {
                        "[]"
                    } else {
                        r#"[{"pointer":"/x","rule":"r","message":"m"}]"#
                    },
                    schema_version: (nth % 3 == 0).then_some(nth as u32),
                    id_from_client: dice.below(2) == 0,
                    hash: ContentHash(nth as u128),
                    ..draft(&format!("id-{nth}"))
                },
            )
        })
        .collect()
}

/// Becomes the consumer.
pub(crate) async fn claim(store: &dyn EventStore) {
    let (now, until) = (at(NOW_US), at(NOW_US + 10_000_000));
    let claim = Claim { holder: HOLDER.to_owned(), log: log(), now, until };
    store.claim(claim).await.unwrap();
}

/// Applies the events behind what is applied, up to the last of them.
pub(crate) async fn apply(
    store: &dyn EventStore,
    events: Vec<Stored>,
) -> Result<Applied, StoreError> {
    let expected = store.lease().await.unwrap().applied;
    let applied = events.last().map_or(expected, |stored| stored.seq);
    store.apply(Apply { holder: HOLDER.to_owned(), expected, events, applied }).await
}

/// Follows `next` to the end. Returns the events and the number of pages.
pub(crate) async fn read_all(
    store: &dyn EventStore,
    filter: &Filter,
    order: Order,
    limit: usize,
) -> (Vec<Stored>, usize) {
    let (mut events, mut after, mut n_pages) = (Vec::new(), None, 0);
    loop {
        let query = PageQuery { filter: filter.clone(), after, order, limit };
        let page = store.page(query, Extent::PAGE).await.unwrap();
        n_pages += 1;
        assert!(page.events.len() <= limit, "a page holds at most its limit");
        events.extend(page.events.into_iter().map(|listed| {
            assert_eq!(listed.data_bytes, listed.event.data().len() as u64);
            Stored { seq: listed.seq, event: listed.event }
        }));
        let Some(next) = page.next else { return (events, n_pages) };
        let moves_on = after.is_none_or(|after| match order {
            Order::Asc => next > after,
            Order::Desc => next < after,
        });
        assert!(moves_on, "next moves on: {after:?}, {next}");
        after = Some(next);
    }
}

/// Positions, for comparing.
pub(crate) fn positions(events: &[Stored]) -> Vec<u64> {
    events.iter().map(|stored| stored.seq.get()).collect()
}

/// Same positions, same bytes.
pub(crate) fn assert_same(found: &[Stored], wanted: &[Stored]) {
    assert_eq!(positions(found), positions(wanted));
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found.event.record(), wanted.event.record(), "at {}", wanted.seq);
    }
}

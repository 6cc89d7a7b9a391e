//! Promises about records that the database refuses. The driver first makes its database refuse every id that begins
//! with `poison`, and takes that back where a promise says so.

use model::{ContentHash, Draft, Filter, Seq};

use crate::dead_letters::{DeadFilter, DeadLetterStore, DeadState, REFUSED, Replay, Replayed};
use crate::error::StoreError;
use crate::events::{Applied, Apply, EventStore, Fate, IdKey, Order, PageQuery, Stored};
use crate::tests::conformance::sample::{
    HOLDER, NOW_US, at, claim, draft, positions, read_all, seq, stored,
};

/// Applies all of it, in as many transactions as the driver likes.
pub(crate) async fn apply(
    store: &dyn EventStore,
    mut events: Vec<Stored>,
) -> Result<Applied, StoreError> {
    let mut sum = Applied { through: store.lease().await.unwrap().applied, ..Applied::default() };
    let wanted = events.last().unwrap().seq;
    while sum.through < wanted {
        events.retain(|stored| stored.seq > sum.through);
        let (holder, expected) = (HOLDER.to_owned(), sum.through);
        let apply = Apply { holder, expected, events: events.clone(), applied: wanted };
        let part = store.apply(apply).await?;
        assert!(expected < part.through && part.through <= wanted, "{part:?}");
        assert_eq!(store.lease().await.unwrap().applied, part.through);
        sum.through = part.through;
        sum.n_stored += part.n_stored;
        sum.n_invalid += part.n_invalid;
        sum.n_duplicate += part.n_duplicate;
        sum.n_dead += part.n_dead;
    }
    Ok(sum)
}

fn poison(position: u64, nth: u64) -> Stored {
    stored(position, &Draft { hash: ContentHash(nth.into()), ..draft(&format!("poison-{nth}")) })
}

async fn rows(store: &dyn EventStore) -> Vec<u64> {
    positions(&read_all(store, &Filter::default(), Order::Asc, 10).await.0)
}

async fn dead(store: &dyn DeadLetterStore) -> Vec<u64> {
    let page = store.dead_page(DeadFilter::default(), None, 1000, 1 << 20).await.unwrap();
    page.events.iter().rev().map(|letter| letter.stored.seq.get()).collect()
}

/// What subscribers see.
async fn history(store: &dyn EventStore) -> Vec<u64> {
    let query =
        PageQuery { filter: Filter::default(), after: None, order: Order::Asc, limit: 1000 };
    positions(&store.history(query, 1 << 20, Seq::ZERO).await.unwrap().events)
}

fn replay(job: &str, seqs: &[u64]) -> Replay {
    let seqs = seqs.iter().map(|&value| seq(value)).collect();
    Replay { job: job.to_owned(), seqs, at: at(NOW_US + 5), actor: "tester".to_owned() }
}

/// Exactly the refused records are dead letters, and every other one of the same transaction is stored.
pub(crate) async fn a_refused_record_is_a_dead_letter_and_no_other_is_touched<S>(store: &S)
where
    S: EventStore + DeadLetterStore,
{
    claim(store).await;
    apply(store, vec![stored(1, &draft("a"))]).await.unwrap();
    let events = vec![
        poison(2, 2),
        stored(3, &draft("b")),
        stored(4, &draft("a")),
        poison(5, 5),
        poison(6, 6),
        // The same again, and other content under an id that a dead letter keeps.
        stored(7, &Draft { hash: ContentHash(5), ..draft("poison-5") }),
        stored(8, &Draft { hash: ContentHash(8), ..draft("poison-5") }),
        stored(9, &draft("c")),
        poison(10, 10),
    ];
    let buried = events[3].clone();
    let res = apply(store, events).await.unwrap();
    let expected =
        Applied { through: seq(10), n_stored: 2, n_invalid: 0, n_duplicate: 2, n_dead: 5 };
    assert_eq!(res, expected);
    assert_eq!(rows(store).await, [1, 3, 9]);
    assert_eq!(dead(store).await, [2, 5, 6, 8, 10]);
    assert_eq!(history(store).await, [1, 2, 3, 5, 6, 8, 9, 10]);
    let letter = store.dead_letter(seq(5)).await.unwrap().unwrap();
    assert_eq!(letter.stored.event.record(), buried.event.record());
    assert_eq!((letter.reason.as_str(), letter.state), (REFUSED, DeadState::Open));
    assert_eq!((letter.attempts, letter.detail.is_empty()), (1, false));
    let fates = store.fates([4, 5, 9].map(seq).to_vec()).await.unwrap();
    assert_eq!(fates, [None, Some(Fate::Dead), Some(Fate::Stored)]);
    let key =
        |id: &str| IdKey { application: None, stream: "events".to_owned(), id: id.to_owned() };
    let found = store.find(vec![key("poison-5"), key("poison-1")]).await.unwrap();
    assert_eq!(found, [Some((seq(5), ContentHash(5))), None], "the first one keeps the id");
    let found = store.dead_by_id("poison-5", None, None).await.unwrap();
    assert_eq!(positions(&found), [5]);
    assert_eq!(store.dead_by_id("poison-5", Some(""), None).await.unwrap().len(), 1);
    assert!(store.dead_by_id("poison-5", Some("shop"), None).await.unwrap().is_empty());
    // The store goes on.
    apply(store, vec![stored(11, &draft("d"))]).await.unwrap();
    assert_eq!(rows(store).await, [1, 3, 9, 11]);
}

/// Where a record was refused before, and nothing is refused any more: each is stored once, at its old place.
pub(crate) async fn a_replay_stores_it_once_at_its_old_place<S>(store: &S)
where
    S: EventStore + DeadLetterStore,
{
    // The client sends one of them once more, and then another one with other content.
    apply(
        store,
        vec![poison(12, 6), stored(13, &Draft { hash: ContentHash(9), ..draft("poison-10") })],
    )
    .await
    .unwrap();
    let outcomes = store.replay(replay("j1", &[2, 3, 5, 6, 10, 99])).await.unwrap();
    let words: Vec<String> = outcomes.iter().map(word).collect();
    let conflict = "refused: the event at 13 has the same id and other content";
    assert_eq!(words, ["stored 2", "skipped", "stored 5", "skipped", conflict, "skipped"]);
    assert_eq!(rows(store).await, [1, 2, 3, 5, 9, 11, 12, 13]);
    assert_eq!(history(store).await, [1, 2, 3, 5, 8, 9, 10, 11, 12, 13], "6 is the event at 12");
    let letter = store.dead_letter(seq(6)).await.unwrap().unwrap();
    assert_eq!(
        (letter.state, letter.detail.as_str()),
        (DeadState::Replayed, "the same event was stored at 12")
    );
    assert_eq!(letter.acted_by.as_deref(), Some("tester"));
    let letter = store.dead_letter(seq(10)).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.attempts), (DeadState::Open, 2));
    assert_eq!(
        store.fates(vec![seq(2), seq(6), seq(10)]).await.unwrap(),
        [Some(Fate::Stored), None, Some(Fate::Dead)]
    );
    // The same call again, as after a crash: the same answers, and nothing happens.
    let again = store.replay(replay("j1", &[2, 3, 5, 6, 10, 99])).await.unwrap();
    assert_eq!(again.iter().map(word).collect::<Vec<_>>(), words);
    assert_eq!(store.dead_letter(seq(10)).await.unwrap().unwrap().attempts, 2);
    // Another job finds nothing to do but what is still open.
    let other = store.replay(replay("j2", &[2, 5, 6, 10])).await.unwrap();
    assert_eq!(
        other.iter().map(word).collect::<Vec<_>>(),
        ["skipped", "skipped", "skipped", conflict]
    );
    assert_eq!(store.dead_letter(seq(10)).await.unwrap().unwrap().attempts, 3);
    // The events have kept all that they had.
    let found = EventStore::get(store, "poison-2", None, None).await.unwrap();
    assert_eq!(found[0].event.record(), poison(2, 2).event.record());
}

/// While the cause is there, a replay refuses again, and touches no other one of its slice.
pub(crate) async fn a_replay_that_is_refused_counts_an_attempt<S>(store: &S)
where
    S: EventStore + DeadLetterStore,
{
    let outcomes = store.replay(replay("j0", &[2, 5])).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Replayed::Refused { .. })));
    for position in [2, 5] {
        let letter = store.dead_letter(seq(position)).await.unwrap().unwrap();
        assert_eq!((letter.attempts, letter.state), (2, DeadState::Open));
    }
    assert_eq!(rows(store).await, [1, 3, 9, 11]);
}

fn word(outcome: &Replayed) -> String {
    match outcome {
        Replayed::Stored(stored) => format!("stored {}", stored.seq),
        Replayed::Skipped => "skipped".to_owned(),
        Replayed::Refused { detail } => format!("refused: {detail}"),
    }
}

/// However long the search for them takes.
pub(crate) async fn a_database_that_refuses_everything_puts_no_part_of_it_aside(
    store: &dyn EventStore,
) {
    claim(store).await;
    let events = (1..=300).map(|nth| poison(nth, nth)).collect();
    let (holder, expected) = (HOLDER.to_owned(), Seq::ZERO);
    let res = store.apply(Apply { holder, expected, events, applied: seq(300) }).await;
    assert!(matches!(res, Err(StoreError::TooManyRefused { n_refused: 100, .. })), "{res:?}");
    assert_eq!(store.lease().await.unwrap().applied, Seq::ZERO);
}

/// When most of the newest records are refused, nothing is applied, and everything is once the cause is gone.
/// `heal` takes the poison away.
pub(crate) async fn a_database_that_refuses_most_records_stops<S>(store: &S, heal: impl FnOnce())
where
    S: EventStore + DeadLetterStore,
{
    claim(store).await;
    // Before there are enough records to judge by, each of them is put aside.
    let res = apply(store, (1..=60).map(|nth| poison(nth, nth)).collect()).await.unwrap();
    assert_eq!(res.n_dead, 60);
    // Those that a person has given up do not count any more.
    let seqs = Some((1..=10).map(seq).collect());
    let filter = DeadFilter { seqs, ..DeadFilter::default() };
    let act =
        crate::dead_letters::DeadAct { filter, at: at(NOW_US), actor: "t".to_owned(), note: None };
    assert_eq!(store.discard(act).await.unwrap(), 10);
    // 49 more would do, 50 are too many.
    let res = apply(store, (61..=109).map(|nth| poison(nth, nth)).collect()).await.unwrap();
    assert_eq!(res.n_dead, 49);
    let more = || vec![stored(110, &draft("good")), poison(111, 111), stored(112, &draft("fine"))];
    for _ in 0..2 {
        let res = apply(store, more()).await;
        let is_told = matches!(&res, Err(StoreError::TooManyRefused { seq: told, n_refused: 100, n_records: 101, .. })
            if *told == seq(111));
        assert!(is_told, "{res:?}");
        assert!(rows(store).await.is_empty());
        assert_eq!(store.lease().await.unwrap().applied, seq(109));
    }
    heal();
    let res = apply(store, more()).await.unwrap();
    assert_eq!((res.n_stored, res.n_dead), (3, 0));
    let open: Vec<u64> = (11..=109).collect();
    let outcomes = store.replay(replay("j", &open)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Replayed::Stored(_))));
    assert_eq!(rows(store).await, (11..=112).collect::<Vec<_>>());
}

//! Promises about lists of dead letters and what people do with them. Id conflicts are the ones that need no help.

use futures_util::future::join_all;
use model::{ContentHash, Draft, Filter};

use crate::dead_letters::{
    DeadAct, DeadCounts, DeadFilter, DeadLetterStore, DeadState, ID_CONFLICT, LabelIs, Replay,
    Replayed,
};
use crate::events::{EventStore, Fate, Order};
use crate::retention::{Forget, RetentionStore};
use crate::tests::conformance::sample::{
    NOW_US, apply, at, claim, draft, positions, read_all, seq, stored,
};

/// Dead letters at the even positions up to 2 n; every third without an application.
async fn fill<S: EventStore + DeadLetterStore>(store: &S, n: u64) {
    claim(store).await;
    let events = (1..=2 * n).map(|position| {
        let nth = position.div_ceil(2);
        let application = (nth % 3 != 0).then_some("shop");
        let category = Some(["a", "b"][nth as usize % 2]);
        let hash = ContentHash(position.into());
        let id = format!("id-{nth}");
        stored(position, &Draft { application, category, hash, ..draft(&id) })
    });
    apply(store, events.collect()).await.unwrap();
}

fn act(filter: DeadFilter) -> DeadAct {
    let (actor, note) = ("tester".to_owned(), Some("a typo".to_owned()));
    DeadAct { filter, at: at(NOW_US), actor, note }
}

pub(crate) async fn groups_and_counts_add_up<S: EventStore + DeadLetterStore>(store: &S) {
    fill(store, 12).await;
    let groups = store.dead_groups(DeadFilter::default()).await.unwrap();
    let told: Vec<_> = groups
        .iter()
        .map(|group| {
            (
                group.application.as_deref(),
                group.category.as_deref(),
                group.count,
                group.sample.get(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("shop"), Some("b"), 4, 22),
            (Some("shop"), Some("a"), 4, 20),
            (None, Some("a"), 2, 24),
            (None, Some("b"), 2, 18),
        ]
    );
    assert!(groups.iter().all(|group| group.reason == ID_CONFLICT && group.stream == "events"));
    assert_eq!(groups[0].sample_detail, "the event at 21 has the same id and other content");
    assert!(groups[0].first_at <= groups[0].last_at);
    let without = DeadFilter { application: LabelIs::Absent, ..DeadFilter::default() };
    let counts = store.dead_counts(without.clone()).await.unwrap();
    assert_eq!(counts, DeadCounts { open: 4, replayed: 0, discarded: 0 });
    let shop = DeadFilter {
        application: LabelIs::Text("shop".to_owned()),
        category: LabelIs::Text("a".to_owned()),
        ..DeadFilter::default()
    };
    let sum = store.dead_sum(shop).await.unwrap();
    assert_eq!((sum.count, sum.last), (4, Some(seq(20))));
    let none = DeadFilter { reason: Some("refused".to_owned()), ..DeadFilter::default() };
    assert_eq!(store.dead_sum(none.clone()).await.unwrap().count, 0);
    assert!(store.dead_groups(none).await.unwrap().is_empty());
}

pub(crate) async fn pages_go_from_the_newest_to_the_oldest<S>(store: &S)
where
    S: EventStore + DeadLetterStore,
{
    fill(store, 12).await;
    for (limit, bytes_max) in [(1, usize::MAX), (5, usize::MAX), (100, 1), (100, usize::MAX)] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page =
                store.dead_page(DeadFilter::default(), before, limit, bytes_max).await.unwrap();
            assert!(!page.events.is_empty() && page.events.len() <= limit);
            seen.extend(page.events.iter().map(|letter| letter.stored.seq.get()));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=12).rev().map(|nth| 2 * nth).collect::<Vec<_>>());
    }
    assert!(store.dead_letter(seq(3)).await.unwrap().is_none());
}

pub(crate) async fn what_is_discarded_stays_and_comes_back<S>(store: &S)
where
    S: EventStore + DeadLetterStore,
{
    fill(store, 12).await;
    let seqs = Some(vec![seq(2), seq(4), seq(5)]);
    let two = DeadFilter { seqs, ..DeadFilter::default() };
    assert_eq!(store.discard(act(two.clone())).await.unwrap(), 2);
    assert_eq!(store.discard(act(two.clone())).await.unwrap(), 0, "only open ones are discarded");
    let letter = store.dead_letter(seq(2)).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.note.as_deref()), (DeadState::Discarded, Some("a typo")));
    assert_eq!((letter.state_at, letter.acted_by.as_deref()), (Some(at(NOW_US)), Some("tester")));
    assert!(store.holds(seq(2)).await.unwrap());
    assert_eq!(store.fates(vec![seq(2)]).await.unwrap(), [Some(Fate::Dead)]);
    let counts = store.dead_counts(DeadFilter::default()).await.unwrap();
    assert_eq!(counts, DeadCounts { open: 10, replayed: 0, discarded: 2 });
    let all = DeadFilter::default();
    assert_eq!(store.discard(act(all.clone())).await.unwrap(), 10);
    assert_eq!(store.restore(act(all.clone())).await.unwrap(), 12);
    assert_eq!(store.restore(act(all.clone())).await.unwrap(), 0);
    let open = DeadFilter { state: Some(DeadState::Open), ..all };
    assert_eq!(store.dead_sum(open).await.unwrap().count, 12);
}

pub(crate) async fn a_job_meets_the_slices_that_it_has_tried_again<S>(store: &S)
where
    S: EventStore + DeadLetterStore,
{
    fill(store, 5).await;
    let filter = DeadFilter {
        state: Some(DeadState::Open),
        attempts_below: Some(2),
        through: Some(seq(8)),
        ..DeadFilter::default()
    };
    let slice = async |job: &str, after: u64| -> Vec<u64> {
        let found = store.dead_slice(filter.clone(), job, seq(after), 3).await.unwrap();
        found.iter().map(|seq| seq.get()).collect()
    };
    assert_eq!(slice("j", 0).await, [2, 4, 6]);
    assert_eq!(slice("j", 6).await, [8], "what died later is not part of it");
    let seqs = vec![seq(2), seq(4)];
    let (job, actor) = ("j".to_owned(), "t".to_owned());
    let replay = Replay { job, seqs, at: at(NOW_US), actor };
    store.replay(replay).await.unwrap();
    // They have been refused twice now, so the filter does not want them any more; the job still does.
    assert_eq!(slice("j", 0).await, [2, 4, 6]);
    assert_eq!(slice("other", 0).await, [6, 8]);
}

/// Replays by two servers, and people who give up what is being replayed: each letter goes one way.
pub(crate) async fn acts_that_come_at_once_meet_each_letter_once<S>(store: &S)
where
    S: EventStore + DeadLetterStore + RetentionStore,
{
    claim(store).await;
    let make = |position: u64| {
        let (id, hash) = (format!("id-{}", position.div_ceil(2)), ContentHash(position.into()));
        stored(position, &Draft { hash, received_at: at(0), ..draft(&id) })
    };
    apply(store, (1..=40).map(make).collect()).await.unwrap();
    // The rows that stand in the way are old and go; the letters have died just now.
    let forget = Forget { stream: "events".to_owned(), before: at(1), rows_max: 100 };
    assert_eq!(store.forget(forget, seq(40)).await.unwrap(), 20);
    let seqs: Vec<_> = (1..=20).map(|nth| seq(2 * nth)).collect();
    let replay = |job: usize| {
        let (job, seqs) = (format!("job {job}"), seqs.clone());
        store.replay(Replay { job, seqs, at: at(NOW_US), actor: "tester".to_owned() })
    };
    let discard = store.discard(act(DeadFilter::default()));
    let (replayed, n_discarded) = tokio::join!(join_all((0..3).map(replay)), discard);
    let replayed: Vec<_> = replayed.into_iter().flat_map(Result::unwrap).collect();
    let n_stored = replayed.iter().filter(|one| matches!(one, Replayed::Stored(_))).count() as u64;
    let n_skipped = replayed.iter().filter(|one| matches!(one, Replayed::Skipped)).count() as u64;
    assert_eq!((n_stored + n_discarded.unwrap(), n_stored + n_skipped), (20, 60));
    let counts = store.dead_counts(DeadFilter::default()).await.unwrap();
    assert_eq!(counts, DeadCounts { open: 0, replayed: n_stored, discarded: 20 - n_stored });
    let (rows, _) = read_all(store, &Filter::default(), Order::Asc, 100).await;
    assert_eq!(positions(&rows).len() as u64, n_stored);
}

/// U+0000 cannot stand in every database's texts. Who seeks it finds nothing; who writes it into a note is understood.
pub(crate) async fn what_no_label_can_be_is_found_nowhere<S>(store: &S)
where
    S: EventStore + DeadLetterStore,
{
    fill(store, 3).await;
    let nul = || LabelIs::Text("shop\0".to_owned());
    for filter in [
        DeadFilter { stream: Some("\0".to_owned()), ..DeadFilter::default() },
        DeadFilter { reason: Some("\0".to_owned()), ..DeadFilter::default() },
        DeadFilter { application: nul(), ..DeadFilter::default() },
        DeadFilter { category: nul(), name: nul(), ..DeadFilter::default() },
    ] {
        assert_eq!(store.dead_sum(filter.clone()).await.unwrap().count, 0);
        assert!(store.dead_groups(filter).await.unwrap().is_empty());
    }
    assert!(store.dead_by_id("id-1\0", Some("\0"), Some("\0")).await.unwrap().is_empty());
    let note = Some("first line\0".to_owned());
    assert_eq!(store.discard(DeadAct { note, ..act(DeadFilter::default()) }).await.unwrap(), 3);
    let letter = store.dead_letter(seq(2)).await.unwrap().unwrap();
    assert!(letter.note.unwrap().starts_with("first line"));
}

//! Promises about judging again: only verdicts change, all of a slice or nothing, and a slice that comes again is the same.

use model::{Draft, Filter, Seq};

use crate::dead_letters::{DeadFilter, DeadLetterStore};
use crate::events::{EventStore, Fate, Order, Stored};
use crate::tests::conformance::sample::{
    apply, assert_same, claim, draft, mixed, positions, read_all, seq, stored,
};
use crate::verdicts::{Rejudge, Verdict, VerdictSlice, VerdictStore};

const BROKEN: &str = r#"[{"pointer":"/data","rule":"type","message":"m"}]"#;

fn invalid() -> Filter {
    Filter { valid: Some(false), ..Filter::default() }
}

fn slice(job: &str, filter: &Filter, after: u64, through: u64, limit: usize) -> VerdictSlice {
    VerdictSlice {
        job: job.to_owned(),
        filter: filter.clone(),
        after: seq(after),
        through: seq(through),
        limit,
        data_bytes_max: 1 << 20,
    }
}

fn verdict(position: Seq, valid: bool, version: Option<u32>) -> Verdict {
    let errors = if valid { "[]" } else { BROKEN }.to_owned();
    Verdict { seq: position, valid, errors, schema_version: version }
}

fn rejudge(job: &str, verdicts: Vec<Verdict>) -> Rejudge {
    let seqs = verdicts.iter().map(|verdict| verdict.seq).collect();
    Rejudge { job: job.to_owned(), seqs, verdicts }
}

fn numbers(seqs: &[Seq]) -> Vec<u64> {
    seqs.iter().map(|seq| seq.get()).collect()
}

async fn all(store: &impl EventStore, filter: &Filter) -> Vec<Stored> {
    read_all(store, filter, Order::Asc, 1_000).await.0
}

pub(crate) async fn a_new_verdict_changes_nothing_else(
    store: &(impl EventStore + VerdictStore + DeadLetterStore),
) {
    claim(store).await;
    let mut events = mixed(60);
    // An id that is taken by another content: a dead letter, which nobody judges.
    let first = &events[0].event;
    let (id, application) = (first.id().to_owned(), first.application().map(str::to_owned));
    let stream = first.stream().to_owned();
    let dead = events.last().unwrap().seq.get() + 1;
    let taken = Draft { stream: &stream, application: application.as_deref(), ..draft(&id) };
    events.push(stored(dead, &taken));
    apply(store, events.clone()).await.unwrap();
    let before = all(store, &Filter::default()).await;
    assert_eq!(before.len(), 60);

    let turned = |stored: &Stored| verdict(stored.seq, !stored.event.valid(), Some(7));
    let mut verdicts: Vec<Verdict> = before[10..30].iter().map(turned).collect();
    let gone = verdict(seq(dead), false, None);
    verdicts.push(gone);
    let answers = store.rejudge(rejudge("job", verdicts.clone())).await.unwrap();
    let wanted: Vec<Option<bool>> =
        before[10..30].iter().map(|stored| Some(!stored.event.valid())).chain([None]).collect();
    assert_eq!(answers, wanted);

    let after = all(store, &Filter::default()).await;
    assert_same(&after[..10], &before[..10]);
    assert_same(&after[30..], &before[30..]);
    for (is, (was, told)) in after[10..30].iter().zip(before[10..30].iter().zip(&verdicts)) {
        let event = &is.event;
        assert_eq!((event.valid(), event.errors()), (told.valid, told.errors.as_str()));
        assert_eq!(event.schema_version(), Some(7));
        let (event, was) = (&is.event, &was.event);
        assert_eq!((event.id(), event.data(), event.hash()), (was.id(), was.data(), was.hash()));
        assert_eq!(event.received_at(), was.received_at());
    }
    // Whichever way an event is found, it is found by its new verdict.
    for filter in [invalid(), Filter { valid: Some(true), ..Filter::default() }] {
        let found = positions(&all(store, &filter).await);
        let wanted = after.iter().filter(|stored| filter.matches(&stored.event));
        assert_eq!(found, wanted.map(|stored| stored.seq.get()).collect::<Vec<_>>());
    }
    let n_dead = store.dead_sum(DeadFilter::default()).await.unwrap().count;
    assert_eq!((n_dead, store.fates(vec![seq(dead)]).await.unwrap()), (1, vec![Some(Fate::Dead)]));
    assert_eq!(
        positions(&store.events_at(vec![seq(dead), after[3].seq]).await.unwrap()),
        [after[3].seq.get()]
    );
}

pub(crate) async fn a_repeated_slice_is_the_same_and_answered_as_before(
    store: &(impl EventStore + VerdictStore),
) {
    claim(store).await;
    let broken = Draft { valid: false, errors: BROKEN, schema_version: Some(1), ..draft("") };
    let ids: Vec<String> = (1..=10).map(|n| format!("id-{n}")).collect();
    let events = ids.iter().zip(1..).map(|(id, n)| stored(n, &Draft { id, ..broken }));
    apply(store, events.collect()).await.unwrap();
    let next = async |job: &str, after, through, limit| {
        numbers(&store.verdict_slice(slice(job, &invalid(), after, through, limit)).await.unwrap())
    };
    assert_eq!(next("a", 0, 9, 4).await, [1, 2, 3, 4]);
    // Two of them turn valid, one gets other words, one stays.
    let verdicts = || {
        vec![
            verdict(seq(1), true, Some(2)),
            verdict(seq(2), false, Some(1)),
            verdict(seq(3), true, Some(2)),
            verdict(seq(4), false, Some(2)),
        ]
    };
    let wanted = [Some(true), None, Some(true), Some(false)];
    assert_eq!(store.rejudge(rejudge("a", verdicts())).await.unwrap(), wanted);
    // The job was killed before it could note how far it was.
    assert_eq!(next("a", 0, 9, 4).await, [1, 2, 3, 4]);
    assert_eq!(next("a", 0, 9, 2).await, [1, 2, 3, 4], "the slice as it was");
    assert_eq!(store.rejudge(rejudge("a", verdicts())).await.unwrap(), wanted);
    // Another opinion meanwhile: what was done is done.
    let other = (1..=4).map(|n| verdict(seq(n), false, None)).collect();
    assert_eq!(store.rejudge(rejudge("a", other)).await.unwrap(), wanted);
    assert_eq!(positions(&all(store, &invalid()).await), [2, 4, 5, 6, 7, 8, 9, 10]);
    // It was noted; and what is behind `through` is not part of it.
    assert_eq!(next("a", 4, 9, 100).await, [5, 6, 7, 8, 9]);
    assert_eq!(next("a", 9, 9, 100).await, [0; 0]);
    // Another job begins with what is there.
    assert_eq!(next("b", 0, 10, 3).await, [2, 4, 5]);
    // Where nothing changes, nothing is kept either.
    let same = vec![verdict(seq(5), false, Some(1)), verdict(seq(6), false, Some(1))];
    assert_eq!(store.rejudge(rejudge("b", same)).await.unwrap(), [None, None]);
    assert_eq!(next("a", 0, 9, 4).await, [1, 2, 3, 4]);
}

pub(crate) async fn a_slice_ends_at_its_bytes(store: &(impl EventStore + VerdictStore)) {
    claim(store).await;
    let data = format!("\"{}\"", "x".repeat(400_000));
    let large = Draft { valid: false, errors: BROKEN, data: &data, ..draft("") };
    let ids: Vec<String> = (1..=5).map(|n| format!("id-{n}")).collect();
    let events = ids.iter().zip(1..).map(|(id, n)| stored(n, &Draft { id, ..large }));
    apply(store, events.collect()).await.unwrap();
    let found = store.verdict_slice(slice("a", &invalid(), 0, 5, 100)).await.unwrap();
    assert_eq!(numbers(&found), [1, 2, 3]);
}

//! Promises about jobs.

use futures_util::future::join_all;

use crate::jobs::{Begun, Job, JobProgress, JobState, JobStore, JobTurn, NewJob};
use crate::tests::conformance::sample::{NOW_US, at, seq};

fn new(id: &str, kind: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: kind.to_owned(),
        spec: r#"{"x":1}"#.to_owned(),
        created_at: at(NOW_US),
        created_by: "tester".to_owned(),
        total: 7,
        rate: 200,
        stop_after: 50,
    }
}

fn turn(from: &'static [JobState], to: JobState) -> JobTurn {
    JobTurn { from, to, at: at(NOW_US + 1), detail: Some("why".to_owned()) }
}

pub(crate) async fn begun(store: &dyn JobStore, id: &str, kind: &str) -> Job {
    match store.begin_job(new(id, kind)).await.unwrap() {
        Begun::Job(job) => job,
        Begun::Busy(job) => panic!("{} is unfinished", job.new.id),
    }
}

pub(crate) async fn one_job_of_a_kind_is_unfinished(store: &dyn JobStore) {
    let job = begun(store, "1", "replay").await;
    assert_eq!((job.state, job.progress), (JobState::Running, JobProgress::default()));
    begun(store, "2", "revalidate").await;
    let busy = |begun| matches!(begun, Begun::Busy(job) if job.new.id == "1");
    assert!(busy(store.begin_job(new("3", "replay")).await.unwrap()));
    store.turn_job("1", turn(&[JobState::Running], JobState::Paused)).await.unwrap();
    assert!(busy(store.begin_job(new("3", "replay")).await.unwrap()), "a pause is no end");
    store.turn_job("1", turn(&[JobState::Paused], JobState::Cancelled)).await.unwrap();
    begun(store, "3", "replay").await;
    let ids = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.new.id).collect::<Vec<_>>();
    assert_eq!(ids(store.jobs(2).await.unwrap()), ["3", "2"]);
    assert_eq!(ids(store.running_jobs().await.unwrap()), ["2", "3"]);
    assert!(store.job("9").await.unwrap().is_none());
}

pub(crate) async fn a_state_changes_only_from_where_it_may(store: &dyn JobStore) {
    begun(store, "1", "replay").await;
    let res = store.turn_job("1", turn(&[JobState::Paused], JobState::Running)).await.unwrap();
    assert!(matches!(res, Some((job, false)) if job.state == JobState::Running));
    let progress = JobProgress { position: seq(5), ok: 1, failed: 2, skipped: 3 };
    store.advance_job("1", progress).await.unwrap();
    let (job, is_changed) =
        store.turn_job("1", turn(&[JobState::Running], JobState::Stopped)).await.unwrap().unwrap();
    assert!(is_changed);
    assert_eq!(Some(job.clone()), store.job("1").await.unwrap());
    assert_eq!((job.state, job.progress), (JobState::Stopped, progress));
    assert_eq!((job.ended_at, job.detail.as_deref()), (Some(at(NOW_US + 1)), Some("why")));
    assert_eq!(job.new, new("1", "replay"));
    assert!(store.turn_job("9", turn(&[], JobState::Done)).await.unwrap().is_none());
}

pub(crate) async fn of_many_that_begin_at_once_one_is_begun(store: &dyn JobStore) {
    let ids: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    let begun = join_all(ids.iter().map(|id| store.begin_job(new(id, "replay")))).await;
    let (mut ran, mut busy) = (Vec::new(), Vec::new());
    for begun in begun {
        match begun.unwrap() {
            Begun::Job(job) => ran.push(job.new.id),
            Begun::Busy(job) => busy.push(job.new.id),
        }
    }
    assert_eq!((ran.len(), busy.len()), (1, 11));
    assert!(busy.iter().all(|id| *id == ran[0]), "{busy:?} are not {ran:?}");
    let turns =
        (0..12).map(|_| store.turn_job(&ran[0], turn(&[JobState::Running], JobState::Done)));
    let turned =
        join_all(turns).await.into_iter().filter(|turned| matches!(turned, Ok(Some((_, true)))));
    assert_eq!(turned.count(), 1);
}

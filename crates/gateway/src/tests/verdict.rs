//! The limiting stage over tables of samples: facts before shares, no flicker, and sentences that are true.

use std::time::Duration;

use model::Timestamp;

use crate::health::sample::{Database, HeldLane, Sample, Shares};
use crate::health::totals::Gauges;
use crate::health::verdict::{DISK_WINDOW, Stage, Verdict, limits};

/// 2026-11-21T14:02:20Z
const NOW_US: i64 = 1_795_269_740_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW_US + seconds * 1_000_000)
}

fn quiet() -> Sample {
    Sample {
        at: at(0),
        seconds: 1.0,
        accepted_per_s: 0.0,
        stored_per_s: 0.0,
        commits_per_s: 0.0,
        bytes_per_s: 0.0,
        shares: Shares::default(),
        gauges: Gauges {
            disk_left_bytes: Some(100 << 30),
            disk_free_bytes: Some(101 << 30),
            ..Gauges::default()
        },
        database: Database::Answers,
        lane: None,
        writing_for: Duration::ZERO,
        no_room_at: None,
    }
}

fn loaded(change: impl FnOnce(&mut Sample)) -> Sample {
    let mut sample = Sample {
        accepted_per_s: 1_000.0,
        stored_per_s: 1_000.0,
        commits_per_s: 500.0,
        bytes_per_s: 1e6,
        ..quiet()
    };
    sample.gauges.lag_records = 400;
    sample.gauges.lag_s = 0.4;
    change(&mut sample);
    sample
}

/// The same for as long as the verdict looks back.
fn steady(sample: &Sample) -> Verdict {
    limits(&vec![sample.clone(); DISK_WINDOW], Stage::Idle)
}

fn check(sample: &Sample, stage: Stage, sentence: &str) {
    let verdict = steady(sample);
    assert_eq!((verdict.stage, verdict.sentence.as_str()), (stage, sentence));
}

#[test]
fn without_load_nothing_limits() {
    check(&quiet(), Stage::Idle, "Healthy. Nothing comes in, everything is stored.");
    check(&loaded(|_| {}), Stage::Idle, "Healthy. Stored 0.4 s behind.");
    assert_eq!(limits(&[], Stage::Idle).sentence, "Just started.");
}

#[test]
fn the_busiest_stage_limits() {
    let fsync = loaded(|sample| sample.shares.fsync = 0.97);
    check(
        &fsync,
        Stage::Fsync,
        "The disk's fsync limits intake: 97 % busy with 500 commits/s for 1,000 events/s. Stored 0.4 s behind.",
    );
    let cores = loaded(|sample| {
        sample.shares = Shares { accept: 0.6, cores: 0.98, fsync: 0.9, ..Shares::default() };
    });
    check(
        &cores,
        Stage::Accept,
        "The processor limits: its cores are 98 % busy, 60 % with eyas, at 1,000 events/s. Stored 0.4 s behind.",
    );
    let others = loaded(|sample| sample.shares.cores = 0.98);
    assert_eq!(steady(&others).stage, Stage::Idle, "somebody else's load is not our limit");
    let push = loaded(|sample| {
        sample.shares = Shares { accept: 0.9, cores: 0.99, push: 0.6, ..Shares::default() };
        sample.gauges.n_subscribers = 1_200;
    });
    assert_eq!(steady(&push).stage, Stage::Push);
    let apply = loaded(|sample| {
        sample.shares.apply = 0.95;
        sample.gauges.lag_s = 9.0;
    });
    check(
        &apply,
        Stage::Apply,
        "The database limits: 95 % busy storing. Stored 9.0 s behind, and falling behind.",
    );
    let keeps_up = loaded(|sample| sample.shares.apply = 0.95);
    assert_eq!(steady(&keeps_up).stage, Stage::Idle, "a busy consumer that keeps up limits nobody");
}

#[test]
fn a_fact_comes_before_every_share() {
    let busy = |change: &dyn Fn(&mut Sample)| {
        loaded(|sample| {
            sample.shares = Shares { accept: 1.0, cores: 1.0, fsync: 1.0, apply: 1.0, push: 0.0 };
            sample.gauges.lag_records = 12_431;
            change(sample);
        })
    };
    check(
        &busy(&|sample| {
            let (since, reason) = (at(-9), Some("the database cannot answer: locked".to_owned()));
            sample.database = Database::Silent { since, reason };
            sample.gauges.disk_left_bytes = Some(43_200_000_000);
        }),
        Stage::Database,
        "Database locked since 14:02:11Z. Still accepting. 12,431 queued; disk for about 3 h at this rate.",
    );
    check(
        &busy(&|sample| {
            let (since, reason) = (at(-86_400), "record 7 is refused".to_owned());
            sample.database = Database::Stopped { since, reason };
            sample.bytes_per_s = 0.0;
        }),
        Stage::Database,
        "The consumer stopped at 2026-11-20T14:02:20Z: record 7 is refused. Still accepting. 12,431 queued; 100 GiB of disk left. A person has to look.",
    );
    check(
        &busy(&|sample| sample.no_room_at = Some(at(-2))),
        Stage::Disk,
        "Refusing new events (503): the disk is full. What is free (101 GiB) is kept for the database. Intake resumes by itself once there is room.",
    );
    check(
        &busy(&|sample| sample.writing_for = Duration::from_secs(12)),
        Stage::Disk,
        "The disk has not answered since 14:02:08Z: a write of the log hangs. Requests wait for it; nothing is acknowledged before it is safe.",
    );
    check(
        &busy(&|sample| {
            sample.gauges.disk_left_bytes = Some(600 << 20);
            sample.gauges.lag_records = 0;
        }),
        Stage::Disk,
        "The disk is nearly full: 600 MiB left, for about 5 min at this rate. Still accepting. Everything is stored.",
    );
}

#[test]
fn a_burst_of_seconds_says_nothing_about_the_disk() {
    let filling = loaded(|sample| {
        sample.gauges.disk_left_bytes = Some(600 << 20);
        sample.gauges.lag_records = 0;
    });
    let stage = |n_samples| limits(&vec![filling.clone(); n_samples], Stage::Idle).stage;
    assert_eq!((stage(59), stage(60)), (Stage::Idle, Stage::Disk));
}

#[test]
fn an_old_refusal_and_a_slow_answer_are_no_facts() {
    let sample = loaded(|sample| {
        sample.no_room_at = Some(at(-30));
        sample.writing_for = Duration::from_millis(500);
        sample.database = Database::Silent { since: at(-1), reason: None };
    });
    assert_eq!(steady(&sample).stage, Stage::Idle);
    let silent = loaded(|sample| {
        sample.database = Database::Silent { since: at(-4), reason: None };
    });
    assert!(steady(&silent).sentence.starts_with("Database silent since 14:02:16Z."));
}

#[test]
fn the_verdict_does_not_flicker() {
    let fsync = |share| loaded(move |sample| sample.shares.fsync = share);
    let mut stage = Stage::Idle;
    let mut samples = Vec::new();
    let mut stages = Vec::new();
    for n in 0..60 {
        // A second that falls out of line now and then, around the threshold.
        samples.push(fsync(if n % 4 == 0 { 0.6 } else { 0.95 }));
        stage = limits(&samples, stage).stage;
        stages.push(stage);
    }
    let n_changes = stages.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(n_changes <= 1, "{stages:?}");
    assert_eq!(stage, Stage::Fsync);
    for _ in 0..5 {
        samples.push(fsync(0.2));
        stage = limits(&samples, stage).stage;
    }
    assert_eq!(stage, Stage::Idle, "and it ends when the load does");
}

#[test]
fn the_backlog_drains_at_the_rate_at_which_it_shrinks() {
    let behind = |records: u64| {
        loaded(move |sample| {
            sample.gauges.lag_records = records;
            sample.gauges.lag_s = 8.0;
        })
    };
    let drain = |records: &[u64]| {
        let samples: Vec<Sample> = records.iter().map(|records| behind(*records)).collect();
        limits(&samples, Stage::Idle).drain_s
    };
    assert_eq!(drain(&[9_000, 8_000, 7_000, 6_000]), Some(6.0));
    assert_eq!(drain(&[6_000, 7_000, 8_000]), None, "it grows");
    assert_eq!(drain(&[6_000, 6_000]), None, "it stands");
    assert_eq!(drain(&[9_000, 0]), None, "it is gone");
}

#[test]
fn the_disk_fills_at_the_rate_of_the_last_minute() {
    let written = loaded(|sample| {
        sample.bytes_per_s = 60e6;
        sample.gauges.disk_left_bytes = Some(60_000_000_000);
    });
    let mut samples = vec![written.clone(); 30];
    samples.extend(vec![loaded(|sample| sample.bytes_per_s = 0.0); 29]);
    samples.push(Sample { bytes_per_s: 0.0, ..written });
    assert_eq!(limits(&samples, Stage::Idle).disk_s, Some(1_000.0));
    assert_eq!(limits(&[quiet()], Stage::Idle).disk_s, None);
}

#[test]
fn a_lane_of_batches_that_stands_still_is_named() {
    let held = |is_stopped, n_waiting, waits_s| {
        let reason = "batch b1 for the table \"prices\" stands in the way: no right".to_owned();
        let lane = HeldLane { is_stopped, reason, n_waiting, waits_s };
        Sample { lane: Some(lane), ..quiet() }
    };
    check(
        &held(true, 2, 20.0),
        Stage::Batches,
        "Batches stand still: batch b1 for the table \"prices\" stands in the way: no right. 2 wait, the oldest for 20 s; events go on. A person has to mend what is named here, or cancel the batch.",
    );
    assert_eq!(steady(&held(true, 0, 0.0)).stage, Stage::Batches, "the next one would wait");
    assert_eq!(steady(&held(false, 1, 1.0)).stage, Stage::Idle, "that may pass");
    assert_eq!(steady(&held(false, 1, 4.0)).stage, Stage::Batches);
    let silent = Database::Silent { since: at(-9), reason: None };
    let both = Sample { database: silent, ..held(true, 1, 9.0) };
    assert_eq!(steady(&both).stage, Stage::Database, "what stops events as well comes first");
    let busy = loaded(|sample| sample.shares.fsync = 0.97);
    let both = Sample { lane: held(true, 1, 9.0).lane, ..busy };
    assert_eq!(steady(&both).stage, Stage::Batches);
}

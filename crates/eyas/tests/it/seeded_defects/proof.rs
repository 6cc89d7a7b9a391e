//! The judge is silent about worlds that work, and speaks about those that do not.
//!
//! `EYAS_WORLD_SEED` (1) and `EYAS_WORLD_SEEDS` (40) say which seeds. A failure names its seed.

use crate::checker::rules::{Violation, check};
use crate::seeded_defects::defects::Defect;
use crate::seeded_defects::world::World;
use crate::torture::setting;

fn seeds() -> std::ops::Range<u64> {
    let first = setting("EYAS_WORLD_SEED", 1);
    first..first + setting("EYAS_WORLD_SEEDS", 40)
}

/// A seed of the range shows the defect, by a violation of this kind.
async fn caught(defect: Defect, is_it: impl Fn(&Violation) -> bool) {
    for seed in seeds() {
        let ended = World::new(seed, Some(defect)).run().await;
        let wrong = check(&ended.history);
        if let Some(first) = wrong.iter().find(|wrong| is_it(wrong)) {
            let n_more = wrong.len() - 1;
            println!("{defect:?} is caught by seed {seed}: {first:?} and {n_more} more");
            return;
        }
    }
    panic!("{defect:?} is not caught by the seeds {:?}", seeds());
}

#[tokio::test]
async fn without_a_defect_nothing_is_found() {
    let (mut n_acknowledged, mut n_unknown, mut n_shown) = (0, 0, 0);
    for seed in seeds() {
        let ended = World::new(seed, None).run().await;
        assert_eq!(ended.refusal, None, "a start after a crash is never refused, seed {seed}");
        let wrong = check(&ended.history);
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
        n_acknowledged += ended.n_acknowledged;
        n_unknown += ended.n_unknown;
        n_shown += ended.history.transcripts[0].shown.len();
    }
    println!("{n_acknowledged} acknowledged, {n_unknown} unknown, {n_shown} shown");
    assert!(n_acknowledged > 0 && n_unknown > 0 && n_shown > 0, "worlds with something in them");
}

#[tokio::test]
async fn a_skipped_fsync_is_caught() {
    caught(Defect::SkippedFsync, |wrong| matches!(wrong, Violation::Lost { .. })).await;
}

#[tokio::test]
async fn an_answer_before_the_fsync_is_caught() {
    caught(Defect::EarlyAnswer, |wrong| matches!(wrong, Violation::Lost { .. })).await;
}

#[tokio::test]
async fn progress_in_a_second_transaction_is_caught() {
    caught(Defect::SecondTransaction, |wrong| matches!(wrong, Violation::Lost { .. })).await;
}

#[tokio::test]
async fn an_early_trim_is_caught() {
    caught(Defect::EarlyTrim, |wrong| matches!(wrong, Violation::Lost { .. })).await;
}

#[tokio::test]
async fn a_push_before_the_fsync_is_caught() {
    caught(Defect::EarlyPush, |wrong| matches!(wrong, Violation::Phantom { .. })).await;
}

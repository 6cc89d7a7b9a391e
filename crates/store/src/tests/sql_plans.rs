//! Which plan a statement runs with, by the times that it took.

use std::time::Duration;

use crate::postgres::sql_plans::{Plan, Plans};

const SQL: &str = "SELECT 1";

/// How many of `n` runs took the plan for any values. `None`: they were not whole in time.
fn run(plans: &Plans, n: usize, chosen_us: u64, any_us: Option<u64>) -> usize {
    let mut n_any = 0;
    for _ in 0..n {
        let plan = plans.choose(SQL);
        let took_us = match plan {
            Plan::Chosen => Some(chosen_us),
            Plan::Any { .. } => any_us,
        };
        n_any += usize::from(plan != Plan::Chosen);
        plans.note(SQL, plan, took_us.map(Duration::from_micros));
    }
    n_any
}

#[test]
fn the_faster_plan_is_kept_and_the_other_tried_again() {
    let plans = Plans::default();
    assert_eq!(run(&plans, 32, 1_000, None), 0, "nothing is known of it yet");
    assert!(run(&plans, 3_200, 1_000, Some(600)) >= 3_000);
    // The table has grown.
    run(&plans, 3_200, 1_000, Some(5_000));
    let n_any = run(&plans, 3_200, 1_000, Some(5_000));
    assert!((90..=110).contains(&n_any), "{n_any}");
    // And shrunk.
    run(&plans, 32_000, 1_000, Some(600));
    assert!(run(&plans, 3_200, 1_000, Some(600)) >= 3_000);
}

#[test]
fn a_plan_that_was_not_whole_in_time_rests() {
    let plans = Plans::default();
    assert!(run(&plans, 10_000, 1_000, None) <= 10);
    let Plan::Any { time_max } =
        std::iter::repeat_with(|| plans.choose(SQL)).find(|plan| *plan != Plan::Chosen).unwrap()
    else {
        unreachable!("it was not chosen")
    };
    assert!(time_max < Duration::from_millis(30), "{time_max:?}");
}

#[test]
fn statements_that_take_long_are_planned_as_postgresql_likes() {
    let plans = Plans::default();
    assert_eq!(run(&plans, 1_000, 150_000, Some(1)), 0);
}

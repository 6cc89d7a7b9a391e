//! Limits, by a clock that the test holds: counts, not times.

use std::net::IpAddr;

use crate::error::Kind;
use crate::limits::{Limits, Rates};
use crate::problem::Problem;
use crate::rate::bucket::{Bucket, Moment, Wait};
use crate::rate::limiter::Limiter;
use crate::rate::quota::Quota;
use crate::rate::strangers::Strangers;
use crate::rate::tally::{Reason, Tally};
use crate::tests::app::App;

const EVENT: &str = r#"{"category":"c","name":"n"}"#;

fn ms(ms: u64) -> Moment {
    Moment(ms * 1_000_000)
}

fn quota(rate: u32, burst: u32) -> Quota {
    Quota::new(rate, burst).unwrap()
}

#[test]
fn a_flood_gets_its_burst_and_then_its_rate() {
    let (bucket, quota) = (Bucket::default(), quota(100, 50));
    // Ten times the limit, for ten seconds.
    let n_taken = (0..10_000).filter(|at| bucket.take(quota, ms(*at)).is_ok()).count();
    assert_eq!(n_taken, 50 + 999, "the burst, and what came back by the last millisecond");
}

#[test]
fn who_waits_as_long_as_told_is_let_in_and_not_earlier() {
    let (bucket, quota) = (Bucket::default(), quota(2, 1));
    assert_eq!(bucket.take(quota, ms(0)), Ok(()));
    let Err(wait) = bucket.take(quota, ms(100)) else { panic!("the bucket is empty") };
    assert_eq!(wait, Wait { ns: 400_000_000 });
    assert_eq!(wait.seconds(), 1, "rounded up");
    assert!(bucket.take(quota, ms(499)).is_err());
    assert!(bucket.take(quota, ms(500)).is_ok(), "and refusals have cost nothing");
}

#[test]
fn a_debt_makes_the_next_request_wait_and_is_paid_back_in_time() {
    let (bucket, quota) = (Bucket::default(), quota(10, 10));
    assert!(bucket.take(quota, ms(0)).is_ok());
    bucket.owe(quota, 99, ms(0));
    // 100 events at 10 a second, of which 10 were there: the eleventh second has the next one.
    let Err(wait) = bucket.take(quota, ms(0)) else { panic!("it owes 90") };
    assert_eq!(wait.ns, 9_100_000_000);
    assert!(bucket.take(quota, ms(9_099)).is_err());
    assert!(bucket.take(quota, ms(9_100)).is_ok());
}

#[test]
fn no_rest_makes_more_than_a_burst_and_no_debt_overflows() {
    let (bucket, quota) = (Bucket::default(), quota(1, 3));
    let late = ms(1_000_000_000);
    assert_eq!((0..10).filter(|_| bucket.take(quota, late).is_ok()).count(), 3);
    bucket.owe(quota, usize::MAX, late);
    let in_a_century = ms(100 * 365 * 86_400_000);
    assert!(bucket.take(quota, in_a_century).is_err());
}

#[test]
fn a_quota_has_at_least_one_event_and_at_most_a_million() {
    for (rate, burst, is_good) in [
        (1, 1, true),
        (1_000_000, 1_000_000, true),
        (0, 1, false),
        (1, 0, false),
        (1_000_001, 1, false),
        (1, 1_000_001, false),
    ] {
        assert_eq!(Quota::new(rate, burst).is_some(), is_good, "{rate} {burst}");
    }
    assert_eq!(Quota::of_rate(7).map(Quota::burst), Some(14));
    assert_eq!(Quota::of_rate(600_000).map(Quota::burst), Some(1_000_000));
}

#[test]
fn nobody_wins_a_fresh_bucket_by_calling_from_many_addresses() {
    let (strangers, quota) = (Strangers::default(), quota(1, 1));
    let own: IpAddr = "203.0.113.7".parse().unwrap();
    assert!(strangers.bucket(own).take(quota, ms(0)).is_ok());
    for other in 0..100_000_u32 {
        let other = IpAddr::from(other.to_be_bytes());
        let _ = strangers.bucket(other).take(quota, ms(0));
    }
    assert!(strangers.bucket(own).take(quota, ms(0)).is_err(), "its bucket is as empty as before");
}

#[test]
fn applications_are_counted_by_name_in_bounded_number() {
    let tally = Tally::default();
    for n in 0..1_000 {
        tally.refuse_application(&format!("app-{n:03}"));
    }
    tally.refuse_application("app-003");
    let counts = tally.applications();
    assert_eq!(counts.len(), 51);
    assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), 1_001, "none is lost");
    assert!(counts.contains(&("app-003".to_owned(), 2)));
    assert_eq!(tally.n_refused(Reason::Token), 1_001);
    assert_eq!(tally.n_refused(Reason::Address), 0);
}

#[test]
fn a_token_is_limited_by_its_application_else_by_the_setting() {
    let limiter = |per_token| Limiter::new(&Rates { per_token, ..Rates::default() });
    let n_let_in = |limiter: &Limiter, own| {
        let bucket = Bucket::default();
        (0..50).filter(|_| limiter.admit_token(&bucket, own, "shop").is_ok()).count()
    };
    assert_eq!(n_let_in(&limiter(None), None), 50, "by itself nobody is limited");
    let limited = limiter(Some(quota(1, 3)));
    assert_eq!(n_let_in(&limited, None), 3);
    assert_eq!(n_let_in(&limited, Some(quota(1, 20))), 20, "its own rate wins");
    assert_eq!(limited.tally.applications(), [("shop".to_owned(), 47 + 30)]);
    assert_eq!(limited.tally.n_refused(Reason::Token), 77);
}

#[test]
fn too_many_401s_become_429s_of_that_address_alone() {
    let refusals = Some(quota(1, 2));
    let limiter = Limiter::new(&Rates { refusals, ..Rates::default() });
    let (own, other) = (Some([203, 0, 113, 7].into()), Some([203, 0, 113, 8].into()));
    let refused = || Problem::new(401, "token_missing", "", String::new()).rejected();
    let status = |client| limiter.instead_of(refused(), client).facts().status;
    assert_eq!((status(own), status(own), status(own)), (401, 401, 429));
    assert_eq!(status(other), 401);
    let told = limiter.instead_of(refused(), own);
    assert_eq!(told.facts().outcome, Some("rejected"));
    let not_found = Kind::NotFound.problem("No.");
    assert_eq!(limiter.instead_of(not_found, own).facts().status, 404, "only 401s count");
    assert_eq!(status(None), 401, "the machine itself has no address");
}

#[tokio::test]
async fn a_refused_write_says_when_to_come_back_and_stores_nothing() {
    // The debt of the first request is a quarter of an hour: whatever the clock does, the next is refused.
    let rates = Rates { per_address: Some(quota(1, 1)), ..Rates::default() };
    let app = App::with(Limits { rates, ..Limits::default() }).await;
    let batch = format!("[{}]", [EVENT; 1_000].join(","));
    assert_eq!(app.post("/events", &batch).await.status, 202, "a debt undoes nothing");
    let refused = app.post("/events", EVENT).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    let problem = refused.json();
    assert_eq!(
        (&problem["code"], &problem["outcome"]),
        (&"rate_limited".into(), &"rejected".into())
    );
    let wait_s: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((900..=1000).contains(&wait_s), "{wait_s} s for a debt of 1,000 events");
    assert_eq!(refused.header("ratelimit"), Some(&*format!("\"address\";r=0;t={wait_s}")));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"address\";q=1;w=1"));
    let refused = app.get("/events").await;
    assert_eq!(refused.status, 429, "reads pay as well");
    assert!(refused.json()["outcome"].is_null());
    for path in ["/healthz", "/readyz", "/ui/", "/openapi.json"] {
        assert_eq!(app.get(path).await.status, 200, "{path} is free");
    }
    assert_eq!(app.edge.limiter.tally.n_refused(Reason::Address), 2);
    assert_eq!(app.edge.meters.counts().accepted, 1_000);
}

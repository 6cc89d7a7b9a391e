//! Who pays for a request. It costs 1 before its body is read, and each further event that was accepted is owed afterwards:
//! a debt makes the next request wait, it never undoes what was accepted.
//!
//! | who | pays from | unless set |
//! |---|---|---|
//! | a token | its own bucket, at its application's rate, else at `limits.rate` | no limit |
//! | anybody, while no tokens are asked for | the bucket of the address | no limit |
//! | who is answered 401 | the bucket of the address, 1 for each such answer | 10 a second, 100 at once |
//!
//! To sign in with a token is a request of that token.
//! A good token is never made to wait for what others do from the same address: many may share a proxy.

use std::net::IpAddr;
use std::time::Instant;

use hyper::Method;
use hyper::header::HeaderValue;

use crate::auth::principal::Principal;
use crate::error::Kind;
use crate::health::requests::Class;
use crate::limits::Rates;
use crate::problem::Problem;
use crate::rate::bucket::{Bucket, Moment, Wait};
use crate::rate::quota::Quota;
use crate::rate::strangers::Strangers;
use crate::rate::tally::{Reason, Tally};

/// All limits of one server, and what is left of them.
#[derive(Debug)]
pub(crate) struct Limiter {
    rates: Rates,
    /// Of addresses that need no token.
    guests: Strangers,
    /// Of addresses that were answered 401.
    refused: Strangers,
    started_at: Instant,
    /// How often somebody was told to wait.
    pub(crate) tally: Tally,
}

/// What was paid from, for the rest of the events. Empty where there is no limit.
#[derive(Debug)]
#[must_use]
pub(crate) struct Purse<'a>(Option<(&'a Limiter, &'a Bucket, Quota)>);

/// Whether a path may be asked as often as anybody likes: probes, the console, the description.
pub(crate) fn is_free(path: &str) -> bool {
    is_probe(path) || Class::of(&Method::GET, path) == Class::Console
}

/// Whether whoever watches over the server asks here, by any name and however often.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/healthz/" | "/readyz/")
}

impl Purse<'_> {
    /// Takes what `n_events` cost beside the request, which has cost 1.
    pub(crate) fn settle(&self, n_events: usize) {
        if let Some((limiter, bucket, quota)) = self.0 {
            bucket.owe(quota, n_events.saturating_sub(1), limiter.now());
        }
    }
}

impl Limiter {
    /// With full buckets.
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            rates: rates.clone(),
            guests: Strangers::default(),
            refused: Strangers::default(),
            started_at: Instant::now(),
            tally: Tally::default(),
        }
    }

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.started_at.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// A request, before its body is read. `client` is where it comes from, if that has an address. Nobody may
    /// do nothing, so nobody pays.
    pub(crate) fn admit<'a>(
        &'a self,
        principal: &'a Principal,
        client: Option<IpAddr>,
    ) -> Result<Purse<'a>, Problem> {
        match (principal.identity(), client) {
            (Some(identity), _) => {
                let own = identity.rate.map(|rate| Quota::nearest(rate.events_per_s, rate.burst));
                let name = identity.application.as_deref().unwrap_or_default();
                self.admit_token(&identity.bucket, own, name)
            }
            (None, Some(client)) if principal.refusal().is_none() => self.admit_guest(client),
            (None, _) => Ok(Purse(None)),
        }
    }

    /// A request of somebody who needs no token.
    pub(crate) fn admit_guest(&self, client: IpAddr) -> Result<Purse<'_>, Problem> {
        let Some(quota) = self.rates.per_address else { return Ok(Purse(None)) };
        let bucket = self.guests.bucket(client);
        bucket.take(quota, self.now()).map_err(|wait| {
            self.tally.refuse(Reason::Address);
            rate_limited("Your address", Reason::Address, quota, wait)
        })?;
        Ok(Purse(Some((self, bucket, quota))))
    }

    /// A request with a token, whose application may have a rate of its own.
    pub(crate) fn admit_token<'a>(
        &'a self,
        bucket: &'a Bucket,
        own: Option<Quota>,
        application: &str,
    ) -> Result<Purse<'a>, Problem> {
        let Some(quota) = own.or(self.rates.per_token) else { return Ok(Purse(None)) };
        bucket.take(quota, self.now()).map_err(|wait| {
            self.tally.refuse_application(application);
            rate_limited("This token", Reason::Token, quota, wait)
        })?;
        Ok(Purse(Some((self, bucket, quota))))
    }

    /// What `client` is told in place of `problem`, if that is a 401 and there were too many of them.
    pub(crate) fn instead_of(&self, problem: Problem, client: Option<IpAddr>) -> Problem {
        let facts = problem.facts();
        let quota = self.rates.refusals.filter(|_| facts.status == 401);
        let (Some(quota), Some(client)) = (quota, client) else { return problem };
        let Err(wait) = self.refused.bucket(client).take(quota, self.now()) else { return problem };
        self.tally.refuse(Reason::Refusals);
        let outcome = facts.outcome;
        rate_limited("Your address has been refused too often: it", Reason::Refusals, quota, wait)
            .hint("a good token works at any time; without one, wait as long as Retry-After says")
            .with(|facts| facts.outcome = outcome)
    }
}

/// The 429. Its headers are those of draft-ietf-httpapi-ratelimit-headers-10.
fn rate_limited(who: &str, reason: Reason, quota: Quota, wait: Wait) -> Problem {
    let (name, seconds) = (reason.as_str(), wait.seconds());
    let (rate, burst) = (quota.events_per_s(), quota.burst());
    let window_s = quota.full_ns().div_ceil(1_000_000_000).max(1);
    let policy = format!("\"{name}\";q={burst};w={window_s}");
    let limit = format!("\"{name}\";r=0;t={seconds}");
    let header = |text: String| HeaderValue::try_from(text).expect("letters and digits");
    Kind::RateLimited
        .problem(format!("{who} may send {rate} a second, {burst} at once, and has used that up."))
        .with(|facts| {
            facts.retry_after_s = Some(u16::try_from(seconds).unwrap_or(u16::MAX));
            facts.headers =
                vec![("ratelimit", header(limit)), ("ratelimit-policy", header(policy))];
        })
}

//! How long requests took, by what they asked for and how they were answered, and why some were refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::{Method, StatusCode};
use meter::{Histogram, Snapshot};

/// What a request asks for. Few, because each of them is a series for every status class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `POST` of events.
    Write,
    /// Pages, exports, single events, sessions.
    Read,
    /// The beginning of a live connection.
    Live,
    /// Status, metrics, probes, everything else that machines ask.
    Status,
    /// The console and the description.
    Console,
}

impl Class {
    pub(crate) const ALL: [Self; 5] =
        [Self::Write, Self::Read, Self::Live, Self::Status, Self::Console];

    /// By the path, as it stands in the request.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let first = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
        match first {
            "events" | "streams" if method == Method::POST => Self::Write,
            "events" | "streams" | "sessions" | "queries" | "sql" => Self::Read,
            "live" => Self::Live,
            "ui" | "docs" | "openapi.json" | "" => Self::Console,
            _ => Self::Status,
        }
    }

    /// The value of the label `route`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Live => "live",
            Self::Status => "status",
            Self::Console => "console",
        }
    }
}

/// Status classes 1xx to 5xx.
pub(crate) const N_STATUS_CLASSES: usize = 5;

/// All requests since the start.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Microseconds from the end of the head to the head of the answer.
    durations_us: [[Histogram; N_STATUS_CLASSES]; Class::ALL.len()],
    n_too_many: AtomicU64,
    // Locked for one addition, and only when a request is refused.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Requests {
    /// One request was answered.
    pub(crate) fn record(&self, class: Class, status: StatusCode, took: Duration) {
        let status_class = usize::from(status.as_u16() / 100).clamp(1, N_STATUS_CLASSES) - 1;
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.durations_us[class as usize][status_class].record(took_us);
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.n_too_many.fetch_add(1, Relaxed);
        }
    }

    /// One request was refused with this code.
    pub(crate) fn refuse(&self, code: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(code).or_default() += 1;
    }

    /// The durations of one series; `status_class` 0 is 1xx.
    pub(crate) fn durations_us(&self, class: Class, status_class: usize) -> Snapshot {
        self.durations_us[class as usize][status_class].snapshot()
    }

    /// How many were answered with each status class.
    pub(crate) fn by_status(&self) -> [u64; N_STATUS_CLASSES] {
        std::array::from_fn(|status_class| {
            Class::ALL.iter().map(|class| self.durations_us(*class, status_class).count()).sum()
        })
    }

    /// How many were answered with 429.
    pub(crate) fn n_too_many(&self) -> u64 {
        self.n_too_many.load(Relaxed)
    }

    /// Durations of writes and reads, whatever the answer: what a client of the API waits for.
    pub(crate) fn api_us(&self) -> Snapshot {
        let mut all = Snapshot::default();
        for class in [Class::Write, Class::Read] {
            for status_class in 0..N_STATUS_CLASSES {
                all.add(&self.durations_us(class, status_class));
            }
        }
        all
    }

    /// How many were refused, by code.
    pub(crate) fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

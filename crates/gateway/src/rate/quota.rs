//! What somebody may do: so many events a second, and so many at once.

/// Most events a second and most at once. A limit above this would limit nothing, and times are whole nanoseconds.
const MAX: u32 = 1_000_000;

/// A rate and a burst, each from 1 to a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    events_per_s: u32,
    burst: u32,
}

impl Quota {
    /// `None` where one of the two is 0 or above a million.
    pub const fn new(events_per_s: u32, burst: u32) -> Option<Self> {
        if events_per_s == 0 || events_per_s > MAX || burst == 0 || burst > MAX {
            return None;
        }
        Some(Self { events_per_s, burst })
    }

    /// Where nobody says how many may come at once: what comes in two seconds.
    pub const fn of_rate(events_per_s: u32) -> Option<Self> {
        let burst = if events_per_s > MAX / 2 { MAX } else { events_per_s * 2 };
        Self::new(events_per_s, burst)
    }

    /// The nearest one that there is.
    pub(crate) fn nearest(events_per_s: u32, burst: u32) -> Self {
        Self { events_per_s: events_per_s.clamp(1, MAX), burst: burst.clamp(1, MAX) }
    }

    /// Events a second, in the long run.
    pub const fn events_per_s(self) -> u32 {
        self.events_per_s
    }

    /// Events at once.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// How long one event takes to come back.
    pub(crate) const fn event_ns(self) -> u64 {
        1_000_000_000 / self.events_per_s as u64
    }

    /// How long an empty bucket takes to be full.
    pub(crate) const fn full_ns(self) -> u64 {
        self.event_ns() * self.burst as u64
    }
}

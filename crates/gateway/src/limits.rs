//! Every bound of the edge, by name.

use std::time::Duration;

use crate::rate::quota::Quota;

/// What one request, one connection and all of them together may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest JSON text of one event.
    pub event_bytes_max: usize,
    /// Longest body of one request.
    pub body_bytes_max: usize,
    /// Most events in one request.
    pub batch_events_max: usize,
    /// Deepest nesting of arrays and objects in one event.
    pub depth_max: usize,
    /// Memory for all bodies that are being read or appended.
    pub budget_bytes_max: usize,
    /// Most connections of all clients together; further ones are answered 503 and closed.
    pub connections_max: usize,
    /// Most connections of one address elsewhere (an IPv6 network of 64 bits counts as one address).
    pub connections_per_address_max: usize,
    /// Most connections of one loopback address. This machine is no stranger, and a proxy on it speaks for many.
    pub connections_per_loopback_max: usize,
    /// Most live subscriptions; further ones are answered 503.
    pub subscriptions_max: usize,
    /// Longest wait of a read for a place. Each read before it is bounded.
    pub read_wait_max: Duration,
    /// How often somebody may ask.
    pub rates: Rates,
    /// How long a client may take.
    pub patience: Patience,
}

/// How often somebody may ask. `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Each token whose application has no rate of its own.
    pub per_token: Option<Quota>,
    /// Each address, as long as no tokens are asked for.
    pub per_address: Option<Quota>,
    /// How often one address is answered 401, before that becomes 429.
    pub refusals: Option<Quota>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { per_token: None, per_address: None, refusals: Quota::new(10, 100) }
    }
}

/// How long the edge waits for a client. What is looked at only once a [`tick`](Self::tick) may take one longer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often a connection is looked at.
    pub tick: Duration,
    /// Slowest request head, from its first byte.
    pub head_max: Duration,
    /// From here on a body has to keep its pace.
    pub body_grace: Duration,
    /// The pace of a body, in bytes a second on average.
    pub body_bytes_per_s_min: u64,
    /// Longest time for a whole request, head and body.
    pub request_max: Duration,
    /// The same where the body is a batch.
    pub batch_max: Duration,
    /// Longest wait for the next request on a kept connection.
    pub idle_max: Duration,
    /// Longest time in which a client reads not one byte of its answer.
    pub write_stall_max: Duration,
    /// The same on `/live`.
    pub live_stall_max: Duration,
    /// How often a WebSocket is asked for a sign of life.
    pub live_ping_every: Duration,
    /// How often the other live connections say something that means nothing.
    pub live_keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes_max: 1 << 20,
            body_bytes_max: 16 << 20,
            batch_events_max: 10_000,
            depth_max: 128,
            budget_bytes_max: 256 << 20,
            connections_max: 20_000,
            connections_per_address_max: 1_000,
            connections_per_loopback_max: 20_000,
            subscriptions_max: 20_000,
            read_wait_max: Duration::from_secs(5),
            rates: Rates::default(),
            patience: Patience::default(),
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(5),
            head_max: Duration::from_secs(10),
            body_grace: Duration::from_secs(10),
            body_bytes_per_s_min: 1024,
            request_max: Duration::from_mins(1),
            batch_max: Duration::from_mins(15),
            idle_max: Duration::from_secs(75),
            write_stall_max: Duration::from_secs(30),
            live_stall_max: Duration::from_mins(1),
            live_ping_every: Duration::from_secs(20),
            live_keep_alive: Duration::from_secs(15),
        }
    }
}

//! Every bound of the edge, by name.

use std::time::Duration;

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
    /// Most connections; further ones wait in the kernel's backlog.
    pub connections_max: usize,
    /// Most live subscriptions; further ones are answered 503.
    pub subscriptions_max: usize,
    /// Longest time in which a live connection takes not one byte of what waits for it.
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
            subscriptions_max: 20_000,
            live_stall_max: Duration::from_mins(1),
            live_ping_every: Duration::from_secs(20),
            live_keep_alive: Duration::from_secs(15),
        }
    }
}

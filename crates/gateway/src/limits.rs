//! Every bound of the edge, by name.

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
        }
    }
}

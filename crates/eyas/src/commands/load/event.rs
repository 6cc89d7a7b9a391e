//! The events of a run: each is made from its number alone, so that it need not be remembered to be recognised.

use std::fmt::Write as _;

use bytes::Bytes;
use uuid::Uuid;

/// What its events look like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The session of all events of this run, and the beginning of their ids.
    run: String,
    data_bytes: usize,
}

impl Shape {
    /// A new run, with so many bytes of data in each event.
    pub(crate) fn new(data_bytes: usize) -> Self {
        Self { run: format!("load-{}", Uuid::now_v7().simple()), data_bytes }
    }

    /// The session under which the events of this run are found again.
    pub(crate) fn session(&self) -> &str {
        &self.run
    }

    /// The id of an event.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    /// The number of the event with this id.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(self.run.as_str())?.strip_prefix('-')?.parse().ok()
    }

    /// The data of an event, in the bytes in which it must come back.
    pub(crate) fn data(&self, number: u64) -> String {
        let mut data = format!("{{\"n\":{number},\"pad\":\"");
        // Letters that change with the place and the event, so that mixed-up bytes would show.
        let n_pad = self.data_bytes.saturating_sub(data.len() + 2);
        data.extend((0..n_pad as u64).map(|at| char::from(b'a' + ((number + at) % 26) as u8)));
        data + "\"}"
    }

    /// The body of a request with `n_events` events from `first` on, one a line.
    pub(crate) fn body(&self, first: u64, n_events: u64) -> Bytes {
        let run = &self.run;
        let mut body = String::with_capacity(n_events as usize * (self.data_bytes + 200));
        for number in first..first + n_events {
            let data = self.data(number);
            let _ = writeln!(
                body,
                "{{\"id\":\"{run}-{number}\",\"session_id\":\"{run}\",\"category\":\"eyas load\",\
                 \"name\":\"event\",\"data\":{data}}}"
            );
        }
        Bytes::from(body)
    }
}

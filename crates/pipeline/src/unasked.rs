//! The write path of a server that has not reached its database yet: the log takes events, and nobody applies them.
//!
//! Invariant: what is said here of the database is true wherever that is. The log is only ever trimmed of what the database
//! has, so it has all that lies before the first record that is kept.

use crate::clock;
use crate::intake::Intake;
use crate::meters::ConsumerState;

/// Has people and readers know how it stands, in place of a [`Consumer`](crate::consumer::Consumer). `reason` is why the database
/// is not asked.
pub fn begin_unasked(intake: &Intake, reason: &str) {
    let (bounds, now) = (intake.queue.bounds(), clock::now());
    let meters = &intake.meters;
    meters.set_applied(bounds.first.prev());
    meters.set_waiting_since(Some(now));
    meters.asks_database(now);
    meters.set_consumer(ConsumerState::Waiting { reason: reason.to_owned() });
    // Whatever of it the database lacks: the room for that was there when it was accepted.
    intake.queue.note_applied(bounds.next);
}

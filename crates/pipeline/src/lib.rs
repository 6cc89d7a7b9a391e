//! Floor 3: the write path.
//!
//! [`batch`] turns what the edge parsed into records, by the [`rules`]; [`intake`] appends them, with an [`outcome`];
//! [`schemas`] is what their data has to look like; [`recent`] remembers the ids that the database does not know yet;
//! [`consumer`] applies the log to the database, [`lease`] is its right to do so, [`halt`] is why it pauses, [`fork`] sees whether
//! a copy of the log did; [`keep`] is how much of the log stays; [`retention`] deletes from the database what is older than it may
//! be; [`jobs`] work over many events at leisure, such as replays of dead letters; [`queued`] finds an event between the two;
//! [`wait`] tells what became of one; [`shares`] divides what many want; [`depth`] bounds what goes down into JSON; [`meters`]
//! counts at the seams, [`traces`] makes spans of the few requests that are traced.

mod batch;
mod batches;
mod clock;
mod consumer;
mod depth;
mod fork;
mod halt;
mod intake;
mod jobs;
mod keep;
mod lease;
mod meters;
mod outcome;
mod queued;
mod recent;
mod retention;
mod rules;
mod schemas;
mod shares;
mod traces;
mod unasked;
mod wait;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use batches::desk::LaneOptions;
pub use batches::error::BatchError;
pub use batches::face::{Batches, Begin};
pub use batches::lane::Lane;
pub use batches::parse::rows::ROW_BYTES_MAX;
pub use batches::rules::{RowFormat, TableRules};
pub use batches::told::BatchRecord;
pub use batches::upload::Upload;
pub use batches::view::{
    ApplyingNow, BatchView, FIRST_ERRORS_MAX, Finished, LaneCounts, LaneStanding, UploadWish,
};
pub use clock::now;
pub use consumer::{Consumer, ConsumerOptions};
pub use halt::StartError;
pub use intake::{Intake, IntakeOptions, LogFacts};
pub use jobs::desk::{JobWish, Jobs};
pub use jobs::redrive::{ATTEMPTS_MAX, REPLAY, Redrive, ReplayPlan, plan_replay};
pub use jobs::revalidate::{
    REVALIDATE, Revalidate, RevalidatePlan, RevalidateWish, plan_revalidation,
};
pub use jobs::runner::JobRunner;
pub use jobs::work::{Work, Worked};
pub use keep::Keep;
pub use lease::Tenancy;
pub use meters::{ConsumerState, Counts, Lag, Meters};
pub use outcome::{Accepted, IntakeError, Item, OnConflict};
pub use queued::QueuedError;
pub use retention::{Retention, RetentionRules};
pub use rules::{Fault, NewEvent};
pub use schemas::bad::BadSchema;
pub use schemas::compiled::{Accepted as AcceptedSchema, Compiled};
pub use schemas::dry_run::{DRY_RUN_EVENTS_MAX, DryRun, DryRunGroup, dry_run};
pub use schemas::reason::Reason;
pub use schemas::service::{ListedSchema, SchemaError, Schemas, Unmatched};
pub use schemas::shape::SCHEMA_BYTES_MAX;
pub use shares::{Crowded, Share, Shares};
pub use traces::{Begun, Caller, Span, TraceContext, Traces};
pub use unasked::begin_unasked;

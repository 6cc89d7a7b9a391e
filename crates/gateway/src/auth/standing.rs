//! For what outlives the head of a request: whether whoever asked may still have the answer.
//!
//! Invariant: nothing goes on for longer than the right to it, but for the time between two looks where that simply runs out.

use std::pin::Pin;
use std::sync::Arc;

use hyper::http::request::Parts;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::edge::Edge;
use crate::problem::Problem;

/// The right of one answer that goes on.
pub(crate) struct Standing {
    edge: Arc<Edge>,
    principal: Principal,
    /// Resolves when anything about applications, tokens or sign-ins has changed. Of its own, so that ten thousand do not queue at
    /// one lock whenever they wake.
    changed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Standing {
    /// Of somebody who was let in. What has changed since then is only seen by a [`look`](Self::look).
    pub(crate) fn new(edge: Arc<Edge>, principal: Principal) -> Self {
        Self { changed: Box::pin(edge.registry.changed()), edge, principal }
    }

    /// Resolves when it is lost, for another reason than time. Dropping the future loses nothing.
    pub(crate) async fn lost(&mut self) -> Refusal {
        loop {
            (&mut self.changed).await;
            // First the next change, then the look: what changes between the two wakes us again.
            self.changed = Box::pin(self.edge.registry.changed());
            if let Err(refusal) = self.look() {
                return refusal;
            }
        }
    }

    /// Whether it still holds. To follow is to use a sign-in.
    pub(crate) fn look(&self) -> Result<(), Refusal> {
        look(&self.edge, &self.principal)
    }
}

/// Whether whoever was let in would be let in again: the token is good, the sign-in there, the server open where it was only that.
/// Costs a look into a map; to ask is to use a sign-in.
pub(crate) fn look(edge: &Edge, principal: &Principal) -> Result<(), Refusal> {
    if let Some(sign_in) = principal.sign_in() {
        edge.sessions.by_hash(sign_in, pipeline::now()).ok_or(Refusal::Missing)?;
    }
    edge.registry.still(principal)
}

/// The same for a request whose body has come. That takes up to a minute, in which the right to it may have ended.
pub(crate) fn look_again(edge: &Edge, parts: &Parts) -> Result<(), Problem> {
    let principal = parts.extensions.get::<Principal>();
    let principal = principal.expect("the service has named the principal");
    look(edge, principal).map_err(Refusal::problem)
}

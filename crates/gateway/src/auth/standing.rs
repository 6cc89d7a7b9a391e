//! For what outlives a request: whether whoever asked may still have the answer.
//!
//! Invariant: nothing goes on for longer than the right to it, but for the time between two looks where that simply runs out.

use std::pin::Pin;
use std::sync::Arc;

use store::SecretHash;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::edge::Edge;

/// The right of one live connection.
pub(crate) struct Standing {
    edge: Arc<Edge>,
    by: By,
    sign_in: Option<SecretHash>,
    /// Resolves when anything about applications, tokens or sign-ins has changed. Of its own, so that ten thousand do not queue at
    /// one lock whenever they wake.
    changed: Pin<Box<WaitForCancellationFutureOwned>>,
}

enum By {
    /// This machine, or whoever needs none: for as long as it stays so.
    Openness,
    /// The administrator of this machine.
    Machine,
    /// Whoever came with a token.
    Token(Principal),
}

impl Standing {
    /// Of somebody who was let in. What has changed since then is only seen by a [`look`](Self::look).
    pub(crate) fn new(edge: Arc<Edge>, principal: &Principal) -> Self {
        let by = match principal.identity() {
            Some(_) => By::Token(principal.clone()),
            None if edge.registry.is_open() => By::Openness,
            None => By::Machine,
        };
        Self {
            changed: Box::pin(edge.registry.changed()),
            edge,
            by,
            sign_in: principal.sign_in().copied(),
        }
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
        if let Some(sign_in) = &self.sign_in {
            self.edge.sessions.by_hash(sign_in, pipeline::now()).ok_or(Refusal::Missing)?;
        }
        match &self.by {
            By::Machine => Ok(()),
            By::Openness if self.edge.registry.is_open() => Ok(()),
            By::Openness => Err(Refusal::Missing),
            By::Token(principal) => self.edge.registry.still(principal),
        }
    }
}

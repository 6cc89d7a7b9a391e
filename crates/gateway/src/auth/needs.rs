//! What a route wants of whoever asks.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hyper::Method;

use crate::auth::principal::{Need, Principal};
use crate::problem::Problem;

/// What the methods of one path want.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// GET and HEAD.
    pub(crate) look: Need,
    /// Every other method.
    pub(crate) change: Need,
}

impl Needs {
    /// The same for all methods.
    pub(crate) const fn all(need: Need) -> Self {
        Self { look: need, change: need }
    }

    /// What it comes to on a server that other machines can reach, or cannot.
    pub(crate) fn settled(self, is_public: bool) -> Self {
        let settle = |need| match need {
            Need::ReadIfPublic if !is_public => Need::Nothing,
            need => need,
        };
        Self { look: settle(self.look), change: settle(self.change) }
    }
}

/// Lets through who may by the head of the request; whoever reads a body looks again ([`crate::auth::standing`]).
pub(crate) async fn check(needs: Needs, request: Request, next: Next) -> Result<Response, Problem> {
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    let need = if is_look { needs.look } else { needs.change };
    let principal = request.extensions().get::<Principal>();
    principal.expect("the service has named the principal").check(need)?;
    Ok(next.run(request).await)
}

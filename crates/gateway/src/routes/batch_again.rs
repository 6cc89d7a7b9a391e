//! `POST /batches/{id}/revalidate`: the kept rows of a batch that the database refused, checked and applied again as a new one.
//!
//! Invariant: it asks for the same right as sending those rows would.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use pipeline::{BatchError, BatchView};

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::routes::audit;
use crate::routes::batch_shape::about;
use crate::routes::batches::{is_own, missing, seen};
use crate::routes::event::segment;
use crate::routes::uploads::{Going, with_batch};

/// Answers as an upload does, with the new batch.
pub(crate) async fn revalidate(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path();
    let id = segment(path.strip_suffix("/revalidate").unwrap_or(path), "/batches/")?;
    let view = seen(&edge, &principal, &id).await?;
    if !is_own(&principal, &view) {
        return Err(Kind::WrongScope
            .problem("A batch is checked again by its sender or by an administrator."));
    }
    let Some(batches) = edge.batches.clone() else { return Err(missing(&id)) };
    let (desk, by) = (batches.clone(), principal.clone());
    let done = edge.carry_out(|edge| async move {
        let done = desk.revalidate(&id, by.actor(), pipeline::now()).await;
        if let Ok(done) = &done
            && !done.duplicate
        {
            let detail = serde_json::json!({ "as": done.batch.batch.id }).to_string();
            audit::done(&edge, &by, "batch.revalidate", &id, detail).await;
        }
        Ok::<_, Problem>(done)
    });
    let done = match done.await? {
        Ok(done) => done,
        Err(error) => return Err(refused(&edge, &principal, error, &view).await),
    };
    Going { edge: &edge, principal: &principal, parts: &parts, batches: &batches }
        .answer(done)
        .await
}

/// With the batch that stands in the way.
async fn refused(
    edge: &Edge,
    principal: &Principal,
    error: BatchError,
    view: &BatchView,
) -> Problem {
    match error {
        BatchError::NotRejected { .. } | BatchError::RowsNotKept(_) | BatchError::TableChanged => {
            about(error.into(), view)
        }
        error => with_batch(edge, principal, error).await,
    }
}

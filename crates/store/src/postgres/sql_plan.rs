//! The plan that PostgreSQL has for any values of a statement's parameters.
//!
//! `EXPLAIN` of a text with values in it plans for these values. What a kept statement does under `force_generic_plan` is only
//! told of one that was prepared by SQL: `PREPARE`, `EXPLAIN EXECUTE`, in one transaction, which a pooler does not part either.
//! (`EXPLAIN (GENERIC_PLAN)` came with version 16.)

use tokio::time::{Instant, timeout_at};
use tokio_postgres::Error;
use tokio_postgres::types::Type;

use crate::postgres::failure::words;
use crate::postgres::sql_connections::{
    Lent, SLACK, SqlConnections, TRIES_MAX, begin_sql, is_broken, refusal, types,
};
use crate::sql::{SqlAsk, SqlError, SqlPlan};

/// Nobody else prepares by SQL on these connections.
const NAME: &str = "eyas_plan";

impl SqlConnections {
    /// The lines of the plan. Its values may be any, so they are null.
    pub(crate) async fn generic_plan(
        &self,
        ask: &SqlAsk,
        end: Instant,
    ) -> Result<Vec<String>, SqlError> {
        let mut last = String::new();
        for _ in 0..TRIES_MAX {
            let lent = self.get(end, false).await?;
            let error = match timeout_at(end + SLACK, told(&lent, ask, end)).await {
                Err(_) => return Err(SqlError::Timeout(ask.limits.time_max)),
                Ok(Ok(lines)) => {
                    lent.give_back();
                    return Ok(lines);
                }
                Ok(Err(error)) => error,
            };
            if !is_broken(&error) {
                lent.give_back();
                return Err(refusal(&error));
            }
            last = words(&error);
        }
        Err(SqlError::Unavailable(self.named(&last)))
    }
}

async fn told(lent: &Lent, ask: &SqlAsk, end: Instant) -> Result<Vec<String>, Error> {
    let client = lent.client();
    let left = end.saturating_duration_since(Instant::now());
    let types = types(&ask.statement);
    let names: Vec<&str> = types.iter().map(Type::name).collect();
    let nulls = vec!["NULL"; names.len()].join(", ");
    client.batch_execute(&begin_sql(SqlPlan::Generic, left)).await?;
    let lines = async {
        // Each in the protocol that takes one statement and no more, as wherever somebody else wrote the text.
        let prepare = format!("PREPARE {NAME} ({}) AS {}", names.join(", "), ask.statement.text());
        client.query_typed(&prepare, &[]).await?;
        client.query_typed(&format!("EXPLAIN EXECUTE {NAME} ({nulls})"), &[]).await
    };
    let lines = lines.await;
    // The name outlives the transaction. In one message, so that a pooler sends both to the same server; it fails where there
    // is no such name, and whatever is left ends with the connection.
    let _ = client.batch_execute(&format!("ROLLBACK; DEALLOCATE {NAME}")).await;
    lines?.iter().map(|line| line.try_get(0)).collect()
}

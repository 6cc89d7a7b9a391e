//! PostgreSQL's errors as decisions: try again later, give up on this record, or give up on this database.
//!
//! Invariant: no text here holds a password; the client never puts one into its errors.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::error::StoreError;

/// Beginnings of SQLSTATEs that may pass: connection, state of the transaction (its time-outs; a standby, or a primary that
/// has become one: the next connection looks for another host), rollback (deadlock, serialisation), resources, object in
/// use, lock not available, operator's intervention (shutdown, cancelled, time-out), the system's errors, configuration file.
const PASSING: [&str; 12] =
    ["08", "25", "40", "53000", "53100", "53200", "53300", "55006", "55P03", "57", "58", "F0"];

/// What an error means that no single record is to blame for.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(crate) fn failure(error: Error) -> StoreError {
    if distrusts(&error) {
        let fix = "check sslmode and sslrootcert of store.url, and the name of the host in it";
        StoreError::Unusable(format!("the server is not trusted: {}; {fix}", words(&error)))
    } else if may_pass(&error) {
        StoreError::Unavailable(words(&error))
    } else {
        StoreError::Unusable(format!("the database cannot be used: {}", words(&error)))
    }
}

/// What an error means that came while records were written: the database's words if it refuses one of them for good,
/// else an error that has nothing to do with them.
pub(crate) fn refusal(error: Error) -> Result<String, StoreError> {
    if is_damage(&error) || may_pass(&error) { Err(failure(error)) } else { Ok(words(&error)) }
}

/// The server's files are at fault, or the server itself. Triggers and extensions raise `XX000` for values that they do not
/// like, and then it comes with the place where: the line of a COPY, or the function. Without one nobody knows whose it is.
fn is_damage(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| match db.code().code() {
        "XX000" => db.where_().is_none(),
        code => code.starts_with("XX"),
    })
}

/// What an error of a commit means: the database's words where it is a deferred constraint, which some record of the
/// transaction violates, else an error that has nothing to do with them.
pub(crate) fn deferred(error: Error) -> Result<String, StoreError> {
    refusal(error)
}

/// The same statement may succeed later: connection, server or resources are at fault. An error without a state of the
/// server's own came from the connection; one about a value that we encode or decode is ours and does not pass.
pub(crate) fn may_pass(error: &Error) -> bool {
    match error.code() {
        // Whoever wrote the statement is to blame: it cannot run in a transaction, today or tomorrow.
        Some(code) if *code == SqlState::ACTIVE_SQL_TRANSACTION => false,
        Some(code) => PASSING.iter().any(|start| code.code().starts_with(start)),
        None => !is_ours(error),
    }
}

/// Whether the server's certificate is none that the address trusts. Trying again changes nothing about that.
fn distrusts(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = io.map_or_else(
            || error.downcast_ref::<rustls::Error>(),
            |inner| inner.downcast_ref::<rustls::Error>(),
        );
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_ours(error: &Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing parameter")
        || text.starts_with("error deserializing column")
        || text.starts_with("invalid configuration")
}

/// The server's own words with their code, or those of the connection with their causes.
pub(crate) fn words(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
        for more in [db.detail(), db.hint()].into_iter().flatten() {
            text.push_str("; ");
            text.push_str(more);
        }
        return text;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

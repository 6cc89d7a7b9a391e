//! SQLite's errors as decisions: try again later, give up on this record, or give up on this file.

use rusqlite::ErrorCode;

use crate::error::StoreError;

/// What an error means that no single record is to blame for.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(crate) fn failure(error: rusqlite::Error) -> StoreError {
    if may_pass(&error) {
        StoreError::Unavailable(error.to_string())
    } else {
        StoreError::Unusable(format!(
            "the database cannot be used: {error}; run `PRAGMA integrity_check` on a copy of it"
        ))
    }
}

/// What an error means that came while one record was written: the database's words if it refuses that record for
/// good, else an error that has nothing to do with it.
pub(crate) fn refusal(error: rusqlite::Error) -> Result<String, StoreError> {
    let is_damage = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    );
    if is_damage || may_pass(&error) { Err(failure(error)) } else { Ok(error.to_string()) }
}

/// What an error of a commit means: the database's words where it is a deferred constraint, which some record of the
/// transaction violates, else an error that has nothing to do with them.
pub(crate) fn deferred(error: rusqlite::Error) -> Result<String, StoreError> {
    let is_constraint = error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation);
    if is_constraint { Ok(error.to_string()) } else { Err(failure(error)) }
}

/// The same statement may succeed later: the fault lies with the disk, the memory or another process.
pub(crate) fn may_pass(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::OperationInterrupted
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::SchemaChanged
        )
    )
}

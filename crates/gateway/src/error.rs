//! What can go wrong at the edge, and the only place that knows status codes of refusals.
//!
//! A [`Kind`] is a decision for the caller; its code is stable and stands in docs/http-api.md and in
//! openapi.json (a test holds the three together). Faults of single events bring the code that
//! `pipeline` gave them.

use model::Seq;
use pipeline::{BatchError, Fault, IntakeError, QueuedError};
use store::StoreError;

use crate::problem::Problem;

/// Every refusal that the edge itself can utter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidJson,
    InvalidUtf8,
    ByteOrderMark,
    TooDeep,
    EmptyBody,
    BrokenBody,
    UnknownParameter,
    BadParameter,
    BadPath,
    BadUpgrade,
    BadTransferEncoding,
    MissingHost,
    ForeignHost,
    ForeignOrigin,
    TokenMissing,
    TokenUnknown,
    TokenExpired,
    TokenRevoked,
    ApplicationDisabled,
    WrongScope,
    WrongStream,
    WrongOrigin,
    NotFound,
    NoSuchRoute,
    MethodNotAllowed,
    NotAcceptable,
    TooSlow,
    IdConflict,
    AmbiguousId,
    SchemaFromConfig,
    ApplicationExists,
    TokenEnded,
    TooManyKept,
    JobRunning,
    JobOver,
    OtherLog,
    EventTooLarge,
    BodyTooLarge,
    TooManyEvents,
    UnsupportedMediaType,
    UnsupportedEncoding,
    BadEncoding,
    BadIdempotencyKey,
    BadCloudEvent,
    UnknownField,
    MissingField,
    DuplicateField,
    WrongType,
    LoneSurrogate,
    EmptyBatch,
    BadStreamName,
    NothingAccepted,
    BadSchema,
    TooManySchemas,
    BadValue,
    Overloaded,
    LogFull,
    DiskFull,
    ShuttingDown,
    OutcomeUnknown,
    DatabaseUnavailable,
    BacklogTooLong,
    TooManySubscribers,
    TooManyConnections,
    TooManyExports,
    TooManyQueries,
    TooManyReads,
    RateLimited,
    TooManyDryRuns,
    BadCode,
    NotNeeded,
    Csrf,
    QueryTimeout,
    ResultTooLarge,
    SqlRefused,
    SqlFailed,
    SqlDisabled,
    QueryBroken,
    NoSuchTable,
    NoSuchQuery,
    BadUpload,
    IdempotencyConflict,
    BatchInProgress,
    BatchNotCancellable,
    BatchNotRejected,
    RowsNotKept,
    BatchCancelled,
    UploadOver,
    UploadBusy,
    WrongOffset,
    TableChanged,
    RowTooLong,
    RowsRejected,
    BatchLogFull,
}

/// A client that sends much gets no more back than this.
const DETAIL_BYTES_MAX: usize = 1000;
/// Nothing was stored, for certain.
const REJECTED: Option<&str> = Some("rejected");

impl Kind {
    /// All of them, for the test that holds the documents to them.
    #[cfg(test)]
    #[rustfmt::skip]
    pub(crate) const ALL: &'static [Self] = &[
        Self::InvalidJson, Self::InvalidUtf8, Self::ByteOrderMark, Self::TooDeep,
        Self::EmptyBody, Self::BrokenBody, Self::UnknownParameter, Self::BadParameter,
        Self::BadPath, Self::BadUpgrade, Self::BadTransferEncoding, Self::MissingHost, Self::ForeignHost,
        Self::ForeignOrigin, Self::NotFound,
        Self::TokenMissing, Self::TokenUnknown, Self::TokenExpired, Self::TokenRevoked, Self::ApplicationDisabled,
        Self::WrongScope, Self::WrongStream, Self::WrongOrigin, Self::ApplicationExists, Self::TokenEnded,
        Self::TooManyKept, Self::BadValue, Self::NoSuchRoute, Self::MethodNotAllowed,
        Self::NotAcceptable, Self::TooSlow, Self::IdConflict, Self::AmbiguousId, Self::OtherLog,
        Self::EventTooLarge, Self::BodyTooLarge, Self::TooManyEvents, Self::UnsupportedMediaType,
        Self::UnsupportedEncoding, Self::BadEncoding, Self::BadIdempotencyKey,
        Self::BadCloudEvent, Self::UnknownField, Self::MissingField, Self::DuplicateField, Self::WrongType,
        Self::LoneSurrogate, Self::EmptyBatch, Self::BadStreamName, Self::NothingAccepted,
        Self::Overloaded, Self::LogFull, Self::DiskFull, Self::ShuttingDown,
        Self::OutcomeUnknown, Self::DatabaseUnavailable, Self::BacklogTooLong,
        Self::TooManySubscribers, Self::TooManyConnections, Self::TooManyExports, Self::TooManyQueries,
        Self::TooManyReads, Self::SchemaFromConfig, Self::BadSchema, Self::TooManySchemas, Self::TooManyDryRuns,
        Self::RateLimited, Self::BadCode, Self::NotNeeded, Self::Csrf, Self::JobRunning, Self::JobOver,
        Self::QueryTimeout, Self::ResultTooLarge, Self::SqlRefused, Self::SqlFailed, Self::SqlDisabled, Self::QueryBroken,
        Self::NoSuchQuery, Self::NoSuchTable, Self::BadUpload, Self::IdempotencyConflict, Self::BatchInProgress,
        Self::BatchNotCancellable, Self::BatchNotRejected, Self::RowsNotKept, Self::BatchCancelled, Self::UploadOver, Self::UploadBusy, Self::WrongOffset,
        Self::TableChanged, Self::RowTooLong, Self::RowsRejected, Self::BatchLogFull,
    ];

    /// Status, code, hint.
    #[rustfmt::skip]
    #[expect(clippy::too_many_lines, reason = "a table: one line for each kind")]
    const fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::InvalidJson => (400, "invalid_json", "send one JSON value (RFC 8259); the position says where reading stopped"),
            Self::InvalidUtf8 => (400, "invalid_utf8", "JSON is sent as UTF-8"),
            Self::ByteOrderMark => (400, "byte_order_mark", "leave out the byte order mark: JSON is UTF-8 without one"),
            Self::TooDeep => (400, "too_deep", "nest objects and arrays less deeply"),
            Self::EmptyBody => (400, "empty_body", "send the event as the body of the request"),
            Self::BrokenBody => (400, "broken_body", "send the request again with the same id"),
            Self::UnknownParameter => (400, "unknown_parameter", "leave the parameter out or correct its name"),
            Self::BadParameter => (400, "bad_parameter", "correct the parameter; GET /openapi.json lists what is allowed"),
            Self::BadPath => (400, "bad_path", "percent-encode the path as UTF-8"),
            Self::BadUpgrade => (400, "bad_upgrade", "ask for a WebSocket of version 13 (RFC 6455)"),
            Self::BadTransferEncoding => (400, "bad_transfer_encoding", "send the body with its Content-Length, or with Transfer-Encoding: chunked alone"),
            Self::MissingHost => (400, "missing_host", "HTTP/1.1 wants exactly one Host header"),
            Self::ForeignHost => (403, "foreign_host", "use an address of this server, or add the host to allowed_hosts"),
            Self::ForeignOrigin => (403, "foreign_origin", "only pages of this server (see public_url) may call it from a browser"),
            Self::TokenMissing => (401, "token_missing", "send Authorization: Bearer <token>; `eyas token create` makes one"),
            Self::TokenUnknown => (401, "token_unknown", "check that the whole token was copied; `eyas token create` makes a new one"),
            Self::TokenExpired => (401, "token_expired", "make a new token: `eyas token create`"),
            Self::TokenRevoked => (401, "token_revoked", "make a new token: `eyas token create`"),
            Self::ApplicationDisabled => (401, "application_disabled", "have an administrator enable the application again"),
            Self::BadCode => (401, "bad_code", "`eyas login` makes a new one; each is good once, for ten minutes"),
            Self::Csrf => (403, "csrf", "with the cookie, send X-Requested-By: console and an Origin of this server; programs send a token instead"),
            Self::WrongScope => (403, "wrong_scope", "use a token with the scope that this asks for"),
            Self::WrongStream => (403, "wrong_stream", "use a token whose scope names this stream, or no stream at all"),
            Self::WrongOrigin => (403, "wrong_origin", "add the page's origin to allowed_origins of the token's application"),
            Self::NotFound => (404, "not_found", "check the id; ids with special characters are percent-encoded"),
            Self::NoSuchRoute => (404, "no_such_route", "GET /openapi.json lists every path"),
            Self::SqlDisabled => (404, "sql_disabled", "set sql.enabled = true in the configuration, or publish the query in [queries]"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "the Allow header lists the methods of this path"),
            Self::NotAcceptable => (406, "not_acceptable", "connect as a WebSocket, or send Accept: text/event-stream or application/x-ndjson"),
            Self::TooSlow => (408, "too_slow", "send the body faster, or in smaller requests"),
            Self::IdConflict => (409, "id_conflict", "an id names one event for ever: use a new id for other content"),
            Self::AmbiguousId => (409, "ambiguous_id", "add ?stream= or ?application= to say which one is meant"),
            Self::SchemaFromConfig => (409, "schema_from_config", "change [[schemas]] in the configuration, then send SIGHUP; or take it out there"),
            Self::ApplicationExists => (409, "application_exists", "choose another name, or change the one that is there"),
            Self::TokenEnded => (409, "token_ended", "make a new token with POST /tokens"),
            Self::TooManyKept => (409, "too_many_kept", "revoke tokens that nobody uses; use one application for each client"),
            Self::JobRunning => (409, "job_running", "wait for the job that is named, or cancel it: POST /jobs/{id}/cancel"),
            Self::JobOver => (409, "job_over", "start a new job"),
            Self::NotNeeded => (409, "not_needed", "open the console as it is; from the first token on it asks who you are"),
            Self::OtherLog => (410, "other_log", "this server's log began anew: read again from the beginning, without the cursor"),
            Self::EventTooLarge => (413, "event_too_large", "send a smaller event, or keep the large part elsewhere and send its address"),
            Self::BodyTooLarge => (413, "body_too_large", "send fewer events in one request"),
            Self::TooManyEvents => (413, "too_many_events", "send fewer events in one request"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", "send Content-Type: application/json, application/x-ndjson for one value a line, or application/cloudevents+json (-batch+json) to /events"),
            Self::UnsupportedEncoding => (415, "unsupported_encoding", "compress the body with gzip or zstd, once, or leave out Content-Encoding"),
            Self::BadEncoding => (400, "bad_encoding", "send the body as Content-Encoding says, whole, or without that header"),
            Self::BadIdempotencyKey => (400, "bad_idempotency_key", "use 1 to 120 visible ASCII characters without a slash, such as a UUID, once"),
            Self::BadCloudEvent => (422, "bad_cloud_event", "send a CloudEvent 1.0 in JSON, or an event of this server as application/json"),
            Self::UnknownField => (422, "unknown_field", "put it inside data: that takes any JSON"),
            Self::MissingField => (422, "missing_field", "add it"),
            Self::DuplicateField => (422, "duplicate_field", "name each field once"),
            Self::WrongType => (422, "wrong_type", "id, session_id, category, name and timestamp are strings; data is any JSON"),
            Self::LoneSurrogate => (422, "lone_surrogate", "outside data, a \\ud800 to \\udfff escape needs its other half"),
            Self::EmptyBatch => (422, "empty_batch", "send at least one event; to send an empty array as one event, use NDJSON"),
            Self::BadStreamName => (422, "bad_stream_name", "a stream's name matches [a-z0-9_.-]{1,64}"),
            Self::NothingAccepted => (422, "nothing_accepted", "rejected says what is wrong with each event"),
            Self::RateLimited => (429, "rate_limited", "send the request again after the seconds of Retry-After; many events in one request cost as much as one by one"),
            Self::BadSchema => (422, "bad_schema", "schemas are JSON Schema 2020-12 without anything outside of them; the schema in force stays in force"),
            Self::TooManySchemas => (422, "too_many_schemas", "one schema for a whole category, or for a whole stream, may do"),
            Self::BadValue => (422, "bad_value", "correct the member that the pointer names"),
            Self::QueryTimeout => (422, "query_timeout", "ask for less; or give the query a longer timeout in the configuration"),
            Self::ResultTooLarge => (422, "result_too_large", "ask for less; or for application/x-ndjson, which has all rows of a published query"),
            Self::SqlRefused => (422, "sql_refused", "send one statement that only reads, and the tables as they are called; :name is a parameter"),
            Self::SqlFailed => (422, "sql_failed", "correct the values or the statement"),
            Self::BadUpload => (400, "bad_upload", "Upload-Complete is ?0 or ?1, Upload-Offset is where the upload goes on, as GET /batches/{id} says"),
            Self::NoSuchTable => (404, "no_such_table", "[tables.NAME] in the configuration makes a table take batches; GET /tables lists them"),
            Self::NoSuchQuery => (404, "no_such_query", "GET /queries lists those that are published; [queries.NAME] in the configuration publishes one"),
            Self::IdempotencyConflict => (409, "idempotency_conflict", "a key names one content for ever: use a new one for other rows"),
            Self::BatchInProgress => (409, "batch_in_progress", "go on with the upload that is named, or cancel it: DELETE /batches/{id}"),
            Self::BatchNotCancellable => (409, "batch_not_cancellable", "only what the database has not begun with can be cancelled"),
            Self::BatchNotRejected => (409, "batch_not_rejected", "only what the database has refused is checked again"),
            Self::RowsNotKept => (410, "rows_not_kept", "send the rows again, as a new batch"),
            Self::BatchCancelled => (409, "batch_cancelled", "send it as a new batch, if it is still wanted"),
            Self::UploadOver => (409, "upload_over", "GET /batches/{id} says how it stands; begin a new batch for other rows"),
            Self::UploadBusy => (409, "upload_busy", "wait until that request is over, then ask GET /batches/{id} where to go on"),
            Self::WrongOffset => (409, "wrong_offset", "go on at the Upload-Offset of this answer"),
            Self::TableChanged => (409, "table_changed", "begin a new batch"),
            Self::RowTooLong => (413, "row_too_long", "a row has at most 1 MiB"),
            Self::RowsRejected => (422, "rows_rejected", "mend the rows that errors names; GET /batches/{id}/errors has all of them"),
            Self::BatchLogFull => (503, "batch_log_full", "send it again later: batches wait for the database, or many are being sent; no client has more at a time than are left for others"),
            Self::Overloaded => (503, "overloaded", "send the request again in a second"),
            Self::LogFull => (503, "log_full", "send the request again in a second"),
            Self::DiskFull => (503, "disk_full", "free space on the disk of data_dir; intake resumes by itself"),
            Self::ShuttingDown => (503, "shutting_down", "send the request again once the server is back"),
            Self::OutcomeUnknown => (503, "outcome_unknown", "send the request again with the same ids: each event is stored at most once"),
            Self::DatabaseUnavailable => (503, "database_unavailable", "ask again in a second; intake goes on meanwhile"),
            Self::QueryBroken => (503, "query_broken", "`eyas query check` on the server says what is wrong"),
            Self::BacklogTooLong => (503, "backlog_too_long", "the event may wait for the database: ask again later"),
            Self::TooManySubscribers => (503, "too_many_subscribers", "close some live connections, or connect again later"),
            Self::TooManyConnections => (503, "too_many_connections", "keep connections open and use them again, or connect again later"),
            Self::TooManyExports => (503, "too_many_exports", "ask again when one of the exports under way has ended, or read pages; no client has more of them at a time than are left for others"),
            Self::TooManyQueries => (503, "too_many_queries", "ask again in a second, and not more at a time than is left for others"),
            Self::TooManyReads => (503, "too_many_reads", "ask again in a second, and not more at a time than is left for others"),
            Self::TooManyDryRuns => (503, "too_many_dry_runs", "try the schema again in a second"),
        }
    }

    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        self.facts().1
    }

    /// A problem of this kind; `detail` is one sentence. It may quote what the client sent, so it is cut.
    pub(crate) fn problem(self, detail: impl Into<String>) -> Problem {
        let (status, code, hint) = self.facts();
        let mut detail = detail.into();
        if detail.len() > DETAIL_BYTES_MAX {
            detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
            detail.push('…');
        }
        let problem = Problem::new(status, code, hint, detail);
        problem.with(|facts| match self {
            Self::TokenMissing
            | Self::TokenUnknown
            | Self::TokenExpired
            | Self::TokenRevoked
            | Self::ApplicationDisabled
            | Self::BadCode => facts.is_challenge = true,
            Self::Overloaded | Self::LogFull => {
                facts.outcome = REJECTED;
                facts.retry_after_s = Some(1);
            }
            Self::BatchLogFull => {
                facts.outcome = REJECTED;
                facts.retry_after_s = Some(5);
            }
            Self::DiskFull => {
                facts.outcome = REJECTED;
                facts.retry_after_s = Some(30);
            }
            Self::ShuttingDown => {
                facts.outcome = REJECTED;
                facts.retry_after_s = Some(2);
            }
            Self::OutcomeUnknown => {
                facts.outcome = Some("unknown");
                facts.retry_after_s = Some(1);
            }
            Self::DatabaseUnavailable
            | Self::QueryBroken
            | Self::BacklogTooLong
            | Self::TooManySubscribers
            | Self::TooManyConnections
            | Self::TooManyExports
            | Self::TooManyQueries
            | Self::TooManyReads
            | Self::TooManyDryRuns => {
                facts.retry_after_s = Some(1);
            }
            _ => {}
        })
    }
}

/// The id names another event already, at `seq` where that is known.
pub(crate) fn id_conflict(id: &str, seq: Option<Seq>) -> Problem {
    let problem = Kind::IdConflict
        .problem(format!("The id {id:?} already names an event with other content."));
    problem.pointer("/id").with(|facts| facts.seq = seq.map(Seq::get))
}

/// A fault that the intake found in one event.
impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Problem::new(422, fault.code, fault.hint, fault.detail).pointer(fault.pointer)
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Full => {
                Kind::LogFull.problem("Too many bytes already wait for the disk; nothing was stored.")
            }
            IntakeError::NoRoom(reason) => {
                Kind::DiskFull.problem(format!("The log has no room: {reason}; nothing was stored."))
            }
            IntakeError::TooLarge { size_bytes, bytes_max } => Kind::BodyTooLarge.problem(format!(
                "The events take {size_bytes} bytes in the log, more than the {bytes_max} of one append."
            )),
            IntakeError::Conflict { id, seq, .. } => id_conflict(&id, seq),
            IntakeError::Closed => {
                Kind::ShuttingDown.problem("The server is shutting down; nothing was stored.")
            }
            IntakeError::Unknown(reason) => Kind::OutcomeUnknown
                .problem(format!("The log failed while writing, the events may be stored: {reason}.")),
        }
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let kind = match &error {
            BatchError::NoSuchTable => Kind::NoSuchTable,
            BatchError::NoSuchBatch => Kind::NotFound,
            BatchError::KeyConflict { .. } => Kind::IdempotencyConflict,
            BatchError::KeyBusy { .. } => Kind::BatchInProgress,
            BatchError::WrongOffset { .. } => Kind::WrongOffset,
            BatchError::NotUploading { .. } => Kind::UploadOver,
            BatchError::Busy => Kind::UploadBusy,
            BatchError::Cancelled => Kind::BatchCancelled,
            BatchError::TableChanged => Kind::TableChanged,
            BatchError::NotCancellable { .. } | BatchError::CameBefore { .. } => {
                Kind::BatchNotCancellable
            }
            BatchError::NotRejected { .. } => Kind::BatchNotRejected,
            BatchError::RowsNotKept(_) => Kind::RowsNotKept,
            BatchError::Full(_) => Kind::BatchLogFull,
            BatchError::Unknown(_) => Kind::OutcomeUnknown,
            BatchError::TooLong { .. } => Kind::RowTooLong,
            BatchError::Store(_) => Kind::DatabaseUnavailable,
        };
        let problem = kind.problem(format!("This cannot be done: {error}."));
        if kind == Kind::DatabaseUnavailable { about_the_database(problem) } else { problem }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = format!("The database did not answer: {error}.");
        about_the_database(Kind::DatabaseUnavailable.problem(detail))
    }
}

/// Where it stands is for administrators.
fn about_the_database(problem: Problem) -> Problem {
    problem.with(|facts| facts.for_outsiders = Some("The database did not answer."))
}

impl From<QueuedError> for Problem {
    fn from(error: QueuedError) -> Self {
        Kind::BacklogTooLong.problem(format!(
            "The event is not in the database, and the log was not searched: {error}."
        ))
    }
}

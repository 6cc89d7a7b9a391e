//! The driver as one value: who has which connections.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::database::{DatabaseProbe, DatabaseState};
use crate::error::StoreError;
use crate::events::Lease;
use crate::postgres::address::Address;
use crate::postgres::asking::Asking;
use crate::postgres::call::{READ_MAX, call};
use crate::postgres::failure::failure;
use crate::postgres::gate::Gate;
use crate::postgres::lease::{BATCHES_LEASE, EVENTS_LEASE, LeaseRow};
use crate::postgres::migrations;
use crate::postgres::pool::{Client, Pool};
use crate::postgres::sql::PostgresSql;
use crate::sql::{SqlAsk, SqlColumn, SqlError, SqlReader, SqlRows};
use crate::statement::Statement;

/// How to reach the database.
#[derive(Clone, PartialEq)]
pub struct PostgresOptions {
    /// `postgres://user@host[:port][,host2]/database[?sslmode=…&sslrootcert=…&target_session_attrs=…]`
    pub url: String,
    /// Goes before a password inside the URL.
    pub password: Option<String>,
    /// Connections for readers and administration. The write path has its own few beside them.
    pub n_connections: usize,
}

impl PostgresOptions {
    /// Whether the address can be understood; nobody is asked.
    ///
    /// # Errors
    /// `Unusable` with what is wrong.
    pub fn check(&self) -> Result<(), StoreError> {
        Address::parse(&self.url, self.password.as_deref()).map(drop)
    }

    /// Host, port and database, for people; nothing where the address cannot be understood.
    pub fn shown(&self) -> String {
        Address::parse(&self.url, None).map_or_else(|_| String::new(), |address| address.shown())
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PostgresOptions({})", self.shown())
    }
}

/// Connections of the consumers: one applies, one reads the lease meanwhile, for each lane.
const N_WRITERS: usize = 4;
/// Of the look-ups that the write path waits for: they never queue behind a page.
const N_LOOKUPS: usize = 2;

/// The store on a PostgreSQL server, 13 or newer. Everything of ours stands in the schema `eyas` of its database.
pub struct PostgresStore {
    /// Pages, administration, everything that somebody waits for.
    pub(crate) pool: Pool,
    /// The consumer's.
    pub(crate) writers: Pool,
    /// Ids, positions.
    pub(crate) lookups: Pool,
    pub(crate) asking: Asking,
    /// Statements of others.
    pub(crate) sql: PostgresSql,
    gate: Arc<Gate>,
}

impl DatabaseProbe for PostgresStore {
    fn database(&self) -> DatabaseState {
        self.gate.state()
    }
}

impl PostgresStore {
    /// Connects and brings the schema `eyas` to what this program knows.
    ///
    /// # Errors
    /// `Unavailable` where the server does not answer, `Unusable` where the address is wrong, the server older than 13,
    /// the role may not, or the schema is of a newer program.
    pub async fn open(options: PostgresOptions) -> Result<Arc<Self>, StoreError> {
        let store = Self::unopened(&options)?;
        store.set_up().await?;
        Ok(store)
    }

    /// A store that has connected to nobody yet: [`set_up`](Self::set_up) goes before everything else.
    ///
    /// # Errors
    /// `Unusable` where the address is wrong.
    pub fn unopened(options: &PostgresOptions) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self::reaching(options)?))
    }

    /// What is left to do for [`open`](Self::open). It may be tried again: while the server is away it is asked now and then,
    /// and most tries learn at once what the last one that asked has learned.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn set_up(&self) -> Result<(), StoreError> {
        self.gate.note_version(check_server(&self.pool).await?);
        migrations::run(&self.pool).await?;
        // The first repetition after a start has to be found within some milliseconds, which a new connection takes alone.
        self.lookups.get().await?.give_back();
        Ok(())
    }

    /// The store of a database that is not asked: everything answers `Unavailable` at once, and [`DatabaseProbe`] says `why`.
    ///
    /// # Errors
    /// `Unusable` where the address is wrong.
    pub fn out_of_reach(options: &PostgresOptions, why: &str) -> Result<Arc<Self>, StoreError> {
        let store = Self::reaching(options)?;
        store.gate.shut(why.to_owned());
        store.sql.close();
        Ok(Arc::new(store))
    }

    /// Reads the lease of a database without changing anything in it, also while a server runs. `None`: nothing of ours
    /// is there yet.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub async fn peek(options: PostgresOptions) -> Result<Option<Lease>, StoreError> {
        Self::peek_row(options, &EVENTS_LEASE).await
    }

    /// The same for the lane of the batches.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub async fn peek_lane(options: PostgresOptions) -> Result<Option<Lease>, StoreError> {
        Self::peek_row(options, &BATCHES_LEASE).await
    }

    async fn peek_row(
        options: PostgresOptions,
        lease: &LeaseRow,
    ) -> Result<Option<Lease>, StoreError> {
        let store = Self::reaching(&options)?;
        check_server(&store.pool).await?;
        let found = call(&store.pool, READ_MAX, async |client| {
            Ok(if lease.exists(client).await? { Some(lease.read(client).await?) } else { None })
        });
        let found = found.await?;
        store.close_pools();
        Ok(found)
    }

    fn reaching(options: &PostgresOptions) -> Result<Self, StoreError> {
        let address = Address::parse(&options.url, options.password.as_deref())?;
        let gate = Arc::new(Gate::new());
        Ok(Self {
            pool: Pool::new(&address, &gate, options.n_connections.max(1))?,
            writers: Pool::new(&address, &gate, N_WRITERS)?,
            lookups: Pool::new(&address, &gate, N_LOOKUPS)?,
            asking: Asking::new(N_LOOKUPS),
            sql: PostgresSql::at(&address)?,
            gate,
        })
    }

    pub(crate) fn close_pools(&self) {
        for pool in [&self.pool, &self.writers, &self.lookups] {
            pool.close();
        }
        self.sql.close();
    }
}

#[async_trait]
impl SqlReader for PostgresStore {
    async fn check_sql(&self, statement: Arc<Statement>) -> Result<Vec<SqlColumn>, SqlError> {
        self.sql.check_sql(statement).await
    }

    async fn read_sql(&self, ask: SqlAsk) -> Result<SqlRows, SqlError> {
        self.sql.read_sql(ask).await
    }

    async fn plan_sql(&self, ask: SqlAsk) -> Result<Vec<String>, SqlError> {
        self.sql.plan_sql(ask).await
    }

    fn statements_max(&self) -> usize {
        self.sql.statements_max()
    }
}

/// The oldest version that is supported, as `server_version_num` counts.
const VERSION_MIN: i32 = 130_000;

/// Whether we can work with it: its version.
async fn check_server(pool: &Pool) -> Result<String, StoreError> {
    let sql = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
        current_setting('server_encoding')";
    let ask = async |client: &mut Client| client.query_typed_one(sql, &[]).await.map_err(failure);
    let row = call(pool, READ_MAX, ask).await?;
    let number: i32 = row.try_get(0).map_err(failure)?;
    let (version, encoding): (String, String) =
        (row.try_get(1).map_err(failure)?, row.try_get(2).map_err(failure)?);
    check_version(number, &version)?;
    if encoding != "UTF8" {
        return Err(StoreError::Unusable(format!(
            "the database's encoding is {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    // What a distribution adds in brackets says nothing here.
    Ok(version.split(' ').next().unwrap_or_default().to_owned())
}

/// Whether it is new enough: `server_version_num`, and how the server names it.
pub(crate) fn check_version(number: i32, version: &str) -> Result<(), StoreError> {
    if number < VERSION_MIN {
        let oldest = VERSION_MIN / 10_000;
        return Err(StoreError::Unusable(format!(
            "the server is PostgreSQL {version}; {oldest} or newer is needed"
        )));
    }
    Ok(())
}

//! One connection, to either database: opened, set up, and its settings read back. Every query is written once, with
//! `on_each!`. Never hands a connection to two threads.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel::sql_types::{BigInt, Text};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};

use super::url::{StoreError, StoreUrl, describe};

/// Drives one PostgreSQL socket on the thread that owns the connection.
pub(super) struct LaneRuntime(Arc<tokio::runtime::Runtime>);

thread_local! {
    static RUNTIME: Option<Arc<tokio::runtime::Runtime>> =
        tokio::runtime::Builder::new_current_thread().enable_all().build().ok().map(Arc::new);
}

impl BlockOn for LaneRuntime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn get_runtime() -> Self {
        // `Conn::open` has already refused a thread without a runtime.
        match RUNTIME.with(Clone::clone) {
            Some(runtime) => Self(runtime),
            None => panic!("no runtime on this thread"),
        }
    }
}

/// Runs `work` on a thread of its own: a PostgreSQL connection blocks on its own runtime, which a thread that already drives
/// one (a command, a test) must not.
pub(super) fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
    let failed = || Err(StoreError::Unavailable("The store failed inside while it was opened.".into()));
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|_| failed()))
}

pub(super) type PgConn = AsyncConnectionWrapper<AsyncPgConnection, LaneRuntime>;

#[allow(clippy::large_enum_variant)]
pub(super) enum Conn {
    Sqlite(SqliteConnection),
    Pg(PgConn),
}

/// One body of diesel's language, type-checked for both databases.
macro_rules! on_each {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::store::conn::Conn::Sqlite($c) => $body,
            $crate::store::conn::Conn::Pg($c) => $body,
        }
    };
}
pub(super) use on_each;

/// `on_each!`, with what was being done for the error.
macro_rules! run {
    ($conn:expr, $doing:literal, |$c:ident| $body:expr) => {
        $crate::store::conn::on_each!(&mut *$conn, |$c| $body).map_err(|error| $crate::store::conn::sort(error, $doing))
    };
}
pub(super) use run;

/// What a connection is for; it gets no more rights than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
    Migrate,
}

#[derive(QueryableByName)]
struct TextSetting {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct NumberSetting {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

impl Conn {
    pub fn open(url: &StoreUrl, purpose: Purpose) -> Result<Self, StoreError> {
        match url {
            StoreUrl::Sqlite(path) => {
                let path = path.to_str().ok_or_else(|| StoreError::BadUrl("the path is not valid UTF-8".into()))?;
                if purpose != Purpose::Migrate && !std::path::Path::new(path).exists() {
                    return Err(StoreError::BadUrl(format!("there is no file {path}; run `bellhop migrate` first")));
                }
                let mut c = SqliteConnection::establish(path).map_err(unreachable)?;
                sqlite_settings(&mut c, purpose).map_err(|error| match describe(&error) {
                    // Of a file that was one a moment ago the journal hears it when it writes.
                    text if text.contains(NOT_A_DATABASE) => StoreError::BadUrl(format!("{path} is not a SQLite database")),
                    _ => sort(error, "setting up the connection"),
                })??;
                Ok(Self::Sqlite(c))
            }
            StoreUrl::Postgres(dsn) => {
                if RUNTIME.with(Option::is_none) {
                    return Err(StoreError::Unavailable("this thread got no runtime from the operating system".into()));
                }
                let mut c = PgConn::establish(&bounded(dsn)).map_err(unreachable)?;
                pg_settings(&mut c, purpose).map_err(|error| sort(error, "setting up the connection"))??;
                Ok(Self::Pg(c))
            }
        }
    }

    pub fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        on_each!(self, |c| c.batch_execute(sql))
    }

    /// One transaction: all of `work` or nothing.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let begin = if matches!(self, Self::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.batch_execute(begin).map_err(|error| sort(error, "beginning a transaction"))?;
        let outcome = work(self).and_then(|value| {
            self.batch_execute("COMMIT").map_err(|error| sort(error, "committing"))?;
            Ok(value)
        });
        if outcome.is_err() {
            // When the database already rolled back by itself this fails, and that is all right.
            let _ = self.batch_execute("ROLLBACK");
        }
        outcome
    }
}

fn unreachable(error: ConnectionError) -> StoreError {
    StoreError::Unavailable(describe(&error))
}

/// How long a statement waits while another program has the file locked, in milliseconds.
pub(super) const SQLITE_WAIT_MS: u32 = 5_000;

/// From now on at most so many milliseconds.
pub(super) fn waits_for_others(c: &mut SqliteConnection, ms: u32) -> QueryResult<()> {
    c.batch_execute(&format!("PRAGMA busy_timeout={ms};"))
}

/// `busy_timeout` first: a connection opened while another one closes would otherwise fail with "database is locked".
fn sqlite_settings(c: &mut SqliteConnection, purpose: Purpose) -> QueryResult<Result<(), StoreError>> {
    waits_for_others(c, SQLITE_WAIT_MS)?;
    c.batch_execute(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; \
         PRAGMA cache_size=-2048; PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;",
    )?;
    if purpose == Purpose::Read {
        c.batch_execute("PRAGMA query_only=ON;")?;
    }
    let mode: TextSetting = diesel::sql_query("SELECT journal_mode AS value FROM pragma_journal_mode").get_result(c)?;
    let synchronous: NumberSetting = diesel::sql_query("SELECT synchronous AS value FROM pragma_synchronous").get_result(c)?;
    if mode.value != "wal" || synchronous.value != 2 {
        return Ok(Err(StoreError::Unavailable(format!(
            "SQLite would not be durable here (journal_mode {}, synchronous {})",
            mode.value, synchronous.value
        ))));
    }
    Ok(Ok(()))
}

fn pg_settings(c: &mut PgConn, purpose: Purpose) -> QueryResult<Result<(), StoreError>> {
    c.batch_execute(
        "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning;",
    )?;
    if purpose != Purpose::Migrate {
        c.batch_execute(
            "SET statement_timeout = '4s'; SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = '2s';",
        )?;
    }
    let durable: TextSetting = diesel::sql_query("SELECT current_setting('synchronous_commit') AS value").get_result(c)?;
    let standby: TextSetting = diesel::sql_query("SELECT pg_is_in_recovery()::text AS value").get_result(c)?;
    if durable.value != "on" {
        return Ok(Err(StoreError::Unavailable(format!("PostgreSQL's synchronous_commit stays {}", durable.value))));
    }
    if standby.value != "false" {
        return Ok(Err(StoreError::Unavailable("this PostgreSQL server is a standby".into())));
    }
    Ok(Ok(()))
}

/// Limits on how long a dead server can hold us, where the URL does not say otherwise.
fn bounded(dsn: &str) -> String {
    let mut out = dsn.to_owned();
    for (name, value) in [
        ("connect_timeout", "5"),
        ("tcp_user_timeout", "10"),
        ("keepalives_idle", "5"),
        ("keepalives_interval", "2"),
        ("keepalives_retries", "3"),
        ("application_name", "bellhop"),
    ] {
        if !dsn.contains(name) {
            out.push(if out.contains('?') { '&' } else { '?' });
            out.push_str(name);
            out.push('=');
            out.push_str(value);
        }
    }
    out
}

/// SQLite's own words for a file that is something else.
const NOT_A_DATABASE: &str = "file is not a database";

/// What an error says about the database, told apart by the texts SQLite gives its result codes (diesel keeps no code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Locked, full, read-only, refused: the statement did nothing.
    NotNow,
    /// The disk or the file itself: nothing after this can be trusted.
    Broken,
    /// The connection is gone; what was on its way may have landed.
    Lost,
    /// A rule of the schema was broken.
    Rule,
    Other,
}

pub(super) fn trouble(error: &DbError) -> Trouble {
    match error {
        DbError::DatabaseError(
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::ForeignKeyViolation,
            _,
        ) => Trouble::Rule,
        DbError::DatabaseError(DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection, _)
        | DbError::BrokenTransactionManager => Trouble::Lost,
        DbError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => Trouble::NotNow,
        DbError::DatabaseError(_, information) => {
            let text = information.message();
            let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
            if has(&["disk I/O error", "malformed", NOT_A_DATABASE]) {
                Trouble::Broken
            } else if has(&["terminating connection", "the database system is"]) {
                Trouble::Lost
            } else if has(&[
                "is locked",
                "is full",
                "readonly database",
                "timeout",
                "No space left",
                "out of memory",
                "too many",
                "unable to open",
            ]) {
                Trouble::NotNow
            } else {
                Trouble::Other
            }
        }
        _ => Trouble::Other,
    }
}

pub(super) fn sort(error: DbError, doing: &'static str) -> StoreError {
    match trouble(&error) {
        Trouble::NotNow | Trouble::Broken | Trouble::Lost => StoreError::Unavailable(describe(&error)),
        Trouble::Rule | Trouble::Other => StoreError::Failed { doing, source: error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts are SQLite's and PostgreSQL's own; a wrong sort here ends the process for a full disk, or goes on after a bad one.
    #[test]
    fn errors_are_sorted_by_what_they_mean() {
        let told = |text: &str| trouble(&DbError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned())));
        for text in [
            "database is locked",
            "database or disk is full",
            "attempt to write a readonly database",
            "could not extend file: No space left on device",
        ] {
            assert_eq!(told(text), Trouble::NotNow, "{text}");
        }
        for text in ["disk I/O error", "database disk image is malformed"] {
            assert_eq!(told(text), Trouble::Broken, "{text}");
        }
        assert_eq!(told("terminating connection due to administrator command"), Trouble::Lost);
        assert_eq!(told("no such table: x"), Trouble::Other);
    }
}

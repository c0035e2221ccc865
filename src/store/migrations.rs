//! The schema's steps, embedded in the program. Never goes back by itself and never touches a newer schema.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::{Conn, Purpose, on_each, on_own_thread, sort};
use super::url::{StoreError, StoreUrl};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// Any number will do, as long as every Bellhop uses the same.
const ADVISORY_LOCK: i64 = 7_310_001;

/// Brings the schema up to date and says how many steps that took. Makes the SQLite file (mode 0600), and its folder, when there
/// is none.
pub fn migrate(url: &StoreUrl) -> Result<usize, StoreError> {
    if let StoreUrl::Sqlite(path) = url {
        let cannot = |source| StoreError::Io { what: format!("The database file {} cannot be opened.", path.display()), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(cannot)?;
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(cannot)?;
    }
    on_own_thread(|| migrate_on_this_thread(url))
}

fn migrate_on_this_thread(url: &StoreUrl) -> Result<usize, StoreError> {
    let mut conn = Conn::open(url, Purpose::Migrate)?;
    match &mut conn {
        Conn::Sqlite(c) => {
            // Two processes may start at once; each step is a transaction, and the second finds it done or waits its turn.
            let mut tries = 0;
            loop {
                refuse_newer(&mut Known::of_sqlite(c)?)?;
                match c.run_pending_migrations(SQLITE) {
                    Ok(done) => return Ok(done.len()),
                    Err(_) if tries < 3 => tries += 1,
                    Err(error) => return Err(StoreError::Unavailable(error.to_string())),
                }
            }
        }
        Conn::Pg(c) => {
            c.batch_execute(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))
                .map_err(|e| sort(e, "taking the migration lock"))?;
            let outcome = Known::of_postgres(c).and_then(|mut known| refuse_newer(&mut known)).and_then(|()| {
                c.run_pending_migrations(POSTGRES)
                    .map(|done| done.len())
                    .map_err(|error| StoreError::Unavailable(error.to_string()))
            });
            c.batch_execute(&format!("SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
                .map_err(|e| sort(e, "giving the migration lock back"))?;
            outcome
        }
    }
}

/// That the schema is exactly the one this program knows.
pub(super) fn check(conn: &mut Conn) -> Result<(), StoreError> {
    let mut known = match conn {
        Conn::Sqlite(c) => Known::of_sqlite(c)?,
        Conn::Pg(c) => Known::of_postgres(c)?,
    };
    refuse_newer(&mut known)?;
    let (found, needed) = (known.found.last().cloned().unwrap_or_default(), known.embedded.last().cloned().unwrap_or_default());
    if known.found.len() < known.embedded.len() {
        return Err(StoreError::OlderSchema { found: if found.is_empty() { "empty".into() } else { found }, known: needed });
    }
    // A table that cannot be read says so now, not at the first call.
    on_each!(conn, |c| c.batch_execute("SELECT config_version FROM meta")).map_err(|e| sort(e, "reading the schema"))
}

struct Known {
    found: Vec<String>,
    embedded: Vec<String>,
}

impl Known {
    fn of_sqlite(c: &mut diesel::SqliteConnection) -> Result<Self, StoreError> {
        let embedded =
            MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).map_err(|e| StoreError::Invalid(e.to_string()))?;
        let found = c.applied_migrations().map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(Self::new(found.iter().map(ToString::to_string), embedded.iter().map(|m| m.name().version().to_string())))
    }

    fn of_postgres(c: &mut super::conn::PgConn) -> Result<Self, StoreError> {
        let embedded =
            MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).map_err(|e| StoreError::Invalid(e.to_string()))?;
        let found = c.applied_migrations().map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(Self::new(found.iter().map(ToString::to_string), embedded.iter().map(|m| m.name().version().to_string())))
    }

    fn new(found: impl Iterator<Item = String>, embedded: impl Iterator<Item = String>) -> Self {
        let (mut found, mut embedded): (Vec<_>, Vec<_>) = (found.collect(), embedded.collect());
        found.sort();
        embedded.sort();
        Self { found, embedded }
    }
}

fn refuse_newer(known: &mut Known) -> Result<(), StoreError> {
    match known.found.iter().rev().find(|version| !known.embedded.contains(version)) {
        Some(version) => {
            Err(StoreError::NewerSchema { found: version.clone(), known: known.embedded.last().cloned().unwrap_or_default() })
        }
        None => Ok(()),
    }
}

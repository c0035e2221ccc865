//! The databases a story runs on: a SQLite file in its folder, or a database of its own in a real PostgreSQL.

use std::path::{Path, PathBuf};

use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};

use super::postgres;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
    /// With its tables in a folder of their own, and a server of its own: one without space for its tables has no
    /// checkpoint, and nobody there can drop a database.
    PostgresAlone {
        url: String,
        _server: postgres::Postgres,
    },
}

impl Database {
    /// `None` where there is no PostgreSQL to run.
    pub fn fresh(kind: Kind, folder: &Path) -> Option<Self> {
        match kind {
            Kind::Sqlite => Some(Self::Sqlite(folder.join("bellhop.db"))),
            Kind::Postgres => postgres::server().map(|server| Self::Postgres(server.a_database())),
        }
    }

    /// The same with its tables in `folder`, which is empty and may be on a disk of its own.
    pub fn fresh_in(kind: Kind, folder: &Path) -> Option<Self> {
        match kind {
            Kind::Sqlite => Self::fresh(kind, folder),
            Kind::Postgres => {
                postgres::own_server().map(|server| Self::PostgresAlone { url: server.a_database_in(folder), _server: server })
            }
        }
    }

    /// In a PostgreSQL server of its own, for whoever sets that.
    pub fn in_own_postgres() -> Option<Self> {
        postgres::own_server().map(|server| Self::PostgresAlone { url: server.a_database(), _server: server })
    }

    /// Sets its PostgreSQL server, which hears it a moment later.
    pub fn sets_its_server(&self, setting: &str, value: &str) {
        for sql in [format!("ALTER SYSTEM SET {setting} = {value}"), "SELECT pg_reload_conf()".to_owned()] {
            postgres::run_sql(&self.url(), &sql);
        }
    }

    /// As `--database-url` takes it.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) | Self::PostgresAlone { url, .. } => url.clone(),
        }
    }

    /// Leaves a mark as a newer program would.
    pub fn was_migrated_by_a_newer_program(&self) {
        let sql = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231235959')";
        match self {
            Self::Sqlite(path) => {
                sql_query(sql).execute(&mut open(path)).unwrap();
            }
            Self::Postgres(url) | Self::PostgresAlone { url, .. } => postgres::run_sql(url, sql),
        }
    }

    /// Nobody else can write until the answer is dropped.
    pub fn locked_by_another_program(&self) -> Locked {
        match self {
            Self::Sqlite(path) => {
                let mut connection = open(path);
                sql_query("BEGIN EXCLUSIVE").execute(&mut connection).unwrap();
                Locked::File(connection)
            }
            Self::Postgres(url) | Self::PostgresAlone { url, .. } => {
                Locked::Tables(postgres::Held::tables(url, &["rooms", "room_events", "function_calls"]))
            }
        }
    }

    /// Whoever writes waits, and goes on when the answer is dropped: within 4 s, or their patience ends.
    pub fn holds_its_writers(&self) -> Locked {
        match self {
            // A second writer waits for the first one.
            Self::Sqlite(_) => self.locked_by_another_program(),
            Self::Postgres(url) | Self::PostgresAlone { url, .. } => {
                Locked::Tables(postgres::Held::inserts(url, "function_calls"))
            }
        }
    }

    /// SQLite's own opinion of the file; PostgreSQL checks itself at start.
    pub fn is_intact(&self) -> bool {
        #[derive(diesel::QueryableByName)]
        struct Line {
            #[diesel(sql_type = diesel::sql_types::Text)]
            integrity_check: String,
        }
        let Self::Sqlite(path) = self else { return true };
        let lines: Vec<Line> = sql_query("PRAGMA integrity_check").load(&mut open(path)).unwrap();
        lines.iter().all(|line| line.integrity_check == "ok")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let (Self::Postgres(url), Some(server)) = (&*self, postgres::server())
            && !std::thread::panicking()
        {
            server.forget(url);
        }
    }
}

/// Holds the file, or every table a call is written to, until dropped.
pub enum Locked {
    File(SqliteConnection),
    Tables(postgres::Held),
}

impl Drop for Locked {
    fn drop(&mut self) {
        match self {
            Self::File(connection) => drop(sql_query("ROLLBACK").execute(connection)),
            Self::Tables(held) => held.let_go(),
        }
    }
}

fn open(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(&path.display().to_string()).unwrap();
    sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).unwrap();
    connection
}

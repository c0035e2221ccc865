//! How the PostgreSQL server is set where that decides what a commit is worth or costs. None of it can be set from a connection.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::conn::{Conn, sort};
use super::url::StoreError;

/// As the server runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct PgServer {
    /// Without it a commit that was answered may be lost with the machine, and the tables with it.
    #[diesel(sql_type = Bool)]
    pub fsync: bool,
    /// Without it a page that was half written when the machine died cannot be mended.
    #[diesel(sql_type = Bool)]
    pub full_page_writes: bool,
    #[diesel(sql_type = BigInt)]
    pub shared_buffers_bytes: i64,
}

impl PgServer {
    /// `None`: the database is a file.
    pub(super) fn of(conn: &mut Conn) -> Result<Option<Self>, StoreError> {
        let Conn::Pg(c) = conn else { return Ok(None) };
        let query = "SELECT current_setting('fsync')::bool AS fsync, current_setting('full_page_writes')::bool AS full_page_writes, \
                     pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers_bytes";
        diesel::sql_query(query).get_result(c).map(Some).map_err(|error| sort(error, "reading the server's settings"))
    }

    /// The setting by which a machine that loses its power loses what was acknowledged.
    pub fn loses_by(&self) -> Option<&'static str> {
        if !self.fsync {
            return Some("fsync");
        }
        (!self.full_page_writes).then_some("full_page_writes")
    }
}

/// Said once, at the start: a server is not turned away for it, because somebody may have a machine that cannot lose its power.
pub(super) fn warn_of_losses(conn: &mut Conn) -> Result<(), StoreError> {
    if let Some(setting) = PgServer::of(conn)?.as_ref().and_then(PgServer::loses_by) {
        tracing::warn!(
            event = "store.not_durable",
            setting,
            "PostgreSQL runs with this setting off; what is acknowledged is lost when its machine loses power"
        );
    }
    Ok(())
}

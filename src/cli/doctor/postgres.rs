//! The doctor's look at how the PostgreSQL server is set: whether what is acknowledged is kept, and whether its memory is still
//! what it was delivered with.

use super::{Check, Level, check};
use crate::store::{PgServer, Queries};

/// What PostgreSQL is delivered with.
const DELIVERED_WITH_BYTES: i64 = 128 << 20;

/// None where the database is a file.
pub async fn checks(queries: &Queries) -> Vec<Check> {
    match queries.pg_server().await {
        Ok(None) => vec![],
        Ok(Some(server)) => vec![durability(&server), memory(&server)],
        Err(error) => vec![check("durability", Level::Warn, format!("the server's settings cannot be read: {error}"), None)],
    }
}

fn durability(server: &PgServer) -> Check {
    let Some(setting) = server.loses_by() else {
        let detail = "fsync is on; synchronous_commit=on is set and asserted by `serve` on its own connections";
        return check("durability", Level::Ok, detail, None);
    };
    let detail = format!("{setting} is off: what is acknowledged is lost when the machine loses power");
    check(
        "durability",
        Level::Fail,
        detail,
        Some(&format!("psql -c 'ALTER SYSTEM SET {setting} = on' -c 'SELECT pg_reload_conf()'")),
    )
}

fn memory(server: &PgServer) -> Check {
    let detail = format!("shared_buffers is {} MiB", server.shared_buffers_bytes >> 20);
    if server.shared_buffers_bytes > DELIVERED_WITH_BYTES {
        return check("memory", Level::Ok, detail, None);
    }
    let detail = format!("{detail}, as delivered: with many rooms a commit reads and writes pages that would fit into memory");
    check("memory", Level::Warn, detail, Some("psql -c \"ALTER SYSTEM SET shared_buffers = '2GB'\", and restart the server"))
}

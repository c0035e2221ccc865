//! ADAPTER. What is remembered: SQLite or PostgreSQL through diesel, one code base. Only this folder names diesel. Nothing here
//! decides; and nothing is called done before it is durable.

mod committed;
mod conn;
mod directory;
mod group;
mod group_pg;
mod group_sqlite;
mod journal;
pub mod memory;
mod migrations;
mod open;
mod queries;
mod recall;
mod rows;
mod schema;
mod secrets;
mod statements;
mod url;
mod workers;

#[cfg(test)]
mod tests;

pub use committed::Committed;
pub use directory::Directory;
pub use migrations::migrate;
pub use open::{Store, StoreOptions};
pub use queries::{AuditRow, CallFilter, CompanyRow, KeyRow, Queries, Role, RoomFilter, RoomRow, StoreCounts, StoredEvent};
pub use rows::CallRow;
pub use secrets::{KeyHash, Pepper, checksum_ok, hash_key, new_key};
pub use url::{StoreError, StoreUrl};

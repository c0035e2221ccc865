//! ADAPTER. What is remembered: SQLite or PostgreSQL through diesel, one code base. Only this folder names diesel. Nothing here
//! decides; and nothing is called done before it is durable.

mod call_lists;
mod checkpoint;
mod committed;
mod company_view;
mod conn;
mod directory;
mod group;
mod group_pg;
mod group_sqlite;
mod history;
mod journal;
mod lane;
pub mod memory;
mod migrations;
mod open;
mod outbox;
mod outbox_rows;
mod queries;
mod recall;
mod records;
mod rows;
mod schema;
mod seal;
mod secrets;
mod statements;
mod url;
mod vault;
mod workers;

#[cfg(test)]
mod tests;

pub use committed::Committed;
pub use directory::Directory;
pub use migrations::migrate;
pub use open::{Store, StoreOptions};
pub use queries::Queries;
pub use records::{AuditRow, CallFilter, CompanyRow, CrmRow, KeyRow, Role, RoomFilter, RoomRow, StoreCounts, StoredEvent};
pub use rows::CallRow;
pub use secrets::{KeyHash, Pepper, checksum_ok, hash_key, new_key};
pub use url::{StoreError, StoreUrl};

//! ADAPTER. What is remembered: SQLite or PostgreSQL through diesel, one code base. Only this folder names diesel. Nothing here
//! decides; and nothing is called done before it is durable.

mod call_keys;
mod call_lists;
mod catch_up;
mod channel;
mod channel_memory;
mod checkpoint;
mod committed;
mod company_view;
mod conn;
mod decided;
mod deleted_files;
mod directory;
mod fetched;
mod file_sources;
mod files;
mod fold;
mod gather;
mod group;
mod group_pg;
mod group_sqlite;
mod history;
mod inbox;
mod inbox_rows;
mod journal;
mod lag;
mod lane;
mod links;
pub mod memory;
mod migrations;
mod open;
mod outbox;
mod outbox_rows;
mod pause;
mod pg_server;
mod published;
mod queries;
mod recall;
mod records;
mod room_rows;
mod rows;
mod schema;
mod seal;
mod secrets;
mod sent;
mod statements;
mod url;
mod vault;
mod workers;

#[cfg(test)]
mod tests;

pub use channel::NewChannel;
pub use committed::Committed;
pub use deleted_files::Deleted;
pub use directory::Directory;
pub use fetched::FetchedRow;
pub use file_sources::{FileSourceRow, NewSource};
pub use files::{FileChange, FileRow, FileVersionRow, Must, NewBytes};
pub use migrations::migrate;
pub use open::{Store, StoreOptions};
pub use pg_server::PgServer;
pub use published::{AiAgentRow, DraftRow, Publication, RevisionRow};
pub use queries::Queries;
pub use records::{
    AuditRow, CallFilter, CallPlace, ChannelRow, CompanyRow, CrmRow, KeyRow, Role, RoomFilter, RoomRow, StoreCounts, StoredEvent,
    WebhookRow,
};
pub use rows::CallRow;
pub use secrets::{KeyHash, Pepper, checksum_ok, hash_key, hash_webhook, link_key, new_key};
pub use url::{StoreError, StoreUrl};

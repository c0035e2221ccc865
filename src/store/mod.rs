//! ADAPTER. What is remembered: SQLite or PostgreSQL through diesel, one code base. Only this folder names diesel.

mod committed;

pub use committed::Committed;

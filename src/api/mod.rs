//! DOOR for programs: the HTTP face under `/v1` (design.md section 5). A request is authenticated, read strictly and turned
//! into calls and commands for rooms, or into reads of the store. Must never decide anything about a room, and must never let
//! one company see that another's things exist.
//!
//! | File | What it is |
//! |---|---|
//! | `table`, `routes`, `handlers` | the one table: method, path, who may, what it is documented as, which handler |
//! | `visit` | a request that has passed the door; `auth`, `headers`, `strict`, `page` are what it is checked with |
//! | `calls`, `answer` | the hot path and the writing of its answer |
//! | `call_reads`, `decisions`, `rooms`, `hand_over`, `actor`, `people`, `divisions`, `company`, `ai_agents`, `crm`, `files`, `file_sources`, `events`, `machine` | the other handlers |
//! | `webhooks` | what the outside tells us, under a path that is itself the secret |
//! | `sent_files`, `range` | files that were sent, by their signed links, or a part of one |
//! | `upload` | a body of several parts, of which one is a file, read as it comes |
//! | `problem` | everything that can go wrong; the only file with HTTP status codes |

mod actor;
mod ai_agents;
mod answer;
pub mod auth;
mod call_reads;
mod calls;
mod channel;
mod commands;
mod company;
mod counters;
mod crm;
mod decisions;
mod deliveries;
mod divisions;
mod events;
mod file_sources;
mod files;
mod hand_over;
mod handlers;
mod headers;
mod inflow;
mod line;
mod machine;
mod openapi;
mod page;
mod people;
pub mod problem;
mod range;
mod rooms;
mod routes;
mod sent_files;
mod state;
mod strict;
mod table;
mod upload;
mod view;
mod visit;
mod webhooks;

pub use auth::{Access, KeyRing};
pub use inflow::Hold;
pub use machine::not_serving;
pub use routes::{Method, Route, routes};
pub use state::{Api, Streams, configure};

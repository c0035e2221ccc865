//! The adapter against the real stand-in, over sockets: what the CRM's own book says afterwards is what counts.

mod answers;
mod changes;
mod creates;
mod doubts;
mod scene;
mod tokens;

//! Bellhop carries an AI agent's function-calls to the conversation room they belong to: durable before answered, once per
//! call, in order per room.

pub mod actors;
pub mod api;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod room;
pub mod store;
pub mod telemetry;

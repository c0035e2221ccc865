//! What Bellhop promises, told as stories against the real program on real databases. One binary; no story speaks HTTP
//! (the verbs are in `world/`), sleeps for a guess, or reaches into the product's own code, except for its route table.
//!
//! On PostgreSQL too, when the machine has its server programs or `BELLHOP_TEST_POSTGRES` names one. The long kill story:
//! `BELLHOP_KILLS=60 BELLHOP_CALLS=20000 cargo test --test stories lost_or_doubled`; the one with a CRM that has every
//! fault at once: `BELLHOP_CRM_KILLS=30 BELLHOP_CRM_CALLS=20000 cargo test --test stories crm_kills`; the one with webhooks:
//! `BELLHOP_WEBHOOKS=100000 cargo test --test stories twice_and_shuffled`; files on WhatsApp and in
//! Qontak's chat: `BELLHOP_FILES=2000 BELLHOP_FILE_KILLS=30 cargo test --test stories attachment_kills` (`…on_whatsapp`,
//! `…in_the_chat` for one of them).

// Helpers are not inside `#[test]` functions, where the house rule already lets a test unwrap.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[macro_use]
mod world;

mod actor;
mod approved_tools;
mod arrows;
mod assignment;
mod attachment_kills;
mod attachments;
mod bad_bucket;
mod bad_files;
mod bad_input;
mod broken_disk;
mod bucket;
mod calls;
mod channel;
mod channel_inbound;
mod channel_shuffled;
mod clients;
mod closing;
mod command_line;
mod crm;
mod crm_backlog;
mod crm_bad_input;
mod crm_contract;
mod crm_kills;
mod crm_people;
mod crowd;
mod database_server;
mod demo;
mod dialect;
mod directory;
mod doubtful_files;
mod events_feed;
mod fetched;
mod file_changes;
mod files;
mod full_disk;
mod goodbye;
mod handing_over;
mod held;
mod isolation;
mod keys;
mod kills;
mod large_files;
mod links;
mod log;
mod memory;
mod messages;
mod older_files;
mod on_disk_first;
mod people_decide;
mod published;
mod refused_token;
mod replay;
mod resolve;
mod settings;
mod slow_line;
mod snooze;
mod sources;
mod start;
mod stopping;
mod tools;
mod typing;
mod whatsapp;

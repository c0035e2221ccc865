//! The chat: UUIDs, `status` and `data`, 201 on POST, rooms with agents and tags, messages with real files, webhooks.

mod agents;
pub mod envelope;
mod files;
mod message;
pub mod multipart;
mod people;
mod room;
mod rooms;
mod send;
mod tags;
mod webhooks;

use std::collections::BTreeMap;

use actix_web::web::Bytes;

use super::request::Record;
use super::route::Route;

pub use files::summary as form_summary;
pub use message::{Message, StoredFile};
pub use people::{Division, Person, founded, hired};
pub use room::{Room, RoomStatus};
pub use rooms::{finish_resolve, open, people_say};

macro_rules! routes {
    ($($method:ident $path:literal [$($query:literal),*] $run:path;)*) => {
        pub const ROUTES: &[Route] =
            &[$(Route { method: stringify!($method), path: $path, query: &[$($query),*], run: $run },)*];
    };
}

// The first that fits wins: names before `{id}`.
routes! {
    GET "health" [] rooms::health;
    GET "rooms" [
        "query", "status", "sessions", "tags", "user_ids", "channels", "untagged", "response_status", "type", "start_date",
        "end_date", "time_offset", "time_offsets", "offset", "limit", "cursor", "cursor_direction"
    ] rooms::list;
    GET "rooms/{id}" [] rooms::get;
    PUT "rooms/{id}" [] rooms::rename;
    GET "rooms/{id}/participants" ["offset", "limit"] agents::participants;
    GET "rooms/{id}/histories" ["offset", "limit"] rooms::histories;
    GET "rooms/{id}/agents/assignable" ["query", "offset", "limit"] agents::assignable;
    POST "rooms/{id}/agents/{user}" [] agents::assign;
    DELETE "rooms/{id}/agents/{user}" [] agents::unassign;
    POST "rooms/{id}/takeover" [] agents::takeover;
    POST "rooms/{id}/assign_round_robin" [] agents::round_robin;
    PUT "rooms/{id}/resolve" [] rooms::resolve;
    PUT "rooms/{id}/mark_all_as_read" [] rooms::mark_read;
    PUT "rooms/{id}/auto_resolve" [] rooms::auto_resolve;
    POST "rooms/{id}/tags" [] tags::add;
    DELETE "rooms/{id}/tags" ["tag"] tags::remove;
    GET "users" ["query", "offset", "limit", "order_by", "order_direction", "role", "is_counted"] people::users;
    GET "divisions" ["offset", "limit"] people::divisions;
    POST "messages/whatsapp/bot" [] send::as_bot;
    POST "messages/whatsapp" [] send::as_user;
    POST "file_uploader" [] files::upload;
    GET "message_interactions" [] webhooks::messages;
    PUT "message_interactions" [] webhooks::set_messages;
    GET "room_interactions" [] webhooks::rooms;
    PUT "room_interactions" [] webhooks::set_rooms;
    GET "agent_responsibility" [] webhooks::agents;
    PUT "agent_responsibility" [] webhooks::set_agents;
}

/// The chat of the one organisation that has one.
pub struct Chat {
    pub rooms: BTreeMap<String, Room>,
    pub messages: Vec<Message>,
    pub people: Vec<Person>,
    pub divisions: Vec<Division>,
    /// Bytes of uploaded files by their id, as long as they fit.
    pub files: BTreeMap<String, (StoredFile, Bytes)>,
    /// What is sent where, by the registration's name.
    pub registrations: BTreeMap<&'static str, Record>,
}

/// Whose token the user token is.
pub const TOKEN_USER: &str = "5f000000-0000-4000-8000-000000000001";
pub const ORGANISATION: &str = "0f000000-0000-4000-8000-000000000001";

impl Chat {
    pub fn seeded() -> Self {
        Self {
            rooms: BTreeMap::new(),
            messages: vec![],
            people: people::seeded(),
            divisions: people::seeded_divisions(),
            files: BTreeMap::new(),
            registrations: BTreeMap::new(),
        }
    }

    /// The customer's handle of a room, whose id may stand without dashes.
    pub fn customer_of(&self, id: &str) -> Option<String> {
        let bare = |id: &str| id.replace('-', "").to_lowercase();
        let wanted = bare(id);
        self.rooms.values().find(|room| bare(&room.id) == wanted).map(|room| room.customer.clone())
    }

    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }
}

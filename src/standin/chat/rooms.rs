//! Rooms: reading, renaming, resolving (which takes its time), and what customers and people do there.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::call::{Call, Later};
use super::super::request::{Answer, text};
use super::super::world::World;
use super::{Message, Room, RoomStatus, TOKEN_USER, envelope, webhooks};

pub fn health(_: &mut World, _: &mut Call) -> Answer {
    envelope::found("OK")
}

pub fn list(world: &mut World, call: &mut Call) -> Answer {
    let any = |key: &str| -> Vec<String> {
        let values = call.query.iter().filter(|(name, _)| name.strip_suffix("[]").unwrap_or(name) == key);
        values.flat_map(|(_, value)| value.split(',')).filter(|one| !one.is_empty()).map(str::to_lowercase).collect()
    };
    let (status, tags, channels, people) = (any("status"), any("tags"), any("channels"), any("user_ids"));
    let session = |room: &Room| if room.window_is_open(call.now) { "open" } else { "expired" };
    let sessions = any("sessions");
    let query = call.asked("query").unwrap_or_default().to_lowercase();
    let mut chosen: Vec<&Room> = world.chat.rooms.values().collect();
    chosen.retain(|room| {
        (room.name.to_lowercase().contains(&query) || room.customer.contains(&query))
            && (status.is_empty() || status.iter().any(|one| one == room.status.word()))
            && (tags.is_empty() || room.tags.iter().any(|tag| tags.contains(&tag.to_lowercase())))
            && (channels.is_empty() || channels.contains(&room.channel))
            && (people.is_empty() || room.agent_ids.iter().any(|id| people.contains(id)))
            && (sessions.is_empty() || sessions.iter().any(|one| one == session(room)))
            && (call.asked("untagged") != Some("true") || room.tags.is_empty())
    });
    chosen.sort_by_key(|room| std::cmp::Reverse(room.updated_at));
    envelope::page(call, chosen.into_iter().map(Room::shown).collect())
}

pub fn get(world: &mut World, call: &mut Call) -> Answer {
    match world.chat.rooms.get(call.parameter(0)) {
        Some(room) => envelope::found(room.shown_in_detail()),
        None => envelope::missing(),
    }
}

/// Past rooms of the same customer; not messages.
pub fn histories(world: &mut World, call: &mut Call) -> Answer {
    let Some(room) = world.chat.rooms.get(call.parameter(0)) else { return envelope::missing() };
    let others = world.chat.rooms.values().filter(|other| other.customer == room.customer && other.id != room.id);
    envelope::page(call, others.filter(|other| other.status == RoomStatus::Resolved).map(Room::shown).collect())
}

pub fn rename(world: &mut World, call: &mut Call) -> Answer {
    let body = call.object().unwrap_or_default();
    call.flag_unknown(&body, |key| key == "name", "");
    let Some(name) = text(&body, "name").filter(|name| !name.trim().is_empty()) else {
        return envelope::wrong(422, "name is missing");
    };
    let Some(room) = world.chat.rooms.get_mut(call.parameter(0)) else { return envelope::missing() };
    room.name = name.to_owned();
    envelope::found(room.shown())
}

pub fn mark_read(world: &mut World, call: &mut Call) -> Answer {
    let Some(room) = world.chat.rooms.get_mut(call.parameter(0)) else { return envelope::missing() };
    room.unread = 0;
    envelope::found(room.shown())
}

pub fn auto_resolve(world: &mut World, call: &mut Call) -> Answer {
    let body = call.object().unwrap_or_default();
    call.flag_unknown(&body, |key| key == "is_dont_auto_resolve", "");
    let Some(given) = body.get("is_dont_auto_resolve").and_then(Value::as_bool) else {
        return envelope::wrong(422, "is_dont_auto_resolve is missing");
    };
    let Some(room) = world.chat.rooms.get_mut(call.parameter(0)) else { return envelope::missing() };
    room.not_resolved_by_itself = given;
    envelope::found(room.shown_in_detail())
}

/// Accepted at once, done a moment later. The vendor's sample answers with a text.
pub fn resolve(world: &mut World, call: &mut Call) -> Answer {
    let body = call.object().unwrap_or_default();
    call.flag_unknown(&body, |_| false, "");
    let Some(room) = world.chat.rooms.get(call.parameter(0)) else { return envelope::missing() };
    if room.status == RoomStatus::Resolved {
        let wrong = world.knobs.resolve_twice_is_wrong;
        return if wrong { envelope::wrong(422, "Room already resolved") } else { envelope::found("Room is resolved") };
    }
    call.later.push(Later::Resolve { room_id: room.id.clone(), delay_ms: world.knobs.resolve_delay_ms });
    envelope::found("Resolving the room is in progress")
}

/// The moment later: what is to be announced then.
pub fn finish_resolve(world: &mut World, room_id: &str, now: Timestamp) -> Vec<Later> {
    let Some(room) = world.chat.rooms.get_mut(room_id).filter(|room| room.status != RoomStatus::Resolved) else { return vec![] };
    room.status = RoomStatus::Resolved;
    room.resolved = Some((now, TOKEN_USER.to_owned()));
    room.updated_at = now;
    let shown = room.shown_in_detail();
    webhooks::room_event(world, "room_resolved", shown)
}

/// A conversation begins there, with an open window.
pub fn open(world: &mut World, room: Room) -> Vec<Later> {
    let shown = room.shown_in_detail();
    world.chat.rooms.insert(room.id.clone(), room);
    webhooks::room_event(world, "room_created", shown)
}

/// Somebody writes there. A customer who writes into a resolved room gets a new one; its id comes back.
pub fn people_say(
    world: &mut World,
    room_id: &str,
    from_customer: bool,
    agent: Option<&str>,
    words: &str,
    now: Timestamp,
) -> Option<(Message, Vec<Later>)> {
    let old = world.chat.rooms.get(room_id)?.clone();
    let mut later = vec![];
    let mut room_id = old.id.clone();
    if from_customer && old.status == RoomStatus::Resolved {
        room_id = uuid::Uuid::now_v7().to_string();
        later = open(world, Room::new(room_id.clone(), old.channel.clone(), old.customer.clone(), now));
    }
    let (participant, sender_id, sender_name) = if from_customer {
        ("customer", old.customer.clone(), old.name.clone())
    } else {
        let person = agent.or(old.agent_ids.first().map(String::as_str)).and_then(|id| world.chat.person(id));
        let person = person.or(world.chat.people.first())?;
        ("agent", person.id.clone(), person.full_name.clone())
    };
    let message = Message {
        id: uuid::Uuid::now_v7().to_string(),
        room_id: room_id.clone(),
        kind: "text".into(),
        text: Some(words.to_owned()),
        file: None,
        participant,
        sender_id,
        sender_name,
        local_id: None,
        status: if from_customer { "delivered" } else { "sent" },
        created_at: now,
    };
    if from_customer && let Some(room) = world.chat.rooms.get_mut(&room_id) {
        room.session_at = now;
    }
    later.extend(webhooks::said(world, &message));
    Some((message, later))
}

/// The room remembers its last message; one by a person or bot answers the customer.
pub fn remember(room: &mut Room, message: &Message) {
    room.updated_at = message.created_at;
    room.last_message = Some(json!({"id": message.id, "type": message.kind, "text": message.text}));
    room.unread = if message.participant == "customer" { room.unread + 1 } else { 0 };
}

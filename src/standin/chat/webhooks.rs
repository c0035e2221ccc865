//! What the chat tells others: registrations, and the events that go out under them. No signature, no retry, no order, as
//! nothing of that is documented.

use serde_json::{Value, json};

use super::super::call::{Call, Later};
use super::super::faults::Kind;
use super::super::request::{Answer, Record, text};
use super::super::world::World;
use super::{Message, envelope, rooms as room_routes};

const MESSAGES: (&str, &[&str]) = (
    "message_interactions",
    &["receive_message_from_agent", "receive_message_from_customer", "status_message", "broadcast_log_status"],
);
const ROOMS: (&str, &[&str]) = ("room_interactions", &["room_resolved", "room_created", "room_updated"]);
const AGENTS: (&str, &[&str]) = ("agent_responsibility", &["assigned", "unassigned", "handover"]);

pub fn messages(world: &mut World, _: &mut Call) -> Answer {
    shown(world, MESSAGES.0)
}

pub fn rooms(world: &mut World, _: &mut Call) -> Answer {
    shown(world, ROOMS.0)
}

pub fn agents(world: &mut World, _: &mut Call) -> Answer {
    shown(world, AGENTS.0)
}

pub fn set_messages(world: &mut World, call: &mut Call) -> Answer {
    set(world, call, MESSAGES)
}

pub fn set_rooms(world: &mut World, call: &mut Call) -> Answer {
    set(world, call, ROOMS)
}

pub fn set_agents(world: &mut World, call: &mut Call) -> Answer {
    set(world, call, AGENTS)
}

fn shown(world: &World, name: &str) -> Answer {
    envelope::found(world.chat.registrations.get(name).cloned().map_or(Value::Null, Value::Object))
}

fn set(world: &mut World, call: &mut Call, (name, switches): (&'static str, &[&str])) -> Answer {
    let body = match call.object() {
        Ok(body) => body,
        Err(why) => return envelope::wrong(422, why),
    };
    call.flag_unknown(&body, |key| key == "url" || switches.contains(&key), "");
    let Some(url) = text(&body, "url").filter(|url| url.starts_with("http://") || url.starts_with("https://")) else {
        return envelope::wrong(422, "url is invalid");
    };
    let wrong = switches.iter().find(|switch| body.get(**switch).is_some_and(|value| !value.is_boolean()));
    if let Some(switch) = wrong {
        return envelope::wrong(422, &format!("{switch} is invalid"));
    }
    let mut kept =
        Record::from_iter(switches.iter().map(|switch| ((*switch).to_owned(), json!(body.get(*switch) == Some(&json!(true))))));
    kept.insert("url".into(), json!(url));
    world.chat.registrations.insert(name, kept.clone());
    envelope::found(kept)
}

/// One event under a registration, if its switch is on: once, twice, or late enough to be overtaken.
fn announce(world: &mut World, name: &str, switch: &str, body: Value) -> Vec<Later> {
    let Some(registration) = world.chat.registrations.get(name) else { return vec![] };
    let Some(url) = text(registration, "url").filter(|_| registration.get(switch) == Some(&json!(true))) else { return vec![] };
    let url = url.to_owned();
    let late = world.faults.meets_webhook(Kind::ReorderWebhooks, switch);
    let delay_ms = world.knobs.webhook_delay_ms + if late { 250 } else { 0 };
    let post = Later::Post { url, body, delay_ms };
    let twice = world.faults.meets_webhook(Kind::DuplicateWebhooks, switch);
    if twice { vec![post.clone(), post] } else { vec![post] }
}

fn event(mut body: Value, kind: &str, of: &str) -> Value {
    body["webhook_event"] = json!(kind);
    body["data_event"] = json!(of);
    body
}

pub fn room_event(world: &mut World, of: &str, room: Value) -> Vec<Later> {
    announce(world, ROOMS.0, of, event(room, "room_interaction", of))
}

/// Somebody came into a room or left it.
pub fn agent_event(world: &mut World, of: &str, room_id: &str, agent_id: &str) -> Vec<Later> {
    let Some(room) = world.chat.rooms.get(room_id).map(super::Room::shown_in_detail) else { return vec![] };
    let agent =
        world.chat.person(agent_id).map(|person| json!({"id": person.id, "full_name": person.full_name, "email": person.email}));
    let body = json!({"room_id": room_id, "agent_id": agent_id, "agent": agent, "room": room.clone()});
    let mut later = announce(world, AGENTS.0, of, event(body, "agent_responsibility", of));
    later.extend(room_event(world, "room_updated", room));
    later
}

/// A message was written: it is kept, and told.
pub fn said(world: &mut World, message: &Message) -> Vec<Later> {
    if let Some(room) = world.chat.rooms.get_mut(&message.room_id) {
        room_routes::remember(room, message);
    }
    world.chat.messages.push(message.clone());
    let of = if message.participant == "customer" { "receive_message_from_customer" } else { "receive_message_from_agent" };
    let body = with_room(world, message);
    announce(world, MESSAGES.0, of, event(body, "message_interaction", of))
}

/// A message went on in its life.
pub fn status(world: &mut World, message: &Message) -> Vec<Later> {
    let body = with_room(world, message);
    announce(world, MESSAGES.0, "status_message", event(body, "message_interaction", "status_message"))
}

fn with_room(world: &World, message: &Message) -> Value {
    let mut body = message.shown();
    let room = world.chat.rooms.get(&message.room_id);
    body["room"] = room.map_or(Value::Null, super::Room::shown);
    let channel = room.map(|room| room.channel.clone());
    body["channel_integration"] = json!({"id": "1f000000-0000-4000-8000-000000000001", "target_channel": channel});
    body
}

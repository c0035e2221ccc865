//! Who is in a room. Assigning *adds* an agent and never takes one away.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::dates;
use super::super::request::Answer;
use super::super::world::World;
use super::{Room, RoomStatus, TOKEN_USER, envelope, webhooks};

pub fn participants(world: &mut World, call: &mut Call) -> Answer {
    let Some(room) = world.chat.rooms.get(call.parameter(0)) else { return envelope::missing() };
    let agents = room.agent_ids.iter().map(|id| participant(world, room, id, call, true));
    let customer = json!({
        "id": room.customer, "room_id": room.id, "contact_able_id": room.customer, "contact_able_type": "Models::Contact",
        "type": "Models::CustomerParticipant", "profile": {"name": room.name}, "active_status": "active",
    });
    let rows = std::iter::once(customer).chain(agents).collect();
    envelope::page(call, rows)
}

/// An agent in a room, as assigning answers it.
fn participant(world: &World, room: &Room, agent: &str, call: &Call, profile: bool) -> Value {
    let name = world.chat.person(agent).map(|person| &person.full_name);
    let mut shown = json!({
        "id": format!("{}-{}", &room.id, agent),
        "room_id": room.id,
        "contact_able_id": agent,
        "contact_able_type": "Models::User",
        "type": "Models::AgentParticipant",
        "active_status": "active",
        "handover_id": null,
        "created_at": dates::with_z(call.now),
    });
    if profile {
        shown["profile"] = json!({"name": name, "avatar": null});
    } else {
        shown["updated_at"] = json!(dates::with_z(call.now));
    }
    shown
}

pub fn assignable(world: &mut World, call: &mut Call) -> Answer {
    if !world.chat.rooms.contains_key(call.parameter(0)) {
        return envelope::missing();
    }
    let people = world.chat.people.iter().filter(|person| person.role != "admin" && person.is_called(call.asked("query")));
    envelope::page(call, people.map(|person| person.shown(&world.chat)).collect())
}

/// Puts `agent` into the room of the path.
fn enter(world: &mut World, call: &mut Call, agent: &str, profile: bool) -> Answer {
    let Some(room) = world.chat.rooms.get_mut(call.parameter(0)) else { return envelope::missing() };
    room.agent_ids.push(agent.to_owned());
    room.status = RoomStatus::Assigned;
    room.updated_at = call.now;
    let room = room.clone();
    call.later.extend(webhooks::agent_event(world, "assigned", &room.id, agent));
    envelope::made(participant(world, &room, agent, call, profile))
}

pub fn assign(world: &mut World, call: &mut Call) -> Answer {
    let Some(room) = world.chat.rooms.get(call.parameter(0)) else { return envelope::missing() };
    let agent = call.parameter(1).to_owned();
    if world.chat.person(&agent).is_none() {
        return envelope::wrong(422, "Chosen user not found");
    }
    if room.status == RoomStatus::Resolved {
        return envelope::wrong(422, "Room is already resolved");
    }
    if room.agent_ids.contains(&agent) {
        return envelope::wrong(422, "Agent is already assigned to this room");
    }
    enter(world, call, &agent, true)
}

pub fn unassign(world: &mut World, call: &mut Call) -> Answer {
    let agent = call.parameter(1).to_owned();
    let Some(room) = world.chat.rooms.get_mut(call.parameter(0)) else { return envelope::missing() };
    if room.status != RoomStatus::Assigned {
        return envelope::wrong(422, "Room is not in assigned state");
    }
    if !room.agent_ids.contains(&agent) {
        return envelope::wrong(422, "Participant not found or already removed");
    }
    room.agent_ids.retain(|id| *id != agent);
    room.updated_at = call.now;
    if room.agent_ids.is_empty() {
        room.status = RoomStatus::Unassigned;
    }
    let id = room.id.clone();
    call.later.extend(webhooks::agent_event(world, "unassigned", &id, &agent));
    envelope::found(json!({"status": "success"}))
}

/// Free to be taken: nobody is in it and it goes on.
fn refuse_taken(room: &Room) -> Option<Answer> {
    match room.status {
        RoomStatus::Resolved => Some(envelope::wrong(422, "Room is already resolved")),
        RoomStatus::Assigned => Some(envelope::wrong(422, "Room already assigned")),
        RoomStatus::Unassigned => None,
    }
}

pub fn takeover(world: &mut World, call: &mut Call) -> Answer {
    let Some(room) = world.chat.rooms.get(call.parameter(0)) else { return envelope::missing() };
    refuse_taken(room).unwrap_or_else(|| enter(world, call, TOKEN_USER, true))
}

/// The vendor's allocator: the least busy of those who are there.
pub fn round_robin(world: &mut World, call: &mut Call) -> Answer {
    let Some(room) = world.chat.rooms.get(call.parameter(0)) else { return envelope::missing() };
    if !world.knobs.allocation_active {
        return envelope::wrong(422, "Custom agent allocation (CAA) must be active");
    }
    if let Some(refusal) = refuse_taken(room) {
        return refusal;
    }
    let busy = |id: &String| world.chat.rooms.values().filter(|room| room.agent_ids.contains(id)).count();
    let there = world.chat.people.iter().filter(|person| person.role == "agent" && person.is_online);
    match there.min_by_key(|person| busy(&person.id)).map(|person| person.id.clone()) {
        Some(agent) => enter(world, call, &agent, false),
        None => envelope::wrong(422, "No agent available"),
    }
}

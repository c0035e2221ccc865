//! Tags on rooms: one per call, free text, the same word in another case is the same tag.

use super::super::call::Call;
use super::super::request::{Answer, text};
use super::super::world::World;
use super::{Room, envelope, multipart, webhooks};

const MOST_CHARACTERS: usize = 50;

/// The tag somebody sent: JSON or a form.
fn sent(call: &mut Call) -> Option<String> {
    if let Some(parts) = multipart::read(&call.incoming) {
        let parts = parts.ok()?;
        let strange = parts.iter().filter(|part| part.name != "tag").map(|part| part.name.clone());
        call.unknown.extend(strange);
        return parts.iter().find(|part| part.name == "tag").and_then(|part| part.text());
    }
    let body = call.object().ok()?;
    call.flag_unknown(&body, |key| key == "tag", "");
    text(&body, "tag").map(str::to_owned)
}

fn sound(tag: Option<String>) -> Option<String> {
    let tag = tag?.trim().to_owned();
    (1..=MOST_CHARACTERS).contains(&tag.chars().count()).then_some(tag)
}

pub fn add(world: &mut World, call: &mut Call) -> Answer {
    let tag = sent(call);
    let Some(room) = world.chat.rooms.get_mut(call.parameter(0)) else { return envelope::missing() };
    let Some(tag) = sound(tag) else { return envelope::wrong(422, "tag is invalid") };
    if !room.tags.iter().any(|one| one.to_lowercase() == tag.to_lowercase()) {
        room.tags.push(tag);
        room.updated_at = call.now;
    }
    let shown = room.shown_in_detail();
    call.later.extend(webhooks::room_event(world, "room_updated", shown.clone()));
    envelope::made(shown)
}

pub fn remove(world: &mut World, call: &mut Call) -> Answer {
    let tag = call.asked("tag").map(str::to_owned).or_else(|| sent(call));
    let Some(room) = world.chat.rooms.get_mut(call.parameter(0)) else { return envelope::missing() };
    let Some(tag) = sound(tag) else { return envelope::wrong(422, "tag is invalid") };
    room.tags.retain(|one| one.to_lowercase() != tag.to_lowercase());
    room.updated_at = call.now;
    let shown = Room::shown_in_detail(room);
    call.later.extend(webhooks::room_event(world, "room_updated", shown.clone()));
    envelope::found(shown)
}

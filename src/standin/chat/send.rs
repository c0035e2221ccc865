//! Sending into a room: text or one real file, only on WhatsApp, only within 24 hours of the customer's last word.

use serde_json::Value;

use super::super::call::Call;
use super::super::faults::Kind;
use super::super::request::{Answer, Record};
use super::super::world::World;
use super::multipart::{self, Part};
use super::{Message, RoomStatus, TOKEN_USER, envelope, files, webhooks};

const MEBIBYTE: usize = 1024 * 1024;

/// What kinds of files there are, what they may be made of, and how large they may be.
const KINDS: [(&str, &[&str], usize); 4] = [
    ("image", &["image/jpeg", "image/png"], 5 * MEBIBYTE),
    ("video", &["video/mp4"], 16 * MEBIBYTE),
    ("audio", &["audio/"], 16 * MEBIBYTE),
    ("document", &[""], 100 * MEBIBYTE),
];

pub fn as_bot(world: &mut World, call: &mut Call) -> Answer {
    send(world, call, &["room_id", "type", "text", "file"], true)
}

pub fn as_user(world: &mut World, call: &mut Call) -> Answer {
    send(world, call, &["room_id", "type", "text", "file", "local_id", "created_at"], false)
}

/// The fields of the request, form or JSON, and the file of a form.
fn fields(call: &mut Call, known: &[&str]) -> Result<(Record, Option<Part>), Answer> {
    let Some(parts) = multipart::read(&call.incoming) else {
        let body = call.object().map_err(|why| envelope::wrong(422, why))?;
        call.flag_unknown(&body, |key| known.contains(&key), "");
        return Ok((body, None));
    };
    let parts = parts.map_err(|_| envelope::wrong(422, "the form is broken"))?;
    call.unknown.extend(parts.iter().filter(|part| !known.contains(&part.name.as_str())).map(|part| part.name.clone()));
    let (files, texts): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.filename.is_some());
    let texts = texts.into_iter().map(|part| (part.name.clone(), part.text().map_or(Value::Null, Value::String)));
    Ok((texts.collect(), files.into_iter().find(|part| part.name == "file")))
}

fn send(world: &mut World, call: &mut Call, known: &[&str], bot: bool) -> Answer {
    let (fields, file) = match fields(call, known) {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let of = |key: &str| fields.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let (Some(room_id), Some(kind)) = (of("room_id"), of("type")) else {
        return envelope::wrong(422, "room_id and type are needed");
    };
    let Some(room) = world.chat.rooms.get(room_id) else { return envelope::missing() };
    if !room.is_whatsapp() {
        return envelope::wrong(422, "The channel of this room cannot be sent to");
    }
    if room.status == RoomStatus::Resolved {
        return envelope::wrong(422, "Room is already resolved");
    }
    let outside = !room.window_is_open(call.now);
    if outside && !world.knobs.late_window_failure {
        return envelope::wrong(422, "The 24-hour customer session has ended; only templates can be sent");
    }
    let stored = match (kind, &file) {
        ("text", None) if of("text").is_some() => None,
        ("text", _) => return envelope::wrong(422, "text is missing"),
        (kind, file) => {
            let Some((_, mimes, most)) = KINDS.iter().find(|(name, ..)| *name == kind) else {
                return envelope::wrong(422, "type is not supported");
            };
            let Some(part) = file else { return envelope::wrong(422, "file is missing") };
            if part.bytes.len() > *most {
                return envelope::wrong(422, "file is too large");
            }
            let mime = part.mime.as_deref().unwrap_or_default();
            if part.bytes.is_empty() || !mimes.iter().any(|start| mime.starts_with(start)) {
                return envelope::wrong(422, "file is not of that type");
            }
            Some((files::stored(part, &world.url), part.bytes.clone()))
        }
    };
    let person = world.chat.person(TOKEN_USER).map_or("", |person| &person.full_name).to_owned();
    let mut message = Message {
        id: uuid::Uuid::now_v7().to_string(),
        room_id: room_id.to_owned(),
        kind: kind.to_owned(),
        text: if kind == "text" { of("text").map(str::to_owned) } else { None },
        file: stored.as_ref().map(|(file, _)| file.clone()),
        participant: if bot { "bot" } else { "agent" },
        sender_id: if bot { "6f000000-0000-4000-8000-000000000001".into() } else { TOKEN_USER.into() },
        sender_name: if bot { "Bot".into() } else { person },
        local_id: of("local_id").map(str::to_owned),
        status: "created",
        created_at: call.now,
    };
    if let Some((file, bytes)) = stored {
        world.chat.keep_file(&file, bytes);
    }
    let mut answer = message.shown();
    answer["room"] = world.chat.rooms.get(room_id).map_or(Value::Null, super::Room::shown);
    call.later.extend(webhooks::said(world, &message));
    let fails = outside || world.faults.meets_webhook(Kind::FailedDelivery, "status_message");
    let life: &[&'static str] = if fails { &["failed"] } else { &["sent", "delivered"] };
    for status in life {
        message.status = status;
        call.later.extend(webhooks::status(world, &message));
    }
    if let Some(kept) = world.chat.messages.last_mut() {
        kept.status = message.status;
    }
    envelope::made(answer)
}

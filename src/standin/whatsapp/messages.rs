//! Sending: a text, or media by its id. Whoever did not write within 24 hours is only told afterwards that nothing came, unless
//! the knob says that it is refused at once.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::faults::Kind;
use super::super::request::{Answer, Record};
use super::super::world::World;
use super::envelope::{parameter, wrong};
use super::{Sent, media, tell, unknown_object};

const WINDOW: SignedDuration = SignedDuration::from_hours(24);
const MEDIA_DAYS: i64 = 30;
const LONGEST_CALLBACK: usize = 512;
const LONGEST_CAPTION: usize = 1_024;
const LONGEST_TEXT: usize = 4_096;
const KEYS: [&str; 11] = [
    "messaging_product",
    "recipient_type",
    "to",
    "type",
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "biz_opaque_callback_data",
];

/// Why a message fails after it was accepted: Meta's code and title.
const UNREACHABLE: (u32, &str) = (131_026, "Message undeliverable");
const CLOSED: (u32, &str) = (131_047, "Re-engagement message");

struct Wanted {
    kind: String,
    text: Option<String>,
    media: Option<super::Media>,
    filename: Option<String>,
}

pub fn send(world: &mut World, call: &mut Call) -> Answer {
    let phone = call.parameter(0).to_owned();
    if !world.whatsapp.accounts.contains_key(&phone) {
        return unknown_object(&phone);
    }
    let body = match call.object() {
        Ok(body) => body,
        Err(why) => return parameter(why),
    };
    call.flag_unknown(&body, |key| KEYS.contains(&key), "");
    let of = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let digits = |to: &String| (7..=15).contains(&to.len()) && to.bytes().all(|byte| byte.is_ascii_digit());
    let Some(to) = of("to").filter(digits) else { return wrong(400, 131_009, "Parameter value is not valid", "to") };
    if of("messaging_product").as_deref() != Some("whatsapp") {
        return parameter("The parameter messaging_product is required.");
    }
    let callback = of("biz_opaque_callback_data");
    if callback.as_ref().is_some_and(|text| text.chars().count() > LONGEST_CALLBACK) {
        return parameter("biz_opaque_callback_data is too long");
    }
    let wanted = match read(world, call, &phone, &body) {
        Ok(wanted) => wanted,
        Err(answer) => return answer,
    };
    let wrote_at = world.whatsapp.wrote_at.get(&(phone.clone(), to.clone()));
    let open = wrote_at.is_some_and(|at| call.now.duration_since(*at) < WINDOW);
    if !open && world.knobs.whatsapp_window_refused_at_once {
        return wrong(400, CLOSED.0, CLOSED.1, "More than 24 hours have passed since the customer last replied to this number.");
    }
    let id = format!("wamid.{}", uuid::Uuid::now_v7().simple());
    let Wanted { kind, text, media, filename } = wanted;
    let sent =
        Sent { id: id.clone(), phone, to: to.clone(), kind, text, media, filename, callback, status: "accepted", at: call.now };
    // What fails never stood in the customer's conversation.
    let failure = match (open, world.faults.meets_webhook(Kind::FailedDelivery, "whatsapp")) {
        (false, _) => Some(CLOSED),
        (true, true) => Some(UNREACHABLE),
        (true, false) => None,
    };
    call.later.extend(tell::life(world, sent, failure));
    let contacts = json!([{"input": to, "wa_id": to}]);
    Answer::json(200, json!({"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": id}]}))
}

fn read(world: &World, call: &mut Call, phone: &str, body: &Record) -> Result<Wanted, Answer> {
    let kind = body.get("type").and_then(Value::as_str).unwrap_or("text").to_owned();
    let Some(part) = body.get(&kind).and_then(Value::as_object).filter(|_| KEYS[4..10].contains(&kind.as_str())) else {
        return Err(parameter("The part named by type is missing"));
    };
    let of = |key: &str| part.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    if kind == "text" {
        call.flag_unknown(part, |key| matches!(key, "body" | "preview_url"), "text.");
        let text = of("body").filter(|text| text.chars().count() <= LONGEST_TEXT);
        let text = text.ok_or_else(|| parameter("Param text['body'] must be 1 to 4096 characters"))?;
        return Ok(Wanted { kind, text: Some(text), media: None, filename: None });
    }
    let captioned = matches!(kind.as_str(), "image" | "video" | "document");
    let strange = part.keys().find(|key| match key.as_str() {
        "id" => false,
        "caption" => !captioned,
        "filename" => kind != "document",
        _ => true,
    });
    if let Some(strange) = strange {
        return Err(parameter(&format!("Unexpected key \"{strange}\" on param \"{kind}\"")));
    }
    let caption = of("caption");
    if caption.as_ref().is_some_and(|text| text.chars().count() > LONGEST_CAPTION) {
        return Err(parameter("The caption is too long"));
    }
    let id = of("id").ok_or_else(|| parameter("Either one of media ID or link must be present"))?;
    let alive = |media: &&super::Media| {
        let age = call.now.duration_since(media.uploaded_at);
        media.phone == phone && age < SignedDuration::from_hours(24 * MEDIA_DAYS)
    };
    let Some(media) = world.whatsapp.media.get(&id).filter(alive) else {
        let message = format!("Param {kind}['id'] is not a valid whatsapp business account media attachment ID");
        return Err(wrong(400, 100, &message, "The media was not uploaded under this number, or is not kept any more."));
    };
    if !media::fits(&kind, &media.mime, media.size) {
        return Err(wrong(400, 131_053, "Media upload error", "The media cannot be sent as this kind of message."));
    }
    Ok(Wanted { kind, text: caption, media: Some(media.clone()), filename: of("filename") })
}

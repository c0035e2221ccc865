//! Media: uploaded under one business number, good for that number alone, gone after 30 days.

use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::call::Call;
use super::super::chat::multipart;
use super::super::request::Answer;
use super::super::world::World;
use super::Media;
use super::envelope::{parameter, unknown_object};

const MEBIBYTE: usize = 1024 * 1024;
/// What may be uploaded, as which kind of message it can be sent, and how large it may be.
const TYPES: [(&str, &str, usize); 21] = [
    ("image/jpeg", "image", 5 * MEBIBYTE),
    ("image/png", "image", 5 * MEBIBYTE),
    ("image/webp", "sticker", 512 * 1024),
    ("video/mp4", "video", 16 * MEBIBYTE),
    ("video/3gpp", "video", 16 * MEBIBYTE),
    ("audio/aac", "audio", 16 * MEBIBYTE),
    ("audio/amr", "audio", 16 * MEBIBYTE),
    ("audio/mpeg", "audio", 16 * MEBIBYTE),
    ("audio/mp4", "audio", 16 * MEBIBYTE),
    ("audio/ogg", "audio", 16 * MEBIBYTE),
    ("audio/opus", "audio", 16 * MEBIBYTE),
    ("text/plain", "document", 100 * MEBIBYTE),
    ("application/pdf", "document", 100 * MEBIBYTE),
    ("application/msword", "document", 100 * MEBIBYTE),
    ("application/vnd.ms-excel", "document", 100 * MEBIBYTE),
    ("application/vnd.ms-powerpoint", "document", 100 * MEBIBYTE),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document", 100 * MEBIBYTE),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "document", 100 * MEBIBYTE),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "document", 100 * MEBIBYTE),
    // A picture may also go as a document.
    ("image/jpeg", "document", 100 * MEBIBYTE),
    ("image/png", "document", 100 * MEBIBYTE),
];

/// Whether media of this type can be sent as this kind of message.
pub fn fits(kind: &str, mime: &str, size: usize) -> bool {
    TYPES.iter().any(|(of, sent_as, most)| *of == mime && *sent_as == kind && size <= *most)
}

pub fn upload(world: &mut World, call: &mut Call) -> Answer {
    let phone = call.parameter(0).to_owned();
    if !world.whatsapp.accounts.contains_key(&phone) {
        return unknown_object(&phone);
    }
    let Some(Ok(parts)) = multipart::read(&call.incoming) else { return parameter("The body must be multipart/form-data") };
    let known = ["messaging_product", "type", "file"];
    call.unknown.extend(parts.iter().filter(|part| !known.contains(&part.name.as_str())).map(|part| part.name.clone()));
    let field = |name: &str| parts.iter().find(|part| part.name == name && part.filename.is_none()).and_then(|part| part.text());
    if field("messaging_product").as_deref() != Some("whatsapp") {
        return parameter("The parameter messaging_product is required.");
    }
    let Some(file) = parts.iter().find(|part| part.name == "file" && part.filename.is_some()) else {
        return parameter("Param file must be uploaded");
    };
    let mime = file.mime.clone().unwrap_or_default();
    let most = TYPES.iter().filter(|(of, ..)| *of == mime).map(|(.., most)| *most).max();
    let Some(most) = most else { return parameter("Param file must be a file with one of the supported types") };
    if file.bytes.is_empty() || file.bytes.len() > most {
        return parameter("Param file is empty or too large");
    }
    let id = world.next_id().to_string();
    let media = Media {
        id: id.clone(),
        phone,
        mime,
        size: file.bytes.len(),
        sha256: HEXLOWER.encode(&Sha256::digest(&file.bytes)),
        filename: file.filename.clone().unwrap_or_default(),
        uploaded_at: call.now,
    };
    world.whatsapp.media.insert(id.clone(), media);
    Answer::json(200, json!({ "id": id }))
}

/// A business number, or a medium.
pub fn get(world: &mut World, call: &mut Call) -> Answer {
    let id = call.parameter(0);
    if let Some(account) = world.whatsapp.accounts.get(id) {
        let name = json!({"id": id, "display_phone_number": account.display_phone_number, "verified_name": "Stand-in", "quality_rating": "GREEN"});
        return Answer::json(200, name);
    }
    world.whatsapp.media.get(id).map_or_else(|| unknown_object(id), |media| Answer::json(200, media.shown()))
}

pub fn delete(world: &mut World, call: &mut Call) -> Answer {
    match world.whatsapp.media.remove(call.parameter(0)) {
        Some(_) => Answer::json(200, json!({"success": true})),
        None => unknown_object(call.parameter(0)),
    }
}

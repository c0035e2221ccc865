//! Which of a room's files a channel's word is of, from the outbox's rows: these stay, also when the room has forgotten the file.
//! Only reads.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::conn::{Conn, run, sort};
use super::group_pg::clean;
use super::rows::sixteen;
use super::schema::{effect_parts, effects};
use super::url::StoreError;
use crate::actors::inbox::Overheard;
use crate::actors::outside::Part;
use crate::room::delivery::{Delivery, DeliveryWord, Stage, Step};
use crate::room::{CallId, CallKey, CallStatus, CameAbout, RoomAddress, SentFile, Settlement, Timestamp};

/// Parts that bring a file, or what stands for it, as every channel calls them.
const BRINGS: [&str; 2] = ["file", "link"];

/// A call's effect: the room it is of, its call, how often a person had it tried again, how it ended.
type Effect = (String, String, i64, Option<String>);

pub(super) fn find(conn: &mut Conn, room: &RoomAddress, word: &DeliveryWord) -> Result<Option<Delivery>, StoreError> {
    let Some(key) = (match word.effect {
        Some(key) => Some(key),
        None => made(conn, room, &word.message_id)?,
    }) else {
        return Ok(None);
    };
    let found: Vec<Effect> = run!(conn, "looking for a call by its message", |c| effects::table
        .filter(effects::call_key.eq(&key.0[..]))
        .filter(effects::company.eq(room.company.0))
        .select((effects::room_id, effects::call_id, effects::retries, effects::settlement))
        .load(c))?;
    let Some((_, call_id, retries, settlement)) = found.into_iter().find(|(id, ..)| *id == *clean(room.room.as_str())) else {
        return Ok(None);
    };
    let parts: Vec<(String, Option<String>)> = run!(conn, "looking for a file by its message", |c| effect_parts::table
        .filter(effect_parts::call_key.eq(&key.0[..]))
        .filter(effect_parts::name.eq_any(BRINGS))
        .order(effect_parts::no.desc())
        .select((effect_parts::part, effect_parts::record))
        .load(c))?;
    let Some((part, record)) = parts.into_iter().next() else { return Ok(None) };
    let ended = settlement.and_then(|text| serde_json::from_str::<Settlement>(&text).ok());
    let told = ended.and_then(|ended| match ended.came_about {
        Some(CameAbout::Sent { file, .. }) => Some(SentFile::clone(&file)),
        _ => None,
    });
    let Some(file) = told.or_else(|| file_of(&part)) else { return Ok(None) };
    let delivery = Delivery::of(&CallId::trusted(&call_id), &file, Stage::Accepted, Timestamp(0));
    let attempt = u32::try_from(retries).unwrap_or(u32::MAX);
    Ok(Some(Delivery { attempt, message_id: record.filter(|id| !id.is_empty()), ..delivery }))
}

/// A part whose outcome is not known: of which effect, as it was sent, when it began.
type Open = (Vec<u8>, String, i64);

/// Of which given-up call of this room the message is, if it is of exactly one and no call is known to have sent it.
pub(super) fn proven(conn: &mut Conn, room: &RoomAddress, message: &Overheard) -> Result<Option<DeliveryWord>, StoreError> {
    if made(conn, room, &message.message_id)?.is_some() {
        return Ok(None);
    }
    let open: Vec<Open> = run!(conn, "looking for what a message proves", |c| effect_parts::table
        .filter(effect_parts::company.eq(room.company.0))
        .filter(effect_parts::name.eq_any(BRINGS))
        .filter(effect_parts::shown_name.eq(clean(&message.shown_name)))
        // Spelled as in the index, which would not be used otherwise.
        .filter(sql::<Bool>("ended_at IS NULL AND NOT idle"))
        .limit(2)
        .select((effect_parts::call_key, effect_parts::part, effect_parts::started_at))
        .load(c))?;
    let [(key, part, started_at)] = open.as_slice() else { return Ok(None) };
    let other_size = file_of(part).is_some_and(|file| message.size.is_some_and(|size| size != file.size));
    if other_size || *started_at > message.begun_by.0 {
        return Ok(None);
    }
    let ended: Vec<(i64, Option<String>)> = run!(conn, "looking for what was given up", |c| effects::table
        .filter(effects::call_key.eq(key))
        .filter(effects::company.eq(room.company.0))
        .filter(effects::room_id.eq(clean(room.room.as_str())))
        .select((effects::retries, effects::settlement))
        .load(c))?;
    let Some((retries, Some(settlement))) = ended.into_iter().next() else { return Ok(None) };
    let given_up = serde_json::from_str::<Settlement>(&settlement).is_ok_and(|ended| ended.status == CallStatus::Unresolved);
    let effect = CallKey(sixteen(key).map_err(|error| sort(error, "looking for what a message proves"))?);
    let (attempt, message_id) = (u32::try_from(retries).unwrap_or(u32::MAX), message.message_id.clone());
    Ok(given_up.then_some(DeliveryWord { effect: Some(effect), attempt, message_id, step: Step::Sent, older: None }))
}

/// The effect that left this message behind.
fn made(conn: &mut Conn, room: &RoomAddress, message_id: &str) -> Result<Option<CallKey>, StoreError> {
    for name in BRINGS {
        let found: Vec<Vec<u8>> = run!(conn, "looking for a message", |c| effect_parts::table
            .filter(effect_parts::company.eq(room.company.0))
            .filter(effect_parts::name.eq(name))
            .filter(effect_parts::record.eq(clean(message_id)))
            .limit(1)
            .select(effect_parts::call_key)
            .load(c))?;
        if let Some(key) = found.into_iter().next() {
            return Ok(Some(CallKey(sixteen(&key).map_err(|error| sort(error, "looking for a message"))?)));
        }
    }
    Ok(None)
}

/// As the part itself names it, where its call did not end with it.
fn file_of(part: &str) -> Option<SentFile> {
    let part: Part = serde_json::from_str(part).ok()?;
    let request: serde_json::Value = serde_json::from_str(&part.request).ok()?;
    serde_json::from_value(request["file"].clone()).ok()
}

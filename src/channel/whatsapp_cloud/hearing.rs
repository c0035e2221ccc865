//! Webhooks of the Cloud API: one may tell of many messages and statuses, each of another room, so each is kept as a sheet of its
//! own. A customer's room is named by the business's number and theirs; a status belongs to the room that its reference names.
//! Pure. What nobody documented is kept and moves nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actors::inbox::{Echo, Heard, InboxRow, Label, Sheet};
use crate::catalog::nearest::shown_within;
use crate::room::delivery::{DeliveryWord, Failure, Step};
use crate::room::ids::hash16;
use crate::room::{By, ChannelKind, Command, CompanyNo, Customer, Moves, RoomId, Timestamp, Writer};

use super::reference::Reference;
use crate::channel::inbound::MOST_TEXT;

/// Longest name of a customer.
const MOST_NAME: usize = 256;
/// Longest reason of a failure that is passed on, in characters.
const MOST_REASON: usize = 200;
/// Sheets of one webhook; Meta puts at most a thousand events into one. What is more than that is kept as one sheet, and said.
const MOST_SHEETS: usize = 4_000;
/// A sender's clock may be ahead of ours by this much.
const MOST_AHEAD_MS: i64 = 5_000;

/// What is known of a conversation, beside its room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    name: Option<String>,
    /// When the customer wrote last, in microseconds, as the channel says.
    wrote: i64,
}

/// `account`: the company's own number there, by Meta's id. What is told of another one, under the same app's signature, is kept
/// and belongs to no room. `None`: it is no webhook of the Cloud API.
pub fn sheets(company: CompanyNo, account: Option<&str>, body: &[u8]) -> Option<Vec<Sheet>> {
    let webhook: Value = serde_json::from_slice(body).ok().filter(Value::is_object)?;
    let mut sheets = vec![];
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    for change in list(&webhook, "entry").iter().flat_map(|entry| list(entry, "changes")) {
        let value = &change["value"];
        let phone = value["metadata"]["phone_number_id"].as_str().unwrap_or_default();
        if account != Some(phone) {
            sheets.push(sheet(company, None, None, None, &json!({ "elsewhere": value })));
            continue;
        }
        let contacts = list(value, "contacts");
        for message in list(value, "messages") {
            let from = text(&message, "from").unwrap_or_default();
            let contact = contacts.iter().find(|contact| contact["wa_id"].as_str() == Some(from));
            let identity = text(&message, "id").map(|id| format!("message\n{id}"));
            let room = room_of(phone, from);
            sheets.push(sheet(company, identity, room, None, &json!({"contact": contact, "message": message})));
        }
        // What a person wrote on the telephone that has the same number.
        for echo in list(value, "message_echoes") {
            let room = room_of(phone, text(&echo, "to").unwrap_or_default());
            let identity = text(&echo, "id").map(|id| format!("message\n{id}"));
            sheets.push(sheet(company, identity, room, None, &json!({ "echo": echo })));
        }
        for status in list(value, "statuses") {
            let (id, step) = (text(&status, "id"), text(&status, "status"));
            let identity = id.zip(step).map(|(id, step)| format!("status\n{id}\n{step}"));
            let reference = text(&status, "biz_opaque_callback_data").and_then(Reference::of);
            let room = match &reference {
                Some(reference) => Some(reference.room.clone()),
                None => room_of(phone, text(&status, "recipient_id").unwrap_or_default()),
            };
            // One that failed was not taken, or not for long: it proves nothing.
            let taken = matches!(step, Some("sent" | "delivered" | "read" | "played"));
            let echo = reference.zip(id).filter(|_| taken).map(|(reference, id)| Echo {
                effect: reference.effect,
                part: reference.part,
                message_id: id.to_owned(),
            });
            sheets.push(sheet(company, identity, room, echo, &json!({ "status": status })));
        }
    }
    let rest = sheets.len().saturating_sub(MOST_SHEETS);
    if rest > 0 {
        tracing::error!(event = "channel.webhook_too_long", company = company.0, rest, "a webhook tells of more than is heard");
        sheets.truncate(MOST_SHEETS);
    }
    if rest > 0 || sheets.is_empty() {
        sheets.push(sheet(company, None, None, None, &webhook));
    }
    Some(sheets)
}

/// Only what is kept: one message or one status.
fn sheet(company: CompanyNo, identity: Option<String>, room: Option<RoomId>, echo: Option<Echo>, body: &Value) -> Sheet {
    let body = body.to_string();
    let source = ChannelKind::WhatsappCloud.as_str().as_bytes();
    let key = match &identity {
        Some(identity) => hash16(b"webhook", company, &[source, identity.as_bytes()]),
        None => hash16(b"webhook as it is", company, &[source, body.as_bytes()]),
    };
    Sheet { label: Label { key, room }, body, echo }
}

/// A customer's room here.
pub fn room_of(phone: &str, customer: &str) -> Option<RoomId> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if number(phone) && number(customer) { RoomId::new(&format!("wa-{phone}-{customer}")).ok() } else { None }
}

pub fn hear(row: &InboxRow, known: Option<&str>) -> Heard {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    if body["message"].is_object() {
        return message(&body, row, known);
    }
    if body["echo"].is_object() {
        return echo(&body["echo"], row, known);
    }
    if !body["status"].is_object() {
        return Heard { kind: "unknown", ..Heard::default() };
    }
    let tells = status(&body["status"]).map(|word| (By::System, Command::DeliveryTold(Box::new(word)))).into_iter().collect();
    Heard { kind: "status", tells, ..Heard::default() }
}

/// What became of a file's message of ours; of others nobody here asks.
fn status(status: &Value) -> Option<DeliveryWord> {
    let reference = text(status, "biz_opaque_callback_data").and_then(Reference::of).filter(|reference| reference.file)?;
    let step = match text(status, "status")? {
        "sent" => Step::Sent,
        "delivered" => Step::Delivered,
        // Of a sound: the customer listened to it.
        "read" | "played" => Step::Read,
        "failed" => {
            let error = &status["errors"][0];
            let title = text(&error["error_data"], "details").or_else(|| text(error, "title")).unwrap_or("no reason was given");
            Step::Failed(Failure { code: error["code"].as_i64().unwrap_or_default(), title: shown_within(title, MOST_REASON) })
        }
        _ => return None,
    };
    let message_id = text(status, "id").unwrap_or_default().to_owned();
    Some(DeliveryWord { effect: Some(reference.effect), attempt: reference.retries, message_id, step, older: None })
}

fn message(body: &Value, row: &InboxRow, known: Option<&str>) -> Heard {
    let kind = "message_from_customer";
    let said = &body["message"];
    let (Some(id), Some(from)) = (text(said, "id").filter(|id| id.len() <= RoomId::MAX_BYTES), text(said, "from")) else {
        return Heard { kind: "unknown", ..Heard::default() };
    };
    let before: Known = known.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let name = text(&body["contact"]["profile"], "name").map(|name| cut(name, MOST_NAME)).or_else(|| before.name.clone());
    let at = time(said).filter(|at| *at <= row.received_at.plus_ms(MOST_AHEAD_MS)).unwrap_or(row.received_at);
    let mut tells = vec![];
    if known.is_none() || name != before.name {
        let customer = Customer { handle: from.to_owned(), name: name.clone() };
        let channel = ChannelKind::WhatsappCloud.as_str().to_owned();
        tells.push((By::System, Command::Describe { channel, customer }));
    }
    let aside = is_aside(said);
    // Overtaken by a later one, it is kept and moves nothing more.
    let moves = match aside {
        true => Moves::Aside,
        false if at.0 < before.wrote => Moves::Nothing,
        false => Moves::Everything,
    };
    let (message_id, text, said_at) = (id.to_owned(), words(said), Some(at));
    let heard = Command::Heard { message_id, from: Writer::Customer, agent_id: None, text, moves, said_at };
    tells.push((By::Customer, heard));
    let wrote = if aside { before.wrote } else { before.wrote.max(at.0) };
    let after = Known { name, wrote };
    let known = (known.is_none() || after != before).then(|| serde_json::to_string(&after).ok()).flatten();
    Heard { kind, tells, known, overheard: None }
}

/// Whether it is no words of the customer's: a reaction to what was said, or the channel's own note (a new number).
fn is_aside(message: &Value) -> bool {
    matches!(text(message, "type"), Some("reaction" | "system"))
}

/// A person answered beside us: who they are nobody says.
fn echo(said: &Value, row: &InboxRow, known: Option<&str>) -> Heard {
    let before: Known = known.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let (Some(id), Some(to)) = (text(said, "id").filter(|id| id.len() <= RoomId::MAX_BYTES), text(said, "to")) else {
        return Heard { kind: "unknown", ..Heard::default() };
    };
    let at = time(said).filter(|at| *at <= row.received_at.plus_ms(MOST_AHEAD_MS)).unwrap_or(row.received_at);
    let mut tells = vec![];
    if known.is_none() {
        let customer = Customer { handle: to.to_owned(), name: None };
        let channel = ChannelKind::WhatsappCloud.as_str().to_owned();
        tells.push((By::System, Command::Describe { channel, customer }));
    }
    let moves = match is_aside(said) {
        true => Moves::Aside,
        // The customer has written since.
        false if at.0 < before.wrote => Moves::Nothing,
        false => Moves::Everything,
    };
    let (message_id, text, said_at) = (id.to_owned(), words(said), Some(at));
    let heard = Command::Heard { message_id, from: Writer::Agent, agent_id: None, text, moves, said_at };
    tells.push((By::System, heard));
    let known = known.is_none().then(|| serde_json::to_string(&before).ok()).flatten();
    Heard { kind: "message_from_person", tells, known, overheard: None }
}

/// What the customer wrote, or what stands in for it: `[image: bill]`.
fn words(message: &Value) -> String {
    let kind = text(message, "type").unwrap_or("message");
    let part = &message[kind];
    let said = match kind {
        "text" => text(part, "body"),
        "button" => text(part, "text"),
        "interactive" => ["button_reply", "list_reply"].into_iter().find_map(|of| text(&part[of], "title")),
        _ => None,
    };
    let beside = ["caption", "filename", "name", "emoji"].into_iter().find_map(|key| text(part, key));
    match (said, beside) {
        (Some(said), _) => cut(said, MOST_TEXT),
        (None, Some(beside)) => format!("[{}: {}]", cut(kind, 40), cut(beside, MOST_TEXT - 64)),
        (None, None) => format!("[{}]", cut(kind, 40)),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or_default()].to_owned()
}

/// Seconds since 1970, as a text.
fn time(value: &Value) -> Option<Timestamp> {
    let seconds: i64 = value["timestamp"].as_str().and_then(|text| text.parse().ok()).or_else(|| value["timestamp"].as_i64())?;
    seconds.checked_mul(1_000_000).filter(|at| *at > 0).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::CallKey;

    const OURS: Option<&str> = Some("106");

    fn webhook(value: &Value) -> Vec<u8> {
        let mut value = value.clone();
        value["metadata"] = json!({"phone_number_id": "106"});
        json!({"object": "whatsapp_business_account", "entry": [{"changes": [{"value": value, "field": "messages"}]}]})
            .to_string()
            .into_bytes()
    }

    fn row(sheet: &Sheet) -> InboxRow {
        let (body, room) = (sheet.body.as_str().into(), sheet.label.room.clone());
        let received_at = Timestamp(2_000_000_000_000_000);
        let source = ChannelKind::WhatsappCloud;
        InboxRow { position: 1, company: CompanyNo(1), source, room, body, received_at, emails: vec![] }
    }

    #[test]
    fn a_webhook_of_many_is_a_sheet_for_each() {
        let message =
            |id: &str, from: &str| json!({"from": from, "id": id, "timestamp": "1", "type": "text", "text": {"body": "hi"}});
        let contacts = json!([{"profile": {"name": "Rina"}, "wa_id": "62812"}]);
        let body = webhook(&json!({"contacts": contacts, "messages": [message("a", "62812"), message("b", "62813")]}));
        let all = sheets(CompanyNo(1), OURS, &body).unwrap();
        let rooms: Vec<&str> = all.iter().map(|sheet| sheet.label.room.as_ref().unwrap().as_str()).collect();
        assert_eq!(rooms, ["wa-106-62812", "wa-106-62813"]);
        let heard = hear(&row(&all[0]), None);
        let customer = Customer { handle: "62812".into(), name: Some("Rina".into()) };
        assert_eq!(heard.tells[0].1, Command::Describe { channel: "whatsapp_cloud".into(), customer });
        assert!(matches!(&heard.tells[1].1, Command::Heard { text, moves: Moves::Everything, .. } if text == "hi"));
        // Known by now, and told again.
        assert_eq!(hear(&row(&all[0]), heard.known.as_deref()).tells.len(), 1);
        assert_eq!(sheets(CompanyNo(1), OURS, &body).unwrap()[0].label, all[0].label);
        assert_ne!(sheets(CompanyNo(2), OURS, &body).unwrap()[0].label.key, all[0].label.key);
    }

    #[test]
    fn what_was_overtaken_moves_nothing() {
        let message = |seconds: &str| json!({"from": "62812", "id": "a", "timestamp": seconds, "type": "image", "image": {"caption": "bill"}});
        let of =
            |seconds: &str| sheets(CompanyNo(1), OURS, &webhook(&json!({"messages": [message(seconds)]}))).unwrap().remove(0);
        let heard = hear(&row(&of("1900000000")), None);
        let late = hear(&row(&of("1800000000")), heard.known.as_deref());
        assert!(matches!(&late.tells[0].1, Command::Heard { text, moves: Moves::Nothing, .. } if text == "[image: bill]"));
    }

    #[test]
    fn a_status_belongs_to_the_room_its_reference_names() {
        let reference =
            Reference { effect: CallKey([3; 16]), retries: 0, part: 1, file: true, room: RoomId::new("order-7").unwrap() };
        let of = |callback: &str| {
            let status =
                json!({"id": "wamid.1", "status": "sent", "recipient_id": "62812", "biz_opaque_callback_data": callback});
            sheets(CompanyNo(1), OURS, &webhook(&json!({ "statuses": [status] }))).unwrap().remove(0)
        };
        let ours = of(&reference.to_text());
        let told = hear(&row(&ours), None).tells;
        assert!(matches!(&told[..], [(By::System, Command::DeliveryTold(word))] if word.step == Step::Sent));
        // The words before a file are not the file.
        let words = of(&Reference { file: false, ..reference.clone() }.to_text());
        assert!(words.echo.is_some() && hear(&row(&words), None).tells.is_empty());
        assert_eq!(ours.label.room.unwrap().as_str(), "order-7");
        assert_eq!(ours.echo, Some(Echo { effect: CallKey([3; 16]), part: 1, message_id: "wamid.1".into() }));
        let failed = json!({"id": "wamid.1", "status": "failed", "biz_opaque_callback_data": reference.to_text()});
        let failed = sheets(CompanyNo(1), OURS, &webhook(&json!({ "statuses": [failed] }))).unwrap().remove(0);
        assert_eq!(failed.echo, None, "what failed is no proof that it was taken");
        assert_eq!(hear(&row(&failed), None).tells.len(), 1, "but the room hears of it");
        let theirs = of("somebody else's");
        assert_eq!((theirs.label.room.unwrap().as_str(), theirs.echo), ("wa-106-62812", None));
    }

    #[test]
    fn a_reaction_is_no_message() {
        let of = |kind: &str, part: Value| {
            let mut message = json!({"from": "62812", "id": kind, "timestamp": "1900000000", "type": kind});
            message[kind] = part;
            sheets(CompanyNo(1), OURS, &webhook(&json!({ "messages": [message] }))).unwrap().remove(0)
        };
        let thumb = hear(&row(&of("reaction", json!({"message_id": "wamid.1", "emoji": "👍"}))), None);
        assert!(matches!(&thumb.tells[1].1, Command::Heard { text, moves: Moves::Aside, .. } if text.contains("reaction")));
        let known: Known = serde_json::from_str(&thumb.known.unwrap()).unwrap();
        assert_eq!(known.wrote, 0, "what was written before it is not late by it");
        // What cannot be shown is still something that was said.
        let strange = hear(&row(&of("unsupported", json!({}))), None);
        assert!(matches!(&strange.tells[1].1, Command::Heard { moves: Moves::Everything, .. }));
    }

    #[test]
    fn what_a_person_writes_on_the_telephone_is_heard_as_theirs() {
        let echo = json!({"from": "15550", "to": "62812", "id": "wamid.9", "timestamp": "1900000000", "type": "text",
            "text": {"body": "I will call you"}});
        let sheet = sheets(CompanyNo(1), OURS, &webhook(&json!({ "message_echoes": [echo] }))).unwrap().remove(0);
        assert_eq!(sheet.label.room.as_ref().unwrap().as_str(), "wa-106-62812");
        let heard = hear(&row(&sheet), None);
        assert_eq!(heard.kind, "message_from_person");
        assert!(matches!(&heard.tells[1].1,
            Command::Heard { from: Writer::Agent, text, moves: Moves::Everything, .. } if text == "I will call you"));
    }

    #[test]
    fn a_webhook_of_very_many_is_heard_to_its_end() {
        let status = |n: usize| json!({"id": format!("wamid.{n}"), "status": "sent", "recipient_id": "62812"});
        let many = |n: usize| webhook(&json!({ "statuses": (0..n).map(status).collect::<Vec<_>>() }));
        assert_eq!(sheets(CompanyNo(1), OURS, &many(1_500)).unwrap().len(), 1_500);
        let all = sheets(CompanyNo(1), OURS, &many(MOST_SHEETS + 7)).unwrap();
        assert_eq!((all.len(), &all[MOST_SHEETS].label.room), (MOST_SHEETS + 1, &None));
        assert!(all[MOST_SHEETS].body.contains(&format!("wamid.{}", MOST_SHEETS + 6)), "the rest is kept");
    }

    #[test]
    fn what_is_told_of_another_number_makes_no_room() {
        let message = json!({"from": "62812", "id": "a", "timestamp": "1", "type": "text", "text": {"body": "hi"}});
        let status = json!({"id": "b", "status": "sent", "recipient_id": "62812"});
        let body = webhook(&json!({"messages": [message], "statuses": [status]}));
        for account in [Some("107"), None] {
            let all = sheets(CompanyNo(1), account, &body).unwrap();
            assert_eq!((all.len(), &all[0].label.room), (1, &None), "{account:?}");
            let heard = hear(&row(&all[0]), None);
            assert!(heard.kind == "unknown" && heard.tells.is_empty());
        }
        assert_eq!(sheets(CompanyNo(1), OURS, &body).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_understood_is_kept_and_moves_nothing() {
        for body in [&b""[..], b"[]", b"7", b"\xff"] {
            assert!(sheets(CompanyNo(1), OURS, body).is_none());
        }
        for body in ["{}", r#"{"entry":7}"#, r#"{"entry":[{"changes":[{"value":{"messages":[{}]}}]}]}"#] {
            let all = sheets(CompanyNo(1), OURS, body.as_bytes()).unwrap();
            assert_eq!((all.len(), &all[0].label.room), (1, &None), "{body}");
            assert!(hear(&row(&all[0]), None).tells.is_empty());
        }
    }
}

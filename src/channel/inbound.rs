//! Qontak's webhooks as plain data (qontak-api.md 2.6). Pure. What a payload does not say is absent, what nobody documented is
//! `Unknown`; nothing here decides what a room makes of it.

use serde_json::{Map, Value};

use crate::room::delivery::{DeliveryWord, Failure, Step};
use crate::room::{RoomId, Timestamp, Writer};

use super::echo::{self, Echo};

/// Longest text of a message, in bytes, as at our own door.
pub const MOST_TEXT: usize = 16 * 1024;
/// Longest name of a customer, a person or a channel.
const MOST_NAME: usize = 256;
/// Tags beyond these are not a conversation's.
const MOST_TAGS: usize = 200;
const LONGEST_TAG: usize = 200;

/// Somebody who answers customers there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// Where the conversation is and with whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct About {
    pub channel: String,
    pub handle: String,
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Somebody wrote. A message by our own bot is an echo.
    Message {
        id: String,
        from: Writer,
        person: Option<Person>,
        text: String,
    },
    /// A message went on in its life; `None`: in no way that matters here.
    Status(Option<DeliveryWord>),
    /// `agents`: who is in the room since then; `None`: not said.
    Assigned {
        person: Person,
        agents: Option<Vec<String>>,
    },
    Unassigned {
        person: Person,
        agents: Option<Vec<String>>,
    },
    Resolved {
        person: Option<Person>,
    },
    Updated {
        tags: Option<Vec<String>>,
    },
    Created,
    Unknown,
}

impl Told {
    /// For the metric.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Message { from: Writer::Customer, .. } => "message_from_customer",
            Self::Message { from: Writer::Agent, .. } => "message_from_person",
            Self::Message { from: Writer::AiAgent, .. } => "message_from_bot",
            Self::Status(_) => "status",
            Self::Assigned { .. } => "assigned",
            Self::Unassigned { .. } => "unassigned",
            Self::Resolved { .. } => "resolved",
            Self::Updated { .. } => "updated",
            Self::Created => "created",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub room: Option<RoomId>,
    /// When it happened there.
    pub at: Option<Timestamp>,
    pub about: Option<About>,
    pub told: Told,
    /// It is about a message of the bot's.
    pub echo: Option<Echo>,
    /// What tells it from others of its kind; equal for what was told twice. `None`: only all of it does.
    pub identity: Option<String>,
}

impl Webhook {
    /// People it names by an id alone.
    pub fn strangers(&self) -> Vec<&str> {
        let (person, agents) = match &self.told {
            Told::Assigned { person, agents } | Told::Unassigned { person, agents } => (Some(person), agents.as_deref()),
            Told::Message { person, .. } | Told::Resolved { person } => (person.as_ref(), None),
            _ => (None, None),
        };
        let person = person.filter(|person| person.email.is_none()).map(|person| person.id.as_str());
        person.into_iter().chain(agents.unwrap_or_default().iter().map(String::as_str)).collect()
    }
}

/// `None`: it is not one JSON object.
pub fn read(body: &[u8]) -> Option<Webhook> {
    let body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let of = text(&body, "data_event").unwrap_or_default();
    Some(match of {
        "receive_message_from_customer" | "receive_message_from_agent" => message(&body),
        "status_message" => Webhook { told: Told::Status(status(&body)), ..message(&body) },
        "assigned" | "handover" | "unassigned" => responsibility(&body, of),
        "room_resolved" | "room_updated" | "room_created" => room_event(&body, of),
        _ => {
            let room = room_id(text(&body, "room_id"));
            Webhook { room, at: None, about: None, told: Told::Unknown, echo: None, identity: None }
        }
    })
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn part<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    object.get(key)?.as_object()
}

fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or_default()].to_owned()
}

fn room_id(id: Option<&str>) -> Option<RoomId> {
    RoomId::new(id?).ok()
}

fn time(object: &Map<String, Value>, keys: &[&str]) -> Option<Timestamp> {
    let read = |key: &&str| text(object, key)?.parse::<jiff::Timestamp>().ok();
    keys.iter().find_map(read).map(|at| Timestamp(at.as_microsecond()))
}

fn about(room: &Map<String, Value>) -> Option<About> {
    let channel = text(room, "channel")?;
    let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let channel: String = channel.chars().map(|c| if token(c) { c } else { '_' }).take(64).collect();
    let handle = cut(text(room, "account_uniq_id").unwrap_or_default(), MOST_NAME);
    Some(About { channel, handle, name: text(room, "name").map(|name| cut(name, MOST_NAME)) })
}

/// The first of these parts that is a person; `id` where it stands outside of it.
fn person(body: &Map<String, Value>, parts: &[&str], id: Option<&str>) -> Option<Person> {
    let found = parts.iter().find_map(|name| part(body, name));
    let said = |keys: &[&str]| keys.iter().find_map(|key| text(found?, key)).map(|text| cut(text, MOST_NAME));
    let id = id.map(str::to_owned).or_else(|| said(&["id", "user_id"]))?;
    Some(Person { id, name: said(&["full_name", "name"]), email: said(&["email"]) })
}

fn message(body: &Map<String, Value>) -> Webhook {
    let room = part(body, "room");
    let id = text(body, "id").unwrap_or_default();
    // "Agent" is also what the bot's own messages are announced as.
    let (from, person) = match text(body, "participant_type") {
        Some("customer") => (Writer::Customer, None),
        Some("bot" | "system" | "system_account" | "broadcast") => (Writer::AiAgent, None),
        // Whoever is not known to be a program is taken for a person: the AI agent rather keeps quiet.
        Some(_) => (Writer::Agent, person(body, &["sender"], text(body, "sender_id"))),
        None if text(body, "data_event") == Some("receive_message_from_customer") => (Writer::Customer, None),
        None => (Writer::Agent, person(body, &["sender"], text(body, "sender_id"))),
    };
    let written = body.get("text").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let event = text(body, "data_event").unwrap_or_default();
    let status = if event == "status_message" { text(body, "status").unwrap_or_default() } else { "" };
    let room_id = room_id(text(body, "room_id").or_else(|| room.and_then(|room| text(room, "id"))));
    Webhook {
        at: time(body, &["created_at"]),
        about: room.and_then(about),
        echo: (from == Writer::AiAgent && is_id(id)).then(|| echo_of(body, id)).flatten(),
        identity: (!id.is_empty()).then(|| format!("{event}\n{}\n{id}\n{status}", room_id.as_ref().map_or("", RoomId::as_str))),
        room: room_id,
        told: if !is_id(id) {
            Told::Unknown
        } else {
            Told::Message {
                id: id.to_owned(),
                from,
                person,
                text: written.map_or_else(|| placeholder(body), |text| cut(text, MOST_TEXT)),
            }
        },
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= RoomId::MAX_BYTES
}

/// `None`: nobody could tell it from another.
fn echo_of(body: &Map<String, Value>, id: &str) -> Option<Echo> {
    let (kind, file) = (text(body, "type")?, part(body, "file"));
    let words = file.map_or_else(|| text(body, "text"), |file| text(file, "filename"))?;
    let size = file.and_then(|file| file.get("size")?.as_u64());
    Some(Echo { id: id.to_owned(), content: echo::content(kind, words), size, at: 0 })
}

/// What stands in for a message without a text: `[image: bill.png]`.
fn placeholder(body: &Map<String, Value>) -> String {
    let kind = text(body, "type").unwrap_or("message");
    match part(body, "file").and_then(|file| text(file, "filename")) {
        Some(name) => format!("[{}: {}]", cut(kind, 40), cut(name, MOST_NAME)),
        None => format!("[{}]", cut(kind, 40)),
    }
}

/// The channel names the message by its own id only, and gives no reason for a failure.
fn status(body: &Map<String, Value>) -> Option<DeliveryWord> {
    let step = match text(body, "status")? {
        "sent" => Step::Sent,
        "delivered" => Step::Delivered,
        "read" => Step::Read,
        "failed" => Step::Failed(Failure { code: 0, title: "the channel could not deliver it".into() }),
        _ => return None,
    };
    let of_bot = !matches!(text(body, "participant_type"), Some("customer"));
    let message_id = text(body, "id").filter(|id| of_bot && id.len() <= RoomId::MAX_BYTES)?.to_owned();
    Some(DeliveryWord { effect: None, attempt: 0, message_id, step, older: None })
}

fn responsibility(body: &Map<String, Value>, of: &str) -> Webhook {
    let room = part(body, "room");
    let list = room.and_then(|room| room.get("agent_ids")?.as_array());
    let agents = list.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let id = ["agent_id", "user_id", "assignee_id"].iter().find_map(|key| text(body, key));
    let who = person(body, &["agent", "user", "assignee"], id);
    let told = match who {
        Some(person) if of == "unassigned" => Told::Unassigned { person, agents },
        Some(person) => Told::Assigned { person, agents },
        None => Told::Unknown,
    };
    let at = time(body, &["created_at", "timestamp"]).or_else(|| time(room?, &["updated_at"]));
    let room_id = room_id(text(body, "room_id").or_else(|| room.and_then(|room| text(room, "id"))));
    let identity = match (&room_id, &told, at) {
        (Some(room), Told::Assigned { person, .. } | Told::Unassigned { person, .. }, Some(at)) => {
            Some(format!("{of}\n{room}\n{}\n{}", person.id, at.0))
        }
        _ => None,
    };
    Webhook { room: room_id, at, about: room.and_then(about), told, echo: None, identity }
}

fn room_event(body: &Map<String, Value>, of: &str) -> Webhook {
    // Some senders put the room into a part of its own.
    let room = part(body, "room").unwrap_or(body);
    let room_id = room_id(text(room, "id").or_else(|| text(body, "room_id")));
    let at = match of {
        "room_resolved" => time(room, &["resolved_at", "updated_at"]),
        "room_created" => time(room, &["created_at", "updated_at"]),
        _ => time(room, &["updated_at"]),
    };
    let told = match of {
        "room_resolved" => Told::Resolved { person: person(room, &["resolved_by"], text(room, "resolved_by_id")) },
        "room_created" => Told::Created,
        _ => Told::Updated { tags: room.get("tags").and_then(Value::as_array).map(|tags| names(tags)) },
    };
    // A room's own id says nothing: it is told often, each time as it is then.
    let updated = time(room, &["updated_at"]).or(at);
    let identity = match (&room_id, updated) {
        (Some(room), Some(at)) if of != "room_updated" => Some(format!("{of}\n{room}\n{}", at.0)),
        _ => None,
    };
    Webhook { room: room_id, at, about: about(room), told, echo: None, identity }
}

/// Names of tags, each once.
fn names(tags: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for tag in tags.iter().take(MOST_TAGS) {
        let name = tag.as_str().or_else(|| tag.get("name")?.as_str()).map(str::trim);
        let sound = name.filter(|name| !name.is_empty() && name.len() <= LONGEST_TAG);
        if let Some(name) = sound
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Webhook {
        super::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_message_says_who_wrote_what_and_when() {
        let body = json!({
            "id": "m1", "type": "text", "room_id": "r1", "text": "hello", "participant_type": "customer", "sender_id": "62",
            "status": "delivered", "created_at": "2026-11-20T10:32:00.500Z", "webhook_event": "message_interaction",
            "data_event": "receive_message_from_customer", "unheard_of": {"deep": [1]},
            "room": {"id": "r1", "channel": "wa_cloud", "account_uniq_id": "62812", "name": "Budi", "updated_at": "x"},
        });
        let heard = read(&body);
        assert_eq!(heard.room.unwrap().as_str(), "r1");
        assert_eq!(heard.at, Some(Timestamp(1_795_170_720_500_000)));
        assert_eq!(heard.about.unwrap(), About { channel: "wa_cloud".into(), handle: "62812".into(), name: Some("Budi".into()) });
        assert!(
            matches!(heard.told, Told::Message { id, from: Writer::Customer, person: None, text } if id == "m1" && text == "hello")
        );
        let mut bot = body.clone();
        (bot["participant_type"], bot["data_event"]) = (json!("bot"), json!("receive_message_from_agent"));
        assert_eq!(read(&bot).told.kind(), "message_from_bot");
        let mut file = body.clone();
        (file["text"], file["type"], file["file"]) = (Value::Null, json!("image"), json!({"filename": "bill.png"}));
        assert!(matches!(read(&file).told, Told::Message { text, .. } if text == "[image: bill.png]"));
        let mut long = body;
        long["text"] = json!("é".repeat(20_000));
        assert!(matches!(read(&long).told, Told::Message { text, .. } if text.len() <= MOST_TEXT));
    }

    #[test]
    fn only_what_the_bot_said_is_an_echo() {
        let mut body = json!({
            "id": "m1", "type": "image", "room_id": "r1", "text": null, "participant_type": "bot", "created_at": "2026-11-20T10:00:00Z",
            "file": {"filename": "map.png", "size": 70}, "data_event": "receive_message_from_agent",
        });
        let echo = read(&body).echo.unwrap();
        assert_eq!(echo, Echo { id: "m1".into(), content: echo::content("image", "map.png"), size: Some(70), at: 0 });
        // It goes on in its life, and is still the same message.
        (body["data_event"], body["status"]) = (json!("status_message"), json!("sent"));
        assert_eq!(read(&body).echo, Some(echo));
        assert!(matches!(read(&body).told, Told::Status(_)));
        for (key, value) in [
            ("participant_type", json!("customer")),
            ("participant_type", json!("agent")),
            ("id", json!("")),
            ("file", Value::Null),
        ] {
            let mut other = body.clone();
            other[key] = value;
            assert_eq!(read(&other).echo, None, "{other}");
        }
    }

    #[test]
    fn who_has_the_room_and_how_it_ended() {
        let room =
            json!({"id": "r1", "agent_ids": ["p1", "p2"], "updated_at": "2026-11-20T10:32:00Z", "tags": ["a", "a", "", 7, "b"]});
        let heard = read(&json!({"room_id": "r1", "agent_id": "p2", "room": room, "data_event": "assigned"}));
        let person = Person { id: "p2".into(), ..Person::default() };
        assert_eq!(heard.told, Told::Assigned { person, agents: Some(vec!["p1".into(), "p2".into()]) });
        let event = |of: &str| {
            let mut body = room.clone();
            body["data_event"] = json!(of);
            body["resolved_by_id"] = json!("p1");
            read(&body)
        };
        assert!(matches!(event("room_resolved").told, Told::Resolved { person: Some(person) } if person.id == "p1"));
        assert_eq!(event("room_updated").told, Told::Updated { tags: Some(vec!["a".into(), "b".into()]) });
        assert_eq!(event("room_created").told, Told::Created);
    }

    #[test]
    fn what_cannot_be_understood_is_unknown_and_what_is_no_object_is_nothing() {
        for body in [&b""[..], b"[]", b"7", b"{\"a\":", b"\xff", b"{} {}"] {
            assert!(super::read(body).is_none());
        }
        for body in
            [json!({}), json!({"data_event": "moon_landing"}), json!({"data_event": "assigned"}), json!({"data_event": 7})]
        {
            assert_eq!(read(&body).told, Told::Unknown, "{body}");
        }
        assert_eq!(read(&json!({"data_event": "receive_message_from_customer", "text": "no id"})).told, Told::Unknown);
        assert!(read(&json!({"data_event": "room_updated", "id": "two words", "tags": 7})).room.is_none());
    }
}

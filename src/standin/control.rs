//! `/_standin/…`: how a test looks at the stand-in and moves it. No token, no faults, not counted, not in the journal; it must
//! never be reachable from anywhere but this machine, which is why the server binds to loopback by default.

use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call::Later;
use super::chat::{self, Room};
use super::rates::{Promise, Side};
use super::request::{Answer, Content, Incoming, Record};
use super::whatsapp;
use super::world::World;

pub const PREFIX: &str = "/_standin/";

type Outcome = Result<Answer, Answer>;

pub fn answer(world: &mut World, incoming: &Incoming) -> (Answer, Vec<Later>) {
    let mut later = vec![];
    let rest = incoming.path.strip_prefix(PREFIX).unwrap_or_default();
    let answer = match (incoming.method.as_str(), rest) {
        ("GET", "records") => records(world, incoming),
        ("GET", "journal") => journal(world, incoming),
        ("DELETE", "journal") => Ok(done(|| world.journal.clear())),
        ("GET", "rates") => rates(world, incoming),
        ("DELETE", "rates") => Ok(done(|| world.rates.clear())),
        ("GET", "faults") => Ok(data(world.faults.report())),
        ("POST", "faults") => read(incoming).and_then(|fault| world.faults.add(fault).map(data).map_err(|why| wrong(422, &why))),
        ("DELETE", "faults") => Ok(done(|| world.faults.clear())),
        ("POST", "let_go") => Ok(done(|| world.faults.let_go())),
        ("GET", "knobs") => Ok(data(json!(world.knobs))),
        ("PUT", "knobs") => knobs(world, incoming),
        ("POST", "templates") => template(world, incoming),
        ("GET", "under_way") => Ok(data(json!(world.under_way.load(Ordering::SeqCst)))),
        ("GET", "tokens") => Ok(data(world.tokens.all())),
        ("POST", "revoke") => revoke(world, incoming),
        ("POST", "rooms") => room(world, incoming, &mut later),
        ("POST", "divisions") => division(world, incoming),
        ("POST", "people") => person(world, incoming),
        ("POST", "say") => say(world, incoming, &mut later),
        // Where a redirect leads: whoever comes here followed it.
        (_, "trap") => Ok(trapped(world, incoming)),
        ("GET", file) if file.starts_with("files/") => file_bytes(world, file),
        (_, path) => {
            let found = path.strip_prefix("whatsapp/").and_then(|rest| whatsapp::control(world, incoming, rest, &mut later));
            found.unwrap_or_else(|| Err(wrong(404, "there is no such control")))
        }
    };
    (answer.unwrap_or_else(|refusal| refusal), later)
}

fn data(data: Value) -> Answer {
    Answer::json(200, json!({"data": data}))
}

fn done(what: impl FnOnce()) -> Answer {
    what();
    data(Value::Null)
}

fn wrong(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({"error": message}))
}

fn read<T: DeserializeOwned>(incoming: &Incoming) -> Result<T, Answer> {
    serde_json::from_slice(&incoming.body).map_err(|error| wrong(422, &error.to_string()))
}

fn asked(incoming: &Incoming, key: &str) -> Option<String> {
    incoming.query().into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn number<T: std::str::FromStr>(incoming: &Incoming, key: &str) -> Result<Option<T>, Answer> {
    asked(incoming, key).map(|text| text.parse().map_err(|_| wrong(422, &format!("{key} must be a number")))).transpose()
}

fn records(world: &World, incoming: &Incoming) -> Outcome {
    let kind = asked(incoming, "kind").unwrap_or_default();
    let found = world.records(&kind, number(incoming, "org")?);
    found.map(data).ok_or_else(|| {
        wrong(
            422,
            "kind must be deals, tickets, contacts, companies, notes, rooms, messages, whatsapp_messages or whatsapp_media",
        )
    })
}

/// `?org=&method=&path=` (a part of the path) `&unknown=true` (only those with unknown keys).
fn journal(world: &World, incoming: &Incoming) -> Outcome {
    let org: Option<usize> = number(incoming, "org")?;
    let (method, path) = (asked(incoming, "method"), asked(incoming, "path"));
    let only_unknown = asked(incoming, "unknown").as_deref() == Some("true");
    let report = world.journal.report(|entry| {
        org.is_none_or(|org| entry.org == Some(org))
            && method.as_ref().is_none_or(|method| entry.method.eq_ignore_ascii_case(method))
            && path.as_ref().is_none_or(|path| entry.path.contains(path.as_str()))
            && (!only_unknown || !entry.unknown_keys.is_empty())
    });
    Ok(Answer::json(200, report))
}

/// `?per_second=5&burst=5&per_minute=100&minute_burst=100&slack_ms=50&side=crm|chat|whatsapp|all`. Without `side` it is the CRM; without
/// `minute_burst` a whole minute's budget may come at once.
fn rates(world: &World, incoming: &Incoming) -> Outcome {
    let of = |key: &str| number::<f64>(incoming, key);
    let per_second = of("per_second")?;
    let mut promises: Vec<Promise> = vec![];
    if let Some(per_second) = per_second {
        promises.push(Promise { per_second, burst: of("burst")?.unwrap_or(per_second) });
    }
    if let Some(per_minute) = of("per_minute")? {
        promises.push(Promise { per_second: per_minute / 60.0, burst: of("minute_burst")?.unwrap_or(per_minute) });
    }
    let side = match asked(incoming, "side").as_deref() {
        None | Some("crm") => Some(Side::Crm),
        Some("chat") => Some(Side::Chat),
        Some("whatsapp") => Some(Side::Whatsapp),
        Some("all") => None,
        Some(_) => return Err(wrong(422, "side must be crm, chat, whatsapp or all")),
    };
    let slack_us = (of("slack_ms")?.unwrap_or(0.0) * 1_000.0) as i64;
    Ok(data(world.rates.report(side, &promises, slack_us)))
}

/// Changes the knobs it names.
fn knobs(world: &mut World, incoming: &Incoming) -> Outcome {
    let changes: Record = read(incoming)?;
    let mut all = json!(world.knobs);
    for (key, value) in changes {
        all[key] = value;
    }
    world.knobs = serde_json::from_value(all).map_err(|error| wrong(422, &error.to_string()))?;
    Ok(data(json!(world.knobs)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateChange {
    /// `deals`, `tickets`, `contacts`, `pipelines`, `stages`, `ticket_pipelines`, `ticket_stages`.
    kind: String,
    /// The row, by id, name or label.
    row: Value,
    /// Keys of the row as the vendor shows them.
    #[serde(default)]
    set: Record,
    #[serde(default)]
    remove: bool,
}

/// Changes a template under the clients that hold it.
fn template(world: &mut World, incoming: &Incoming) -> Outcome {
    let change: TemplateChange = read(incoming)?;
    let rows = world.templates.rows_mut(&change.kind).ok_or_else(|| wrong(422, "there is no such kind of template"))?;
    let is_it = |row: &Record| ["id", "name", "name_alias"].iter().any(|key| row.get(*key) == Some(&change.row));
    let at = rows.iter().position(is_it).ok_or_else(|| wrong(404, "there is no such row"))?;
    if change.remove {
        return Ok(data(Value::Object(rows.remove(at))));
    }
    rows[at].extend(change.set);
    Ok(data(Value::Object(rows[at].clone())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    /// `crm`, `chat` or `bot`.
    kind: String,
    #[serde(default)]
    org: usize,
    /// Whether only the access token ends, before its time.
    #[serde(default)]
    keeps_refresh: bool,
}

fn revoke(world: &mut World, incoming: &Incoming) -> Outcome {
    let Revoke { kind, org, keeps_refresh } = read(incoming)?;
    if world.tokens.revoke(&kind, org, keeps_refresh) { Ok(data(Value::Null)) } else { Err(wrong(404, "there is no such token")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRoom {
    id: Option<String>,
    #[serde(default = "whatsapp")]
    channel: String,
    customer: String,
    name: Option<String>,
    /// How long ago the customer wrote last; 86,400 and more closes the window.
    #[serde(default)]
    session_ago_s: i64,
}

fn whatsapp() -> String {
    "wa_cloud".into()
}

fn room(world: &mut World, incoming: &Incoming, later: &mut Vec<Later>) -> Outcome {
    let new: NewRoom = read(incoming)?;
    let id = new.id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let id = uuid::Uuid::parse_str(&id).map_err(|_| wrong(422, "id must be a UUID"))?.to_string();
    if let Some(known) = world.chat.rooms.get(&id) {
        let same = known.customer == new.customer && known.channel == new.channel;
        return if same { Ok(data(known.shown())) } else { Err(wrong(409, "this id is another room's")) };
    }
    let mut room = Room::new(id.clone(), new.channel, new.customer, incoming.received);
    room.session_at = incoming.received - jiff::SignedDuration::from_secs(new.session_ago_s);
    if let Some(name) = new.name {
        room.name = name;
    }
    let shown = room.shown();
    later.extend(chat::open(world, room));
    Ok(data(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDivision {
    name: String,
    /// Conversations that each of its people may have at once.
    #[serde(default)]
    most_chats: usize,
}

/// A division of everybody.
fn division(world: &mut World, incoming: &Incoming) -> Outcome {
    let new: NewDivision = read(incoming)?;
    if new.name.trim().is_empty() {
        return Err(wrong(422, "name must say something"));
    }
    let division = chat::founded(&mut world.chat, new.name.trim(), new.most_chats);
    Ok(data(json!({"id": division.id, "name": division.name})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    full_name: String,
    email: String,
}

/// Somebody new answers customers there.
fn person(world: &mut World, incoming: &Incoming) -> Outcome {
    let new: NewPerson = read(incoming)?;
    let person = chat::hired(&mut world.chat, &new.full_name, &new.email);
    Ok(data(json!({"id": person.id, "full_name": person.full_name, "email": person.email})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    room_id: String,
    from: Speaker,
    text: String,
    agent_id: Option<String>,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Speaker {
    Customer,
    Agent,
}

fn say(world: &mut World, incoming: &Incoming, later: &mut Vec<Later>) -> Outcome {
    let said: Say = read(incoming)?;
    let from_customer = said.from == Speaker::Customer;
    let spoken = chat::people_say(world, &said.room_id, from_customer, said.agent_id.as_deref(), &said.text, incoming.received);
    let (message, events) = spoken.ok_or_else(|| wrong(404, "there is no such room"))?;
    later.extend(events);
    Ok(data(message.record()))
}

fn trapped(world: &mut World, incoming: &Incoming) -> Answer {
    world.journal.add(super::journal::Entry {
        at: incoming.received,
        org: None,
        method: incoming.method.clone(),
        path: incoming.path.clone(),
        query: incoming.query.clone(),
        status: Some(200),
        unknown_keys: vec![],
        fault: Some("redirect"),
        body: json!({"had_authorization": incoming.heads.authorization.is_some()}).into(),
    });
    data(json!("followed"))
}

fn file_bytes(world: &World, path: &str) -> Outcome {
    let id = path.trim_start_matches("files/");
    let (file, bytes) = world.chat.files.get(id).ok_or_else(|| wrong(404, "there is no such file, or not any more"))?;
    Ok(Answer::of(200, Content::Bytes { mime: file.mime.clone(), bytes: bytes.clone() }))
}

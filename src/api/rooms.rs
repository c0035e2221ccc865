//! Rooms: making and describing them, reading them and their history, and what was written in them. Reading never wakes a room.

use actix_web::http::header::LOCATION;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::actors::ports::Caller;
use crate::room::{AgentId, By, Cause, Command, Customer, RoomAddress, RoomId, RoomKey, Writer};
use crate::store::{RoomFilter, RoomRow};

use super::page::{List, Turn, bad_cursor};
use super::problem::{self, Kind, Problem};
use super::view::{self, CommandView, RoomView};
use super::visit::{Answer, Visit};
use super::{answer, commands, sent_files, strict};

/// Query parameters of the list.
pub const FILTERS: &[&str] = &["status", "control", "assignee", "limit", "cursor"];
/// Longest message, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;
/// Every byte of a text may be escaped as six.
pub const MAX_MESSAGE_BODY: usize = 6 * MAX_TEXT + 4 * 1024;
/// Largest body that describes a room.
pub const MAX_ROOM_BODY: usize = 16 * 1024;

/// A room as the caller describes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomBody {
    /// Where the conversation is, such as `web_chat`: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    channel: String,
    customer: CustomerBody,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    /// How the channel names them, 1 to 256 bytes.
    handle: String,
    /// 1 to 256 bytes.
    name: Option<String>,
}

/// A new room needs an id that can be one; the sentence says what is wrong with it.
fn room_to_make(visit: &Visit) -> Result<RoomAddress, Problem> {
    visit.room().map_err(|_| {
        let detail = "A room's id is 1 to 128 bytes of visible text without spaces or invisible characters.";
        Problem::new(Kind::InvalidBody, detail)
    })
}

pub async fn put(mut visit: Visit) -> Answer {
    let address = room_to_make(&visit)?;
    let body: RoomBody = visit.json(MAX_ROOM_BODY).await?;
    let token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !(1..=64).contains(&body.channel.len()) || !body.channel.bytes().all(token) {
        return Err(strict::bad("/channel", "A channel is 1 to 64 letters, digits and the signs . _ - only."));
    }
    strict::line("/customer/handle", &body.customer.handle, 256)?;
    if let Some(name) = &body.customer.name {
        strict::line("/customer/name", name, 256)?;
    }
    let customer = Customer { handle: body.customer.handle, name: body.customer.name };
    let command = Command::Describe { channel: body.channel, customer };
    let (done, room) = commands::run(&visit, address, command, visit.caller(), visit.cause()).await?;
    let status = if done.created { problem::CREATED } else { problem::OK };
    let mut response = answer::json(status, &CommandView::of(&done, room));
    if done.created
        && let Ok(location) = visit.http.path().parse()
    {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

async fn find(visit: &Visit) -> Result<RoomRow, Problem> {
    let address = visit.room()?;
    visit.api.queries.room(address.company, &address.room).await?.ok_or_else(Problem::unknown_room)
}

pub async fn get(visit: Visit) -> Answer {
    Ok(answer::json(problem::OK, &RoomView::of(&find(&visit).await?)?))
}

pub async fn list(visit: Visit) -> Answer {
    let one_of = |name: &'static str, allowed: &[&str]| match visit.query(name) {
        Some(text) if !allowed.contains(&text) => {
            Err(Problem::new(Kind::InvalidParameter, format!("{name} is one of: {}.", allowed.join(", "))))
        }
        other => Ok(other.map(String::from)),
    };
    let filter = RoomFilter {
        status: one_of("status", &["open", "waiting", "snoozed", "resolved"])?,
        control: one_of("control", &["bot", "queue", "person", "nobody"])?,
        assignee: match visit.query("assignee") {
            Some(text) if AgentId::new(text).is_err() => {
                return Err(Problem::new(Kind::InvalidParameter, "assignee is not the id of an agent."));
            }
            other => other.map(String::from),
        },
    };
    let turn = Turn::of(&visit, "rooms", &["status", "control", "assignee"])?;
    let key = |bytes: &Vec<u8>| uuid::Uuid::from_slice(bytes).map(RoomKey).map_err(|_| bad_cursor());
    let after = turn.after.as_ref().map(key).transpose()?;
    let rows = visit.api.queries.rooms(visit.key.company, filter, after, turn.ask()).await?;
    let List { data, page } = turn.page(rows, |row| row.key.0.as_bytes().to_vec(), |row| RoomView::of(&row));
    let data = data.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(answer::json(problem::OK, &List { data, page }))
}

pub async fn timeline(visit: Visit) -> Answer {
    let address = visit.room()?;
    let turn = Turn::of(&visit, &format!("timeline/{}", address.room), &[])?;
    let after = turn.after_number()?.unwrap_or(0);
    let events = visit.api.queries.timeline(address.company, &address.room, after, turn.ask()).await?;
    let events = events.ok_or_else(Problem::unknown_room)?;
    let links = sent_files::shown(&visit.api, address.company, &events).await?;
    let List { data, page } = turn.page(
        events.into_iter().zip(links).collect(),
        |(event, _)| event.seq.to_le_bytes().to_vec(),
        |(event, link)| view::event(&event, false, link),
    );
    let data: Option<Vec<_>> = data.into_iter().collect();
    let data = data.ok_or_else(|| Problem::new(Kind::StorageUnavailable, "This history cannot be read."))?;
    Ok(answer::json(problem::OK, &List { data, page }))
}

/// Who wrote a message.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    Customer,
    Agent,
    AiAgent,
}

/// What somebody wrote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBody {
    from: Sender,
    /// The agent who wrote, if `from` is `agent`.
    agent_id: Option<String>,
    /// 1 to 16,384 bytes.
    text: String,
    /// The channel's own id of the message, 1 to 128 bytes: the same id is taken once.
    message_id: String,
}

pub async fn message(mut visit: Visit) -> Answer {
    let address = room_to_make(&visit)?;
    let body: MessageBody = visit.json(MAX_MESSAGE_BODY).await?;
    strict::text("/text", &body.text, MAX_TEXT)?;
    // The same characters as an id of a room: what hides or reorders text is no identity.
    if RoomId::new(&body.message_id).is_err() {
        return Err(strict::bad("/message_id", "It must be 1 to 128 bytes of visible text without spaces."));
    }
    let agent_id = match (&body.agent_id, body.from) {
        (None, _) => None,
        (Some(text), Sender::Agent) => {
            Some(AgentId::new(text).map_err(|_| strict::bad("/agent_id", "It is not the id of an agent."))?)
        }
        (Some(_), _) => return Err(strict::bad("/agent_id", "Only a message from an agent has one.")),
    };
    let (from, by) = match (body.from, &agent_id) {
        (Sender::Customer, _) => (Writer::Customer, By::Customer),
        (Sender::Agent, Some(agent)) => (Writer::Agent, By::Agent(agent.clone())),
        (Sender::Agent, None) => (Writer::Agent, visit.key.by()),
        (Sender::AiAgent, _) => (Writer::AiAgent, visit.key.by()),
    };
    let caller = Caller { by, ..visit.caller() };
    let cause = Cause::Message(body.message_id.as_str().into());
    let command = Command::Message { message_id: body.message_id, from, agent_id, text: body.text };
    let (done, room) = commands::run(&visit, address, command, caller, cause).await?;
    let status = if done.changed { problem::CREATED } else { problem::OK };
    Ok(answer::json(status, &CommandView::of(&done, room)))
}

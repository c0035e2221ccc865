//! How rooms, calls and events look from outside. Must never show a store's own key.

use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::actors::RoomSummary;
use crate::room::{CallStatus, CommandAnswer, Control, Customer, Lifecycle, Room, Timestamp};
use crate::store::{CallRow, RoomRow, StoredEvent};

use super::answer;
use super::deliveries::{self, DeliveryView};
use super::problem::{Kind, Problem};
use super::sent_files::LinkView;

/// UTC with milliseconds and `Z`.
pub fn iso(at: Timestamp) -> String {
    static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    PRINTER.timestamp_to_string(&at)
}

/// The customer as the channel names them.
#[derive(Serialize, ToSchema)]
pub struct CustomerView {
    pub handle: String,
    pub name: Option<String>,
}

/// A call that waits.
#[derive(Serialize, ToSchema)]
pub struct ParkedView {
    pub call_id: String,
    /// `pause` or `offer`.
    pub on: &'static str,
}

/// What people did with a conversation that did not come about in its channel's own inbox.
#[derive(Serialize, ToSchema)]
pub struct NotThereView {
    /// The call by which the channel was told; it says more.
    pub call_id: String,
    /// How that ended.
    pub status: &'static str,
    pub code: Option<String>,
}

/// A room.
#[derive(Serialize, ToSchema)]
pub struct RoomView {
    pub id: String,
    /// `open`, `waiting`, `snoozed` or `resolved`.
    pub status: &'static str,
    /// When a snoozed room wakes by itself.
    pub snoozed_until: Option<String>,
    /// `bot`, `queue`, `person` or `nobody`.
    pub control: &'static str,
    /// As they are shown.
    pub tags: Vec<String>,
    /// The agent who holds it.
    pub assignee: Option<String>,
    /// Who has it is not so in the channel's own inbox: it was told, and did not do it. Here it counts all the same.
    pub not_in_channel: Option<NotThereView>,
    /// Sequence number of its last event.
    pub version: i64,
    /// Moves whenever control moves.
    pub epoch: i64,
    /// Moves with each reopening.
    pub episode: u32,
    pub channel: String,
    pub customer: CustomerView,
    pub paused: bool,
    /// Sequence number of the customer's last message; 0 before the first.
    pub last_inbound_seq: i64,
    pub parked: Vec<ParkedView>,
    /// Files on their way and on the customer's side, oldest first, the last 20.
    pub deliveries: Vec<DeliveryView>,
    pub created_at: String,
    pub last_event_at: String,
}

impl RoomView {
    pub fn of(row: &RoomRow) -> Result<Self, Problem> {
        let room = snapshot(row)?;
        let Customer { handle, name } = Customer::clone(&room.customer);
        let parked = room.parked.iter().map(|call| ParkedView { call_id: call.call_id.to_string(), on: call.on.as_str() });
        Ok(Self {
            id: row.id.to_string(),
            status: room.lifecycle.as_str(),
            snoozed_until: match room.lifecycle {
                Lifecycle::Snoozed { until } => Some(iso(until)),
                _ => None,
            },
            control: room.control.as_str(),
            assignee: match &room.control {
                Control::Person { agent, .. } => Some(agent.to_string()),
                _ => None,
            },
            not_in_channel: room.not_there().map(|told| NotThereView {
                call_id: told.call_id.to_string(),
                status: told.status.as_str(),
                code: told.code.clone(),
            }),
            parked: parked.collect(),
            deliveries: deliveries::all(&room),
            tags: room.tags.iter().map(|tag| tag.shown.clone()).collect(),
            version: room.version,
            epoch: room.epoch,
            episode: room.episode,
            channel: room.channel,
            customer: CustomerView { handle, name },
            paused: room.paused,
            last_inbound_seq: room.last_inbound_seq,
            created_at: iso(row.created_at),
            last_event_at: iso(room.last_event_at),
        })
    }
}

pub(super) fn snapshot(row: &RoomRow) -> Result<Room, Problem> {
    serde_json::from_slice(&row.snapshot).map_err(|error| {
        tracing::error!(%error, "a room's snapshot cannot be read");
        Problem::new(Kind::StorageUnavailable, "This room cannot be read.")
    })
}

/// The summary of a room nobody had to wake.
pub fn summary(row: &RoomRow) -> Result<RoomSummary, Problem> {
    Ok(RoomSummary::of(&row.id, &snapshot(row)?))
}

/// The part of a room that every answer about it carries.
#[derive(Serialize, ToSchema)]
pub struct SummaryView {
    pub id: String,
    pub version: i64,
    pub epoch: i64,
    pub status: &'static str,
    pub control: &'static str,
    pub last_inbound_seq: i64,
    /// What the AI agent has to know on its next turn: a file that did not arrive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

impl From<RoomSummary> for SummaryView {
    fn from(room: RoomSummary) -> Self {
        Self {
            id: room.id.to_string(),
            version: room.version,
            epoch: room.epoch,
            status: room.status,
            control: room.control,
            last_inbound_seq: room.last_inbound_seq,
            notices: room.notices,
        }
    }
}

/// What a command came to.
#[derive(Serialize, ToSchema)]
pub struct CommandView {
    /// False: it was already so.
    pub changed: bool,
    /// The call by which it is being done in the inbox where the conversation lives: how that ends is told under its id, and
    /// in the room (`not_in_channel`) if it came to nothing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    pub room: SummaryView,
}

impl CommandView {
    pub fn of(done: &CommandAnswer, room: RoomSummary) -> Self {
        Self { changed: done.changed, call_id: done.call_id.as_ref().map(ToString::to_string), room: room.into() }
    }
}

/// One line of a room's history; the fields of its `type` stand beside these.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: the fact's own fields are spliced in as they are stored")]
pub struct EventView {
    seq: i64,
    at: String,
    by: String,
    cause: String,
    cause_kind: String,
    r#type: String,
    /// With `attachment_sent`, unless it was revoked.
    link: Option<LinkView>,
}

/// One event as JSON; `room` names its room where a list holds those of many; `link` leads to the file it says was sent.
pub fn event(event: &StoredEvent, room: bool, link: Option<LinkView>) -> Option<Box<RawValue>> {
    #[derive(Serialize)]
    struct Head<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        room_id: Option<&'a str>,
        seq: i64,
        at: String,
        by: &'a str,
        cause: &'a str,
        cause_kind: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<LinkView>,
    }
    let head = Head {
        link,
        room_id: room.then(|| event.room.as_str()),
        seq: event.seq,
        at: iso(event.at),
        by: &event.by,
        cause: &event.cause,
        cause_kind: &event.cause_kind,
    };
    let mut out = serde_json::to_vec(&head).ok()?;
    if matches!(&*event.kind, "room_snoozed" | "message_received" | "person_typing" | "goodbye_granted" | "barrier_raised") {
        // The facts with a time inside: stored in microseconds, shown like every other time.
        let mut fact: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&event.payload).ok()?;
        for key in ["until", "said_at"] {
            if let Some(at) = fact.get(key).and_then(serde_json::Value::as_i64) {
                fact.insert(key.into(), iso(Timestamp(at)).into());
            }
        }
        answer::splice(&mut out, &serde_json::to_string(&fact).ok()?);
    } else {
        answer::splice(&mut out, &event.payload);
    }
    RawValue::from_string(String::from_utf8(out).ok()?).ok()
}

/// A function-call as it stands: the object of `calls[]`, and where and when it was.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: result or error is spliced in as it is stored")]
pub struct CallView {
    call_id: String,
    tool_call_id: Option<String>,
    name: String,
    status: String,
    replayed: bool,
    result: Option<serde_json::Value>,
    error: Option<serde_json::Value>,
    /// What an open call waits for.
    parked_on: Option<String>,
    /// What it would run with, while it waits for a person's yes.
    arguments: Option<serde_json::Value>,
    /// How far the file it sends got.
    delivery: Option<DeliveryView>,
    room_id: String,
    ai_agent: Option<String>,
    /// The revision of its AI agent's tools that it was let in under.
    revision: Option<i64>,
    created_at: String,
    ended_at: Option<String>,
}

/// How a call that waits for a person's yes is stored (`actors::stored`).
const WAITS_FOR_YES: &str = "\"approval\"";

/// `delivery`: of the file it sends.
pub fn call(row: &CallRow, delivery: Option<&DeliveryView>) -> Option<Box<RawValue>> {
    #[derive(Serialize)]
    struct Head<'a> {
        call_id: &'a str,
        tool_call_id: Option<&'a str>,
        name: &'a str,
        status: &'a str,
        replayed: bool,
        room_id: &'a str,
        ai_agent: Option<&'a str>,
        revision: Option<i64>,
        created_at: String,
        ended_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        arguments: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        delivery: Option<&'a DeliveryView>,
    }
    let asks = row.status == CallStatus::Parked && row.body.contains(WAITS_FOR_YES);
    let head = Head {
        call_id: row.call.call_id.as_str(),
        tool_call_id: row.call.tool_call_id.as_deref(),
        name: row.call.name,
        status: row.status.as_str(),
        replayed: false,
        room_id: row.room.as_str(),
        ai_agent: row.call.ai_agent.as_ref().map(crate::room::AiAgentId::as_str),
        revision: row.call.revision,
        created_at: iso(row.at),
        ended_at: row.ended_at.map(iso),
        arguments: if asks { serde_json::from_str(&row.call.arguments).ok() } else { None },
        delivery,
    };
    let mut out = serde_json::to_vec(&head).ok()?;
    answer::splice(&mut out, &row.body);
    RawValue::from_string(String::from_utf8(out).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::RoomId;

    fn stored(kind: &str, payload: &str) -> StoredEvent {
        StoredEvent {
            position: 9,
            room: RoomId::trusted("r1"),
            seq: 3,
            at: Timestamp(1_700_000_000_123_456),
            kind: kind.into(),
            by: "customer".into(),
            cause_kind: "message".into(),
            cause: "m1".into(),
            payload: payload.into(),
        }
    }

    #[test]
    fn events_are_flat_and_times_are_utc() {
        let line = event(&stored("room_resumed", r#"{"type":"room_resumed"}"#), false, None).unwrap();
        let line: serde_json::Value = serde_json::from_str(line.get()).unwrap();
        assert_eq!(line["type"], "room_resumed");
        assert_eq!(line["at"], "2023-11-14T22:13:20.123Z");
        assert!(line.get("room_id").is_none());
        let snoozed = event(&stored("room_snoozed", r#"{"type":"room_snoozed","until":0}"#), true, None).unwrap();
        let snoozed: serde_json::Value = serde_json::from_str(snoozed.get()).unwrap();
        assert_eq!(snoozed["until"], "1970-01-01T00:00:00.000Z");
        assert_eq!(snoozed["room_id"], "r1");
        for kind in ["person_typing", "goodbye_granted", "barrier_raised"] {
            let line = event(&stored(kind, &format!(r#"{{"type":"{kind}","until":1000000}}"#)), false, None).unwrap();
            assert!(line.get().contains(r#""until":"1970-01-01T00:00:01.000Z""#), "{}", line.get());
        }
    }
}

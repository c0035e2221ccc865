//! People's decisions about calls: a dead letter is tried again or said to have ended so; a call that waits for a yes gets it,
//! with other arguments perhaps, or a no. Each is kept in the room's journal beside who gave it.

use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;

use serde_json::value::RawValue;

use crate::catalog::{canonical, json};
use crate::room::{Command, Fact, RoomAddress};
use crate::store::CallRow;

use super::problem::{Kind, Problem};
use super::visit::{Answer, Visit};
use super::{call_reads, commands, strict};

/// Largest body of a decision.
pub const MAX_BODY: usize = 4 * 1024;
/// Largest body with arguments in it.
const MAX_ARGUMENTS: usize = 64 * 1024;
const LONGEST_REASON: usize = 500;
/// How far back in a room's journal an approval is looked for that is said again.
const LOOKED_THROUGH: i64 = 1_000;

/// Try again; what was started before is looked up first, so that nothing is done twice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// 1 to 500 bytes, for the people who see it.
    reason: String,
    /// Of a file that nobody can find: send it again, once. If it had arrived after all, the customer has it twice.
    #[serde(default)]
    send_again: bool,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettledAs {
    Succeeded,
    Failed,
}

/// How it ended, as a person found out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleBody {
    outcome: SettledAs,
    /// Id of the record in the CRM, where there is one; it then belongs to the room.
    record: Option<String>,
    /// 1 to 500 bytes, for the people and the model who see it.
    reason: String,
}

pub async fn retry(mut visit: Visit) -> Answer {
    let body: RetryBody = visit.json(MAX_BODY).await?;
    strict::text("/reason", &body.reason, LONGEST_REASON)?;
    let RetryBody { reason, send_again } = body;
    decide(&visit, |row| Command::RetryEffect { call_id: row.call.call_id.clone(), reason, send_again }).await
}

pub async fn settle(mut visit: Visit) -> Answer {
    let body: SettleBody = visit.json(MAX_BODY).await?;
    strict::text("/reason", &body.reason, LONGEST_REASON)?;
    if let Some(record) = &body.record {
        strict::line("/record", record, 128)?;
    }
    let succeeded = matches!(body.outcome, SettledAs::Succeeded);
    let command = |row: &CallRow| Command::SettleEffect {
        call_id: row.call.call_id.clone(),
        succeeded,
        record: body.record,
        reason: body.reason,
    };
    decide(&visit, command).await
}

/// A person's yes. It runs these very arguments, once.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// What it shall be called with instead of what it came with.
    #[schema(value_type = Option<Object>)]
    arguments: Option<Box<RawValue>>,
}

/// A person's no.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    /// 1 to 500 bytes, for the people and the model who see it.
    reason: String,
}

pub async fn approve(mut visit: Visit) -> Answer {
    let body = if visit.has_body() { visit.json::<ApproveBody>(MAX_ARGUMENTS).await? } else { ApproveBody::default() };
    let arguments = body.arguments.map(|raw| canonical_text(raw.get())).transpose()?;
    let (key_id, said) = (visit.key.id.clone(), arguments.clone());
    let answer = decide(&visit, |row| Command::Approve { call_id: row.call.call_id.clone(), key_id, arguments }).await;
    match answer {
        Err(problem) if problem.code() == Kind::AlreadyFinal.code() && was_approved(&visit, said.as_deref()).await? => {
            call_reads::respond(&call_reads::find(&visit).await?)
        }
        other => other,
    }
}

/// Whether the call of the path was given just this yes: whoever says it twice is told what came of the first.
async fn was_approved(visit: &Visit, said: Option<&str>) -> Result<bool, Problem> {
    let (row, company) = (call_reads::find(visit).await?, visit.key.company);
    let Some(room) = visit.api.queries.room(company, &row.room).await? else { return Ok(false) };
    let after = (room.version - LOOKED_THROUGH).max(0);
    let events = visit.api.queries.timeline(company, &row.room, after, LOOKED_THROUGH).await?;
    let is_it = |fact: Fact| {
        matches!(fact, Fact::CallApproved { call_id, arguments, .. }
        if call_id == row.call.call_id && arguments.as_deref() == said)
    };
    let mut approvals = events.iter().flatten().filter(|event| event.cause_kind == "request" && event.kind == "call_approved");
    Ok(approvals.any(|event| serde_json::from_str(&event.payload).is_ok_and(is_it)))
}

fn canonical_text(raw: &str) -> Result<Arc<str>, Problem> {
    let bad = |_| Problem::field(Kind::InvalidBody, "/arguments", "It must be one JSON object, each key once.");
    json::parse(raw.as_bytes()).map(|object| canonical::text(&object).into()).map_err(bad)
}

pub async fn reject(mut visit: Visit) -> Answer {
    let body: RejectBody = visit.json(MAX_BODY).await?;
    strict::text("/reason", &body.reason, LONGEST_REASON)?;
    decide(&visit, |row| Command::Reject { call_id: row.call.call_id.clone(), reason: body.reason }).await
}

async fn decide(visit: &Visit, command: impl FnOnce(&CallRow) -> Command) -> Answer {
    let row = call_reads::find(visit).await?;
    let address = RoomAddress { company: visit.key.company, room: row.room.clone() };
    commands::run(visit, address, command(&row), visit.caller(), visit.cause()).await?;
    call_reads::respond(&call_reads::find(visit).await?)
}

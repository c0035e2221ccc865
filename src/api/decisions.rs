//! People's decisions about dead letters: have one tried again, or say how it ended. Each carries a reason, which is kept in the
//! room's journal beside who gave it.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::room::{Command, RoomAddress};
use crate::store::CallRow;

use super::visit::{Answer, Visit};
use super::{call_reads, commands, strict};

/// Largest body of a decision.
pub const MAX_BODY: usize = 4 * 1024;
const LONGEST_REASON: usize = 500;

/// Try again; what was started before is looked up first, so that nothing is done twice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// 1 to 500 bytes, for the people who see it.
    reason: String,
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
    decide(&visit, |row| Command::RetryEffect { call_id: row.call.call_id.clone(), reason: body.reason }).await
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

async fn decide(visit: &Visit, command: impl FnOnce(&CallRow) -> Command) -> Answer {
    let row = call_reads::find(visit).await?;
    let address = RoomAddress { company: visit.key.company, room: row.room.clone() };
    commands::run(visit, address, command(&row), visit.caller(), visit.cause()).await?;
    call_reads::respond(&call_reads::find(visit).await?)
}

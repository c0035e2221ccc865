//! What people do with a conversation: take it, give it back, tag it, resolve it. Who did it is the key's holder; whether it may
//! be done is the room's to say.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::room::{AgentId, Command, Next, Refusal, TakenBy, Timestamp};

use super::problem::{self, Problem};
use super::view::CommandView;
use super::visit::{Answer, Visit};
use super::{answer, commands, strict};

/// Largest body of these routes: 10,000 tags are refused by name, not by size.
const MAX_BODY: usize = 1024 * 1024;
/// Tags in one request.
const MOST_TAGS: usize = 100;
const LONGEST_SNOOZE_US: i64 = 366 * 86_400 * 1_000_000;
const LONGEST_REASON: usize = 500;
const LONGEST_NOTE: usize = 2_000;

/// Who takes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeoverBody {
    agent_id: String,
}

/// Why it goes back to the AI agent.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnBody {
    /// 1 to 500 bytes, for the people who see it.
    reason: Option<String>,
}

/// Who types, if that is known.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypingBody {
    agent_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagsBody {
    /// 1 to 100 names.
    tags: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveBody {
    /// One of the company's `resolve_reasons`.
    reason_code: String,
    /// 1 to 2,000 bytes.
    note: Option<String>,
}

/// Until when nobody has to look at the conversation: either of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeBody {
    /// A time with its zone, like `2026-12-01T09:00:00Z`; later than now, at most 366 days.
    until: Option<String>,
    /// Seconds from now, 1 to 31,622,400.
    for_s: Option<i64>,
}

pub async fn take_over(mut visit: Visit) -> Answer {
    let body: TakeoverBody = visit.json(MAX_BODY).await?;
    let (agent, agent_name) = somebody(&visit, &body.agent_id).await?;
    tell(&visit, Command::TakeOver { agent, agent_name, how: TakenBy::Takeover }).await
}

pub async fn snooze(mut visit: Visit) -> Answer {
    let body: SnoozeBody = visit.json(MAX_BODY).await?;
    let until = wakes_at(&body, visit.api.clock.now())?;
    tell(&visit, Command::Snooze { until }).await
}

fn wakes_at(body: &SnoozeBody, now: Timestamp) -> Result<Timestamp, Problem> {
    let (pointer, until) = match (&body.until, body.for_s) {
        (Some(text), None) => ("/until", text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)),
        (None, Some(seconds)) => ("/for_s", seconds.checked_mul(1_000_000).and_then(|us| now.0.checked_add(us))),
        _ => return Err(strict::bad("/until", "Say either until or for_s.")),
    };
    let ahead = until.filter(|until| (1..=LONGEST_SNOOZE_US).contains(&until.saturating_sub(now.0)));
    ahead.map(Timestamp).ok_or_else(|| {
        strict::bad(
            pointer,
            "It must be a time later than now, at most 366 days; a time names its zone, as in 2026-12-01T09:00:00Z.",
        )
    })
}

/// Said as often as a console likes: most of it changes nothing.
pub async fn typing(mut visit: Visit) -> Answer {
    let body = if visit.has_body() { visit.json::<TypingBody>(MAX_BODY).await? } else { TypingBody::default() };
    let agent = match &body.agent_id {
        Some(id) => Some(somebody(&visit, id).await?.0),
        None => None,
    };
    tell(&visit, Command::Typing { agent }).await
}

/// Whom the company knows by this id. Whoever may not know the room learns nothing about its people either.
async fn somebody(visit: &Visit, id: &str) -> Result<(AgentId, String), Problem> {
    let room = visit.room()?;
    visit.api.queries.room(room.company, &room.room).await?.ok_or_else(Problem::unknown_room)?;
    let company = company(visit).await?;
    let known = AgentId::new(id).ok().and_then(|id| company.agent(&id).map(|agent| (agent.id.clone(), agent.name.clone())));
    known.ok_or_else(|| Problem::refused(Refusal::new("unknown_agent", Next::FixAndRetry, "There is no such agent.")))
}

pub async fn give_back(mut visit: Visit) -> Answer {
    let body = if visit.has_body() { visit.json::<ReturnBody>(MAX_BODY).await? } else { ReturnBody::default() };
    if let Some(reason) = &body.reason {
        strict::text("/reason", reason, LONGEST_REASON)?;
    }
    tell(&visit, Command::GiveBack { of: None, reason: body.reason }).await
}

pub async fn tag(mut visit: Visit) -> Answer {
    let body: TagsBody = visit.json(MAX_BODY).await?;
    if !(1..=MOST_TAGS).contains(&body.tags.len()) {
        return Err(strict::bad("/tags", format!("It must be 1 to {MOST_TAGS} names.")));
    }
    tell(&visit, Command::Tag { tags: body.tags }).await
}

/// Taking away a tag that is not there is no error.
pub async fn untag(visit: Visit) -> Answer {
    let tag = visit.segment("tag").ok_or_else(Problem::not_found)?;
    tell(&visit, Command::Untag { tags: vec![tag] }).await
}

pub async fn resolve(mut visit: Visit) -> Answer {
    let body: ResolveBody = visit.json(MAX_BODY).await?;
    if let Some(note) = &body.note {
        strict::text("/note", note, LONGEST_NOTE)?;
    }
    let reasons = company(&visit).await?.settings.resolve_reasons.clone();
    if !reasons.contains(&body.reason_code) {
        return Err(strict::bad("/reason_code", format!("It must be one of: {}.", reasons.join(", "))));
    }
    tell(&visit, Command::Resolve { reason_code: body.reason_code, note: body.note }).await
}

async fn company(visit: &Visit) -> Result<std::sync::Arc<crate::room::Company>, Problem> {
    visit.api.router.company(visit.key.company).await.map_err(|why| {
        tracing::error!(%why, "a company cannot be read");
        Problem::new(problem::Kind::StorageUnavailable, "Nothing was done. Ask again in a moment.")
    })
}

async fn tell(visit: &Visit, command: Command) -> Answer {
    let (done, room) = commands::run(visit, visit.room()?, command, visit.caller(), visit.cause()).await?;
    Ok(answer::json(problem::OK, &CommandView::of(&done, room)))
}

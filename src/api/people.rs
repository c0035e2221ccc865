//! Agents, the people who answer customers. Must never accept a division the company does not have, nor wake a room to say what
//! somebody holds.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::actors::Standing;
use crate::room::{Agent, AgentId, Company, DivisionId, Next, Presence, Refusal};

use super::page::{List, Turn};
use super::problem::{self, Problem};
use super::visit::{Answer, Visit};
use super::{answer, strict};

/// Largest body that describes a person.
const MAX_BODY: usize = 16 * 1024;
/// Most rooms one person may hold at once.
const MAX_CAPACITY: u32 = 1_000;
const MAX_DIVISIONS: usize = 100;

/// What a person chose to be.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Online,
    Away,
    Offline,
}

impl From<Status> for Presence {
    fn from(status: Status) -> Self {
        match status {
            Status::Online => Self::Online,
            Status::Away => Self::Away,
            Status::Offline => Self::Offline,
        }
    }
}

impl From<Presence> for Status {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Online => Self::Online,
            Presence::Away => Self::Away,
            Presence::Offline => Self::Offline,
        }
    }
}

/// A person who answers customers.
#[derive(Serialize, ToSchema)]
pub struct AgentView {
    pub id: String,
    pub name: String,
    pub email: String,
    /// Ids of divisions.
    pub divisions: Vec<String>,
    pub status: Status,
    /// How many rooms they may hold at once.
    pub capacity: u32,
    /// What the rooms they hold and were offered weigh together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
    /// Ids of the rooms they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<String>>,
}

impl AgentView {
    fn of(agent: &Agent) -> Self {
        Self {
            load: None,
            rooms: None,
            id: agent.id.to_string(),
            name: agent.name.clone(),
            email: agent.email.clone(),
            divisions: agent.divisions.iter().map(ToString::to_string).collect(),
            status: agent.status.into(),
            capacity: agent.capacity,
        }
    }
}

/// With what the company's roster knows of them, if it does.
async fn standing(visit: &Visit, company: Company, agents: &mut [AgentView]) {
    let ids = agents.iter().map(|agent| AgentId::trusted(&agent.id)).collect();
    let standings = visit.api.router.standings(&Arc::new(company), ids).await.unwrap_or_default();
    for (agent, Standing { load, rooms }) in agents.iter_mut().zip(standings) {
        agent.load = Some(load);
        agent.rooms = Some(rooms.iter().map(ToString::to_string).collect());
    }
}

/// An agent as the caller describes them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentBody {
    /// 1 to 120 bytes.
    name: String,
    /// At most 254 bytes.
    #[serde(default)]
    email: String,
    /// Ids of existing divisions, at most 100.
    #[serde(default)]
    divisions: Vec<String>,
    /// `offline` unless said.
    status: Option<Status>,
    /// 0 to 1,000; 5 unless said.
    capacity: Option<u32>,
}

/// What is to change of an agent; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentPatch {
    name: Option<String>,
    email: Option<String>,
    divisions: Option<Vec<String>>,
    status: Option<Status>,
    capacity: Option<u32>,
}

/// What a person's console says while it is open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresenceBody {
    agent_id: String,
    /// What they chose to be, if they chose anew.
    status: Option<Status>,
}

fn checked(id: AgentId, body: AgentBody, company: &Company) -> Result<Agent, Problem> {
    strict::line("/name", &body.name, 120)?;
    if !body.email.is_empty() {
        strict::line("/email", &body.email, 254)?;
    }
    let capacity = body.capacity.unwrap_or(5);
    if capacity > MAX_CAPACITY {
        return Err(strict::bad("/capacity", "A capacity is 0 to 1,000."));
    }
    if body.divisions.len() > MAX_DIVISIONS {
        return Err(strict::bad("/divisions", "An agent is in at most 100 divisions."));
    }
    let mut divisions = Vec::with_capacity(body.divisions.len());
    for text in &body.divisions {
        let known = DivisionId::new(text).ok().filter(|id| company.division(id).is_some());
        let id = known.ok_or_else(|| strict::bad("/divisions", "A division is not one of your company's."))?;
        if !divisions.contains(&id) {
            divisions.push(id);
        }
    }
    let status = body.status.map_or(Presence::Offline, Presence::from);
    Ok(Agent { id, name: body.name, email: body.email, divisions, status, capacity })
}

pub(super) async fn company(visit: &Visit) -> Result<Company, Problem> {
    Ok(visit.api.queries.company(visit.key.company).await?)
}

fn agent_id(visit: &Visit) -> Result<AgentId, Problem> {
    visit.segment("agent_id").and_then(|text| AgentId::new(&text).ok()).ok_or_else(Problem::not_found)
}

/// One page of things that are all in memory: sorted by id, those after the cursor.
pub(super) fn page<T, V>(
    visit: &Visit,
    list: &str,
    items: &[T],
    id: impl Fn(&T) -> &str,
    view: impl Fn(&T) -> V,
) -> Result<List<V>, Problem> {
    let turn = Turn::of(visit, list, &[])?;
    let after = turn.after.as_deref().unwrap_or_default();
    let mut rest: Vec<&T> = items.iter().filter(|item| id(item).as_bytes() > after).collect();
    rest.sort_unstable_by(|a, b| id(a).cmp(id(b)));
    Ok(turn.page(rest, |item| id(item).as_bytes().to_vec(), view))
}

/// Writes, and lets everything in this process see it before the caller is told.
async fn save_agent(visit: &Visit, agent: Agent, created: bool) -> Answer {
    let view = AgentView::of(&agent);
    visit.api.directory.put_agent(visit.key.company, agent, &visit.by()).await?;
    visit.api.directory_changed(visit.key.company).await;
    Ok(saved(&view, &format!("/v1/agents/{}", view.id), created))
}

pub(super) fn saved<T: Serialize>(view: &T, location: &str, created: bool) -> HttpResponse {
    let mut response = answer::json(if created { problem::CREATED } else { problem::OK }, view);
    if created && let Ok(location) = location.parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

pub async fn list_agents(visit: Visit) -> Answer {
    let company = company(&visit).await?;
    let mut list = page(&visit, "agents", &company.agents, |agent| agent.id.as_str(), AgentView::of)?;
    standing(&visit, company, &mut list.data).await;
    Ok(answer::json(problem::OK, &list))
}

pub async fn get_agent(visit: Visit) -> Answer {
    let (id, company) = (agent_id(&visit)?, company(&visit).await?);
    let mut view = AgentView::of(company.agent(&id).ok_or_else(Problem::not_found)?);
    standing(&visit, company, std::slice::from_mut(&mut view)).await;
    Ok(answer::json(problem::OK, &view))
}

pub async fn post_agent(mut visit: Visit) -> Answer {
    let body = visit.json(MAX_BODY).await?;
    let id = AgentId::trusted(&format!("agt_{}", Uuid::now_v7().simple()));
    let agent = checked(id, body, &company(&visit).await?)?;
    save_agent(&visit, agent, true).await
}

pub async fn put_agent(mut visit: Visit) -> Answer {
    let id = agent_id(&visit)?;
    let body = visit.json(MAX_BODY).await?;
    let company = company(&visit).await?;
    let created = company.agent(&id).is_none();
    save_agent(&visit, checked(id, body, &company)?, created).await
}

pub async fn patch_agent(mut visit: Visit) -> Answer {
    let id = agent_id(&visit)?;
    let patch: AgentPatch = visit.json(MAX_BODY).await?;
    let company = company(&visit).await?;
    let old = AgentView::of(company.agent(&id).ok_or_else(Problem::not_found)?);
    let body = AgentBody {
        name: patch.name.unwrap_or(old.name),
        email: patch.email.unwrap_or(old.email),
        divisions: patch.divisions.unwrap_or(old.divisions),
        status: Some(patch.status.unwrap_or(old.status)),
        capacity: Some(patch.capacity.unwrap_or(old.capacity)),
    };
    save_agent(&visit, checked(id, body, &company)?, false).await
}

/// Said every half minute, say: whose console has spoken once and then is silent for a minute is given no new rooms.
pub async fn presence(mut visit: Visit) -> Answer {
    let body: PresenceBody = visit.json(MAX_BODY).await?;
    let company = company(&visit).await?;
    let known = AgentId::new(&body.agent_id).ok().and_then(|id| company.agent(&id).cloned());
    let unknown = || Problem::refused(Refusal::new("unknown_agent", Next::FixAndRetry, "There is no such agent."));
    let mut agent = known.ok_or_else(unknown)?;
    if let Some(status) = body.status.map(Presence::from).filter(|status| *status != agent.status) {
        agent.status = status;
        visit.api.directory.put_agent(visit.key.company, agent.clone(), &visit.by()).await?;
        visit.api.directory_changed(visit.key.company).await;
    }
    if visit.api.router.company(visit.key.company).await.is_ok() {
        visit.api.router.is_seen(visit.key.company, &agent.id);
    }
    Ok(answer::json(problem::OK, &AgentView::of(&agent)))
}

pub async fn delete_agent(visit: Visit) -> Answer {
    let deleted = visit.api.directory.delete_agent(visit.key.company, &agent_id(&visit)?, &visit.by()).await?;
    gone(&visit, deleted).await
}

/// The answer to a deletion.
pub async fn gone(visit: &Visit, deleted: bool) -> Answer {
    if !deleted {
        return Err(Problem::not_found());
    }
    visit.api.directory_changed(visit.key.company).await;
    Ok(HttpResponse::new(problem::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{CompanyNo, Division};

    #[test]
    fn an_agent_is_checked() {
        let mut company = Company::empty(CompanyNo(1));
        company.divisions.push(Division { id: DivisionId::trusted("div_1"), name: "Sales".into(), hours: None });
        let check = |json: &str| {
            let body = strict::read::<AgentBody>(json.as_bytes())?;
            checked(AgentId::trusted("agt_1"), body, &company)
        };
        let ana = check(r#"{"name":"Ana","divisions":["div_1","div_1"]}"#).unwrap();
        assert_eq!((ana.capacity, ana.status, ana.divisions.len()), (5, Presence::Offline, 1));
        for bad in [
            r#"{"name":" "}"#,
            r#"{"name":"Ana","divisions":["div_2"]}"#,
            r#"{"name":"Ana","capacity":1001}"#,
            r#"{"name":"Ana","capacity":-1}"#,
            r#"{"name":"Ana","status":"asleep"}"#,
            r#"{"name":"Ana","email":"a\nb"}"#,
        ] {
            assert_eq!(check(bad).unwrap_err().code(), "invalid_body", "{bad}");
        }
    }
}

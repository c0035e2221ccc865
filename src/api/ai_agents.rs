//! AI agents at the door: the draft of what each may do, publishing it, and what was published. The door says what is wrong in a
//! draft before it is kept; whether its files are there is only asked when it is published.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::tools::shown::{self, Shape};
use crate::catalog::tools::{self, BadDraft};
use crate::room::{AiAgentId, DraftTool, Tool};
use crate::store::{AiAgentRow, DraftRow, Publication, RevisionRow, StoreError};

use super::page::Turn;
use super::problem::{self, Kind, Problem};
use super::view::iso;
use super::visit::{Answer, Visit};
use super::{answer, headers, strict};

/// Largest draft.
const MAX_BODY: usize = 256 * 1024;
/// Actions of one draft.
const MOST_ACTIONS: usize = 100;
const LONGEST_NOTE: usize = 500;

/// An AI agent that has, or had, a key, or a draft.
#[derive(Serialize, ToSchema)]
pub struct AiAgentView {
    pub id: String,
    /// What is in force; null: nothing was published, it may call every action.
    pub revision: Option<i64>,
    pub published_at: Option<String>,
    pub created_at: String,
}

pub async fn list(visit: Visit) -> Answer {
    let mut rows = visit.api.queries.ai_agent_rows(visit.key.company).await?;
    let turn = Turn::of(&visit, "ai-agents", &[])?;
    rows.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let after = turn.after.as_deref().unwrap_or_default();
    rows.retain(|row| row.id.as_str().as_bytes() > after);
    let view = |row: AiAgentRow| AiAgentView {
        id: row.id.to_string(),
        revision: row.revision,
        published_at: row.published_at.map(iso),
        created_at: iso(row.created_at),
    };
    Ok(answer::json(problem::OK, &turn.page(rows, |row| row.id.as_str().as_bytes().to_vec(), view)))
}

/// What an AI agent is to be allowed, as a whole: what is not named, it may not do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionsBody {
    /// At most 100.
    actions: Vec<DraftTool>,
}

/// The draft, and what is in force.
#[derive(Serialize, ToSchema)]
pub struct ActionsView {
    /// null: there is no draft.
    pub actions: Option<Vec<DraftTool>>,
    /// The revision in force; null: nothing was published.
    pub revision: Option<i64>,
}

/// What cannot be an AI agent's id is one that does not exist.
fn ai_agent(visit: &Visit) -> Result<AiAgentId, Problem> {
    visit.segment("ai_agent_id").and_then(|text| AiAgentId::new(&text).ok()).ok_or_else(Problem::not_found)
}

async fn draft(visit: &Visit, ai_agent: &AiAgentId) -> Result<DraftRow, Problem> {
    visit.api.queries.draft(visit.key.company, ai_agent).await?.ok_or_else(Problem::not_found)
}

fn with_etag(row: DraftRow) -> Answer {
    let mut response = answer::json(problem::OK, &ActionsView { actions: row.tools, revision: row.revision });
    if let Ok(tag) = HeaderValue::from_str(&headers::etag(row.version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

pub async fn get_actions(visit: Visit) -> Answer {
    with_etag(draft(&visit, &ai_agent(&visit)?).await?)
}

pub async fn put_actions(mut visit: Visit) -> Answer {
    let ai_agent = ai_agent(&visit)?;
    let ActionsBody { actions } = visit.json(MAX_BODY).await?;
    if actions.len() > MOST_ACTIONS {
        return Err(strict::bad("/actions", format!("A draft has at most {MOST_ACTIONS} actions.")));
    }
    tools::check(&actions).map_err(refused)?;
    let company = visit.key.company;
    let before = visit.api.queries.draft(company, &ai_agent).await?;
    let expected = headers::if_match(visit.http.headers(), before.map_or(0, |row| row.version))?;
    match visit.api.directory.put_draft(company, &ai_agent, actions, expected, &visit.by()).await {
        // Between our look and the write somebody else wrote.
        Err(StoreError::Conflict(_)) if expected.is_some() => return Err(headers::stale()),
        other => other?,
    };
    with_etag(draft(&visit, &ai_agent).await?)
}

fn refused(bad: BadDraft) -> Problem {
    Problem::field(Kind::InvalidBody, bad.pointer, bad.detail).with_candidates(bad.candidates)
}

/// What is to be in force.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishBody {
    /// Why; 1 to 500 bytes.
    note: Option<String>,
    /// An earlier revision, as it was, instead of the draft.
    revision: Option<i64>,
}

/// A revision. It never changes.
#[derive(Serialize, ToSchema)]
pub struct RevisionView {
    /// From 1, without a gap.
    pub revision: i64,
    pub published_at: String,
    pub published_by: String,
    pub note: Option<String>,
    /// The revision it repeats.
    pub restored: Option<i64>,
    pub tools: Vec<ToolView>,
}

/// An action as this AI agent may call it.
#[derive(Serialize, ToSchema)]
pub struct ToolView {
    pub name: String,
    /// The revision in which it last became another.
    pub version: i64,
    pub description: Option<String>,
    #[schema(value_type = Object)]
    pub fixed: serde_json::Value,
    #[schema(value_type = Object)]
    pub allowed: serde_json::Value,
    pub files: Vec<PinnedView>,
}

/// A file in the version that was published.
#[derive(Serialize, ToSchema)]
pub struct PinnedView {
    pub file: String,
    /// null: it is made on request.
    pub version: Option<i64>,
    pub sha256: Option<String>,
}

fn tool_view(tool: Tool) -> ToolView {
    let stored = tool.files.iter().map(|file| PinnedView {
        file: file.key.to_string(),
        version: Some(file.version),
        sha256: Some(file.sha256.to_string()),
    });
    let made = tool.sources.iter().map(|source| PinnedView { file: source.key.to_string(), version: None, sha256: None });
    ToolView {
        files: stored.chain(made).collect(),
        name: tool.action,
        version: tool.version,
        description: tool.description,
        fixed: serde_json::json!(tool.fixed),
        allowed: serde_json::json!(tool.allowed),
    }
}

fn view(row: RevisionRow) -> RevisionView {
    RevisionView {
        revision: row.revision,
        published_at: iso(row.published_at),
        published_by: row.by,
        note: row.note,
        restored: row.restored,
        tools: row.tools.into_iter().map(tool_view).collect(),
    }
}

pub async fn publish(mut visit: Visit) -> Answer {
    let ai_agent = ai_agent(&visit)?;
    let PublishBody { note, revision } = if visit.has_body() { visit.json(MAX_BODY).await? } else { PublishBody::default() };
    note.as_deref().map_or(Ok(()), |note| strict::text("/note", note, LONGEST_NOTE))?;
    let company = visit.key.company;
    let current = draft(&visit, &ai_agent).await?;
    let draft_version = headers::if_match(visit.http.headers(), current.version)?;
    if revision.is_none() && current.tools.is_none() {
        return Err(Problem::new(Kind::Conflict, "There is no draft to publish; PUT its actions first."));
    }
    let publication = Publication { note, restores: revision, draft_version };
    let row = match visit.api.directory.publish(company, &ai_agent, publication, &visit.by()).await {
        Err(StoreError::NotFound("revision")) => {
            return Err(strict::bad("/revision", "There is no such revision of this AI agent."));
        }
        Err(StoreError::Conflict(_)) => return Err(headers::stale()),
        other => other?.map_err(refused)?,
    };
    visit.api.directory_changed(company).await;
    Ok(answer::json(problem::CREATED, &view(row)))
}

pub async fn revisions(visit: Visit) -> Answer {
    let ai_agent = ai_agent(&visit)?;
    draft(&visit, &ai_agent).await?;
    let turn = Turn::of(&visit, &format!("revisions of {ai_agent}"), &[])?;
    let before = turn.after_number()?.unwrap_or(i64::MAX);
    let rows = visit.api.queries.revisions(visit.key.company, &ai_agent, before, turn.ask()).await?;
    Ok(answer::json(problem::OK, &turn.page(rows, |row| row.revision.to_le_bytes().to_vec(), view)))
}

/// What goes into a provider's request.
#[derive(Serialize, ToSchema)]
pub struct ToolsView {
    /// null: nothing was published, these are all that can be called.
    pub revision: Option<i64>,
    /// native, openai_chat, openai_responses, anthropic or gemini.
    pub dialect: &'static str,
    /// As that provider's API takes it, in the catalog's order.
    #[schema(value_type = Vec<Object>)]
    pub tools: serde_json::Value,
}

pub async fn tools(visit: Visit) -> Answer {
    let ai_agent = ai_agent(&visit)?;
    draft(&visit, &ai_agent).await?;
    let shape = visit.query("dialect").map_or(Some(Shape::Native), Shape::from_name).ok_or_else(|| {
        let known = Shape::ALL.map(Shape::as_str).join(", ");
        Problem::new(Kind::InvalidParameter, format!("dialect is one of: {known}."))
    })?;
    let company = visit.api.router.company(visit.key.company).await.map_err(|why| {
        tracing::warn!(%why, "a company cannot be read");
        Problem::new(Kind::StorageUnavailable, "Ask again in a moment.")
    })?;
    let view = ToolsView {
        revision: company.published(Some(&ai_agent)).map(|published| published.revision),
        dialect: shape.as_str(),
        tools: shown::write(&shown::shown(&company, &ai_agent), shape),
    };
    // Of the very bytes: what a provider caches by them is as good as ours.
    let tag = format!("\"{}\"", blake3::hash(&serde_json::to_vec(&view).unwrap_or_default()).to_hex());
    let known = visit.http.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|tags| tags.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut response =
        if is_known { HttpResponseBuilder::new(problem::NOT_MODIFIED).finish() } else { answer::json(problem::OK, &view) };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

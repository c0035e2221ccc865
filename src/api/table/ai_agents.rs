//! The rows of the table that are about AI agents: what each may do, and what it may do is published.

use super::super::ai_agents;
use super::super::handlers::to;
use super::super::openapi::{list, schema};
use super::super::page::PAGE;
use super::super::problem::{CREATED, Kind, NOT_MODIFIED, OK};
use super::super::routes::Method::{Get, Post, Put};
use super::super::routes::Route;
use super::{BUILDERS, STAFF};

pub static AI_AGENTS: &[Route] = &[
    Route::new(Get, "/v1/ai-agents", STAFF, ("list_ai_agents", "List AI agents"), to!(ai_agents::list))
        .query(&PAGE)
        .answers(&[(OK, Some(list::<ai_agents::AiAgentView>))]),
    Route::new(
        Get,
        "/v1/ai-agents/{ai_agent_id}/actions",
        STAFF,
        ("get_actions", "The draft of what an AI agent may do, with an ETag"),
        to!(ai_agents::get_actions),
    )
    .answers(&[(OK, Some(schema::<ai_agents::ActionsView>))]),
    Route::new(
        Put,
        "/v1/ai-agents/{ai_agent_id}/actions",
        BUILDERS,
        ("put_actions", "Replace the draft, if still as read (If-Match)"),
        to!(ai_agents::put_actions),
    )
    .body(schema::<ai_agents::ActionsBody>)
    .answers(&[(OK, Some(schema::<ai_agents::ActionsView>))])
    .problems(&[Kind::PreconditionFailed, Kind::Conflict]),
    Route::new(
        Post,
        "/v1/ai-agents/{ai_agent_id}/publish",
        BUILDERS,
        ("publish", "Put the draft in force, or an earlier revision again"),
        to!(ai_agents::publish),
    )
    .body(schema::<ai_agents::PublishBody>)
    .answers(&[(CREATED, Some(schema::<ai_agents::RevisionView>))])
    .problems(&[Kind::PreconditionFailed, Kind::Conflict]),
    Route::new(
        Get,
        "/v1/ai-agents/{ai_agent_id}/revisions",
        STAFF,
        ("list_revisions", "What was published for an AI agent, newest first"),
        to!(ai_agents::revisions),
    )
    .query(&PAGE)
    .answers(&[(OK, Some(list::<ai_agents::RevisionView>))]),
    Route::new(
        Get,
        "/v1/ai-agents/{ai_agent_id}/tools",
        STAFF,
        ("get_tools", "The tools as a model is shown them, with an ETag"),
        to!(ai_agents::tools),
    )
    .query(&["dialect"])
    .answers(&[(OK, Some(schema::<ai_agents::ToolsView>)), (NOT_MODIFIED, None)]),
];

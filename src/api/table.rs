//! The one table of routes. Registration, the OpenAPI document and the tests over every route and role are all made from it;
//! a route that is not here does not exist.

use crate::store::Role;

use super::auth::Access;
use super::handlers::{to, to_open, to_secret};
use super::openapi::{CallsAnswer, CallsBody, list, schema};
use super::page::PAGE;
use super::problem::{ACCEPTED, CREATED, Kind, NO_CONTENT, OK, SEE_OTHER};
use super::routes::Method::{Delete, Get, Patch, Post, Put};
use super::routes::Route;
use super::{
    actor, call_reads, calls, channel, company, crm, decisions, divisions, events, hand_over, machine, people, rooms, view,
    webhooks,
};

/// Whose webhooks they are says the path.
const WEBHOOK: &str = "/v1/webhooks/{source}/{secret}";

const CALLERS: Access = Access::Roles(&[Role::Agent]);
const READERS: Access = Access::Roles(&[Role::Agent, Role::Operator]);
const OPERATORS: Access = Access::Roles(&[Role::Operator]);
const BUILDERS: Access = Access::Roles(&[Role::Builder]);
/// Reading is the operator's, so of the directory too; writing it is the builder's.
const STAFF: Access = Access::Roles(&[Role::Operator, Role::Builder]);
const WAITING: &[Kind] = &[Kind::Busy];

pub(super) mod ai_agents;
pub(super) mod files;

pub(super) static TABLE: &[Route] = &[
    Route::new(
        Post,
        "/v1/rooms/{room_id}/function-calls",
        CALLERS,
        ("post_function_calls", "Call actions on a room"),
        to!(calls::post),
    )
    .body(schema::<CallsBody>)
    .answers(&[(OK, Some(schema::<CallsAnswer>)), (ACCEPTED, Some(schema::<CallsAnswer>))])
    .problems(WAITING),
    Route::new(
        Get,
        "/v1/function-calls",
        READERS,
        ("list_function_calls", "Search function-calls, newest first"),
        to!(call_reads::list),
    )
    .query(call_reads::FILTERS)
    .answers(&[(OK, Some(list::<view::CallView>))]),
    Route::new(
        Get,
        "/v1/function-calls/{call_id}",
        READERS,
        ("get_function_call", "How a function-call went"),
        to!(call_reads::get),
    )
    .answers(&[(OK, Some(schema::<view::CallView>))]),
    Route::new(
        Post,
        "/v1/function-calls/{call_id}/cancel",
        OPERATORS,
        ("cancel_function_call", "End a function-call that waits"),
        to!(call_reads::cancel),
    )
    .answers(&[(OK, Some(schema::<view::CallView>))])
    .problems(&[Kind::AlreadyFinal, Kind::Busy]),
    Route::new(
        Post,
        "/v1/function-calls/{call_id}/retry",
        OPERATORS,
        ("retry_function_call", "Have a dead letter tried again"),
        to!(decisions::retry),
    )
    .body(schema::<decisions::RetryBody>)
    .answers(&[(OK, Some(schema::<view::CallView>))])
    .problems(&[Kind::Conflict, Kind::Busy]),
    Route::new(
        Post,
        "/v1/function-calls/{call_id}/settle",
        OPERATORS,
        ("settle_function_call", "Say how a dead letter ended"),
        to!(decisions::settle),
    )
    .body(schema::<decisions::SettleBody>)
    .answers(&[(OK, Some(schema::<view::CallView>))])
    .problems(&[Kind::Conflict, Kind::Busy]),
    Route::new(
        Post,
        "/v1/function-calls/{call_id}/approve",
        OPERATORS,
        ("approve_function_call", "Say yes to a function-call that waits for it"),
        to!(decisions::approve),
    )
    .body(schema::<decisions::ApproveBody>)
    .answers(&[(OK, Some(schema::<view::CallView>))])
    .problems(&[Kind::AlreadyFinal, Kind::Conflict, Kind::Busy]),
    Route::new(
        Post,
        "/v1/function-calls/{call_id}/reject",
        OPERATORS,
        ("reject_function_call", "Say no to a function-call that waits for a yes"),
        to!(decisions::reject),
    )
    .body(schema::<decisions::RejectBody>)
    .answers(&[(OK, Some(schema::<view::CallView>))])
    .problems(&[Kind::AlreadyFinal, Kind::Busy]),
    Route::new(Post, WEBHOOK, Access::Path, ("receive_webhook", "What a channel tells us"), to_secret!(webhooks::receive))
        .answers(&[(OK, Some(schema::<webhooks::KeptView>))]),
    Route::new(Get, WEBHOOK, Access::Path, ("greet_webhook", "A channel's handshake"), to_secret!(webhooks::greet))
        .answers(&[(OK, None)]),
    Route::new(Get, "/v1/crm", OPERATORS, ("get_crm", "How the company's CRM stands"), to!(crm::get))
        .answers(&[(OK, Some(schema::<crm::CrmShape>))]),
    Route::new(Get, "/v1/channel", OPERATORS, ("get_channel", "How the company's channel stands"), to!(channel::get))
        .answers(&[(OK, Some(schema::<channel::ChannelShape>))]),
    Route::new(Get, "/v1/rooms", OPERATORS, ("list_rooms", "List rooms, newest first"), to!(rooms::list))
        .query(rooms::FILTERS)
        .answers(&[(OK, Some(list::<view::RoomView>))]),
    Route::new(Put, "/v1/rooms/{room_id}", OPERATORS, ("put_room", "Make a room, or say how it is now called"), to!(rooms::put))
        .body(schema::<rooms::RoomBody>)
        .answers(&[(OK, Some(schema::<view::CommandView>)), (CREATED, Some(schema::<view::CommandView>))])
        .problems(WAITING),
    Route::new(Get, "/v1/rooms/{room_id}", OPERATORS, ("get_room", "A room as it is"), to!(rooms::get))
        .answers(&[(OK, Some(schema::<view::RoomView>))]),
    Route::new(
        Get,
        "/v1/rooms/{room_id}/timeline",
        OPERATORS,
        ("get_timeline", "All that happened in a room, in order"),
        to!(rooms::timeline),
    )
    .query(&PAGE)
    .answers(&[(OK, Some(list::<view::EventView>))]),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/messages",
        OPERATORS,
        ("post_message", "Tell a room what somebody wrote"),
        to!(rooms::message),
    )
    .body(schema::<rooms::MessageBody>)
    .answers(&[(OK, Some(schema::<view::CommandView>)), (CREATED, Some(schema::<view::CommandView>))])
    .problems(WAITING),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/snooze",
        OPERATORS,
        ("snooze_room", "Nobody has to look at the conversation until then, or until the customer writes"),
        to!(hand_over::snooze),
    )
    .body(schema::<hand_over::SnoozeBody>)
    .answers(&[(OK, Some(schema::<view::CommandView>))])
    .problems(&[Kind::Conflict, Kind::Busy]),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/takeover",
        OPERATORS,
        ("take_over_room", "A person takes the conversation"),
        to!(hand_over::take_over),
    )
    .body(schema::<hand_over::TakeoverBody>)
    .answers(&[(OK, Some(schema::<view::CommandView>))])
    .problems(&[Kind::Conflict, Kind::Busy]),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/return",
        OPERATORS,
        ("return_room", "The conversation goes back to the AI agent"),
        to!(hand_over::give_back),
    )
    .body(schema::<hand_over::ReturnBody>)
    .answers(&[(OK, Some(schema::<view::CommandView>))])
    .problems(&[Kind::Conflict, Kind::Busy]),
    Route::new(Post, "/v1/rooms/{room_id}/typing", OPERATORS, ("type_in_room", "A person types"), to!(hand_over::typing))
        .body(schema::<hand_over::TypingBody>)
        .answers(&[(OK, Some(schema::<view::CommandView>))])
        .problems(WAITING),
    Route::new(Post, "/v1/rooms/{room_id}/tags", OPERATORS, ("tag_room", "Add tags to a conversation"), to!(hand_over::tag))
        .body(schema::<hand_over::TagsBody>)
        .answers(&[(OK, Some(schema::<view::CommandView>))])
        .problems(WAITING),
    Route::new(
        Delete,
        "/v1/rooms/{room_id}/tags/{tag}",
        OPERATORS,
        ("untag_room", "Take a tag off a conversation"),
        to!(hand_over::untag),
    )
    .answers(&[(OK, Some(schema::<view::CommandView>))])
    .problems(WAITING),
    Route::new(Post, "/v1/rooms/{room_id}/resolve", OPERATORS, ("resolve_room", "End the conversation"), to!(hand_over::resolve))
        .body(schema::<hand_over::ResolveBody>)
        .answers(&[(OK, Some(schema::<view::CommandView>))])
        .problems(&[Kind::Conflict, Kind::Busy]),
    Route::new(Get, "/v1/rooms/{room_id}/actor", OPERATORS, ("get_actor", "The live actor of a room"), to!(actor::get))
        .answers(&[(OK, Some(schema::<actor::LiveShape>))]),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/actor/pause",
        OPERATORS,
        ("pause_actor", "Let calls wait until resumed"),
        to!(actor::pause),
    )
    .body(schema::<actor::PauseBody>)
    .answers(&[(OK, Some(schema::<view::CommandView>))])
    .problems(&[Kind::Busy, Kind::Conflict]),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/actor/resume",
        OPERATORS,
        ("resume_actor", "Let waiting calls go on"),
        to!(actor::resume),
    )
    .answers(&[(OK, Some(schema::<view::CommandView>))])
    .problems(&[Kind::Busy, Kind::Conflict]),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/actor/drain",
        OPERATORS,
        ("drain_actor", "Finish what waits, take nothing new"),
        to!(actor::drain),
    )
    .answers(&[(OK, Some(schema::<actor::ActorChange>))]),
    Route::new(
        Post,
        "/v1/rooms/{room_id}/actor/passivate",
        OPERATORS,
        ("passivate_actor", "Go to sleep now"),
        to!(actor::passivate),
    )
    .answers(&[(OK, Some(schema::<actor::ActorChange>))])
    .problems(&[Kind::Conflict]),
    Route::new(
        Get,
        "/v1/events",
        OPERATORS,
        ("stream_events", "Live feed of all rooms (server-sent events)"),
        to!(events::stream),
    )
    .query(events::FILTERS)
    .problems(&[Kind::TooManyStreams]),
    Route::new(Get, "/v1/agents", STAFF, ("list_agents", "List agents"), to!(people::list_agents))
        .query(&PAGE)
        .answers(&[(OK, Some(list::<people::AgentView>))]),
    Route::new(Post, "/v1/agents", BUILDERS, ("post_agent", "Add an agent"), to!(people::post_agent))
        .body(schema::<people::AgentBody>)
        .answers(&[(CREATED, Some(schema::<people::AgentView>))])
        .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/agents/{agent_id}", STAFF, ("get_agent", "An agent"), to!(people::get_agent))
        .answers(&[(OK, Some(schema::<people::AgentView>))]),
    Route::new(Put, "/v1/agents/{agent_id}", BUILDERS, ("put_agent", "Add or replace an agent"), to!(people::put_agent))
        .body(schema::<people::AgentBody>)
        .answers(&[(OK, Some(schema::<people::AgentView>)), (CREATED, Some(schema::<people::AgentView>))])
        .problems(&[Kind::Conflict]),
    Route::new(Patch, "/v1/agents/{agent_id}", BUILDERS, ("patch_agent", "Change some of an agent"), to!(people::patch_agent))
        .body(schema::<people::AgentPatch>)
        .answers(&[(OK, Some(schema::<people::AgentView>))])
        .problems(&[Kind::Conflict]),
    Route::new(
        Post,
        "/v1/presence",
        OPERATORS,
        ("agent_presence", "Say that a person's console is open, and what they chose to be"),
        to!(people::presence),
    )
    .body(schema::<people::PresenceBody>)
    .answers(&[(OK, Some(schema::<people::AgentView>))]),
    Route::new(Delete, "/v1/agents/{agent_id}", BUILDERS, ("delete_agent", "Remove an agent"), to!(people::delete_agent))
        .answers(&[(NO_CONTENT, None)])
        .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/divisions", STAFF, ("list_divisions", "List divisions"), to!(divisions::list))
        .query(&PAGE)
        .answers(&[(OK, Some(list::<divisions::DivisionView>))]),
    Route::new(Post, "/v1/divisions", BUILDERS, ("post_division", "Add a division"), to!(divisions::post))
        .body(schema::<divisions::DivisionBody>)
        .answers(&[(CREATED, Some(schema::<divisions::DivisionView>))])
        .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/divisions/{division_id}", STAFF, ("get_division", "A division"), to!(divisions::get))
        .answers(&[(OK, Some(schema::<divisions::DivisionView>))]),
    Route::new(Put, "/v1/divisions/{division_id}", BUILDERS, ("put_division", "Add or replace a division"), to!(divisions::put))
        .body(schema::<divisions::DivisionBody>)
        .answers(&[(OK, Some(schema::<divisions::DivisionView>)), (CREATED, Some(schema::<divisions::DivisionView>))])
        .problems(&[Kind::Conflict]),
    Route::new(
        Patch,
        "/v1/divisions/{division_id}",
        BUILDERS,
        ("patch_division", "Change some of a division"),
        to!(divisions::patch),
    )
    .body(schema::<divisions::DivisionPatch>)
    .answers(&[(OK, Some(schema::<divisions::DivisionView>))])
    .problems(&[Kind::Conflict]),
    Route::new(Delete, "/v1/divisions/{division_id}", BUILDERS, ("delete_division", "Remove a division"), to!(divisions::delete))
        .answers(&[(NO_CONTENT, None)])
        .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/tags", STAFF, ("list_tags", "List the company's tags"), to!(company::list_tags))
        .query(&PAGE)
        .answers(&[(OK, Some(list::<company::TagView>))]),
    Route::new(Post, "/v1/tags", BUILDERS, ("post_tag", "Add a tag"), to!(company::post_tag))
        .body(schema::<company::TagBody>)
        .answers(&[(OK, Some(schema::<company::TagView>)), (CREATED, Some(schema::<company::TagView>))])
        .problems(&[Kind::Conflict]),
    Route::new(
        Delete,
        "/v1/tags/{tag}",
        BUILDERS,
        ("delete_tag", "Remove a tag from the company's list"),
        to!(company::delete_tag),
    )
    .answers(&[(NO_CONTENT, None)])
    .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/settings", STAFF, ("get_settings", "The company's policies, with an ETag"), to!(company::get_settings))
        .answers(&[(OK, Some(schema::<company::SettingsView>))]),
    Route::new(
        Put,
        "/v1/settings",
        BUILDERS,
        ("put_settings", "Replace the policies, if still as read (If-Match)"),
        to!(company::put_settings),
    )
    .body(schema::<company::SettingsView>)
    .answers(&[(OK, Some(schema::<company::SettingsView>))])
    .problems(&[Kind::PreconditionFailed]),
    Route::new(Get, "/healthz", Access::Open, ("healthz", "The process answers"), to_open!(machine::health))
        .answers(&[(OK, Some(schema::<machine::HealthView>))]),
    Route::new(Get, "/readyz", Access::Open, ("readyz", "Calls are served"), to_open!(machine::ready))
        .answers(&[(OK, Some(schema::<machine::HealthView>))])
        .problems(&[Kind::NotReady]),
    Route::new(Get, "/metrics", Access::Open, ("metrics", "Numbers for Prometheus"), to_open!(machine::metrics)),
    Route::new(Get, "/openapi.json", Access::Open, ("openapi", "This document"), to_open!(machine::openapi)),
    Route::new(Get, "/docs", Access::Open, ("docs", "This document as a page"), to_open!(machine::docs))
        .answers(&[(SEE_OTHER, None)]),
];

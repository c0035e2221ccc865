//! The one table of routes. Registration, the OpenAPI document and the tests over every route and role are all made from it;
//! a route that is not here does not exist.

use actix_web::http::{Method as HttpMethod, StatusCode};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::store::Role;

use super::auth::Access;
use super::openapi::{Schema, schema};
use super::page::{List, PAGE};
use super::problem::{ACCEPTED, CREATED, Kind, NO_CONTENT, OK, Problem, SEE_OTHER};
use super::visit::{serve, serve_open, turn_away};
use super::{actor, call_reads, calls, company, events, machine, people, rooms, view};

/// The methods routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    const fn to_http(self) -> HttpMethod {
        match self {
            Self::Get => HttpMethod::GET,
            Self::Post => HttpMethod::POST,
            Self::Put => HttpMethod::PUT,
            Self::Patch => HttpMethod::PATCH,
            Self::Delete => HttpMethod::DELETE,
        }
    }
}

/// One row of the table.
pub struct Route {
    pub method: Method,
    /// With `{names}` for its variable parts.
    pub path: &'static str,
    pub access: Access,
    /// Every query parameter it knows.
    pub query: &'static [&'static str],
    /// Name of the operation in the OpenAPI document; also the `route` in logs.
    pub id: &'static str,
    pub(super) summary: &'static str,
    pub(super) body: Option<Schema>,
    pub(super) answers: &'static [(StatusCode, Option<Schema>)],
    pub(super) problems: &'static [Kind],
    handler: fn(&'static Self) -> actix_web::Route,
}

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        access: Access,
        (id, summary): (&'static str, &'static str),
        handler: fn(&'static Self) -> actix_web::Route,
    ) -> Self {
        Self { method, path, access, query: &[], id, summary, body: None, answers: &[(OK, None)], problems: &[], handler }
    }

    const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    const fn body(mut self, body: Schema) -> Self {
        self.body = Some(body);
        self
    }

    const fn answers(mut self, answers: &'static [(StatusCode, Option<Schema>)]) -> Self {
        self.answers = answers;
        self
    }

    /// Beside those every such route has.
    const fn problems(mut self, kinds: &'static [Kind]) -> Self {
        self.problems = kinds;
        self
    }
}

/// A handler behind the door.
macro_rules! to {
    ($handler:path) => {
        |route: &'static Route| {
            let handle = move |http: HttpRequest, payload: Payload| serve(route, http, payload, $handler);
            web::method(route.method.to_http()).to(handle)
        }
    };
}

/// A handler that asks for no key.
macro_rules! to_open {
    ($handler:path) => {
        |route: &'static Route| web::method(route.method.to_http()).to(move |http: HttpRequest| serve_open(route, http, $handler))
    };
}

const CALLERS: Access = Access::Roles(&[Role::Agent]);
const READERS: Access = Access::Roles(&[Role::Agent, Role::Operator]);
const OPERATORS: Access = Access::Roles(&[Role::Operator]);
const BUILDERS: Access = Access::Roles(&[Role::Builder]);
/// Reading is the operator's, so of the directory too; writing it is the builder's.
const STAFF: Access = Access::Roles(&[Role::Operator, Role::Builder]);
const WAITING: &[Kind] = &[Kind::Busy];

use Method::{Delete, Get, Patch, Post, Put};

static TABLE: &[Route] = &[
    Route::new(
        Post,
        "/v1/rooms/{room_id}/function-calls",
        CALLERS,
        ("post_function_calls", "Call actions on a room"),
        to!(calls::post),
    )
    .body(schema::<super::openapi::CallsBody>)
    .answers(&[(OK, Some(schema::<super::openapi::CallsAnswer>)), (ACCEPTED, Some(schema::<super::openapi::CallsAnswer>))])
    .problems(WAITING),
    Route::new(
        Get,
        "/v1/function-calls",
        READERS,
        ("list_function_calls", "Search function-calls, newest first"),
        to!(call_reads::list),
    )
    .query(call_reads::FILTERS)
    .answers(&[(OK, Some(schema::<List<view::CallView>>))]),
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
    Route::new(Get, "/v1/rooms", OPERATORS, ("list_rooms", "List rooms, newest first"), to!(rooms::list))
        .query(rooms::FILTERS)
        .answers(&[(OK, Some(schema::<List<view::RoomView>>))]),
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
    .answers(&[(OK, Some(schema::<List<view::EventView>>))]),
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
    Route::new(Get, "/v1/rooms/{room_id}/actor", OPERATORS, ("get_actor", "The live actor of a room"), to!(actor::get))
        .answers(&[(OK, Some(schema::<actor::LiveView>))]),
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
        .answers(&[(OK, Some(schema::<List<people::AgentView>>))]),
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
    Route::new(Delete, "/v1/agents/{agent_id}", BUILDERS, ("delete_agent", "Remove an agent"), to!(people::delete_agent))
        .answers(&[(NO_CONTENT, None)])
        .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/divisions", STAFF, ("list_divisions", "List divisions"), to!(people::list_divisions))
        .query(&PAGE)
        .answers(&[(OK, Some(schema::<List<people::DivisionView>>))]),
    Route::new(Post, "/v1/divisions", BUILDERS, ("post_division", "Add a division"), to!(people::post_division))
        .body(schema::<people::DivisionBody>)
        .answers(&[(CREATED, Some(schema::<people::DivisionView>))])
        .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/divisions/{division_id}", STAFF, ("get_division", "A division"), to!(people::get_division))
        .answers(&[(OK, Some(schema::<people::DivisionView>))]),
    Route::new(
        Put,
        "/v1/divisions/{division_id}",
        BUILDERS,
        ("put_division", "Add or rename a division"),
        to!(people::put_division),
    )
    .body(schema::<people::DivisionBody>)
    .answers(&[(OK, Some(schema::<people::DivisionView>)), (CREATED, Some(schema::<people::DivisionView>))])
    .problems(&[Kind::Conflict]),
    Route::new(
        Delete,
        "/v1/divisions/{division_id}",
        BUILDERS,
        ("delete_division", "Remove a division"),
        to!(people::delete_division),
    )
    .answers(&[(NO_CONTENT, None)])
    .problems(&[Kind::Conflict]),
    Route::new(Get, "/v1/tags", STAFF, ("list_tags", "List the company's tags"), to!(company::list_tags))
        .query(&PAGE)
        .answers(&[(OK, Some(schema::<List<company::TagView>>))]),
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
    Route::new(Get, "/v1/ai-agents", STAFF, ("list_ai_agents", "List AI agents"), to!(company::list_ai_agents))
        .query(&PAGE)
        .answers(&[(OK, Some(schema::<List<company::AiAgentView>>))]),
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

/// Every route there is.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    TABLE.iter()
}

/// The value of `Allow` for a path.
fn allow(path: &'static str) -> String {
    let methods: Vec<_> = routes().filter(|route| route.path == path).map(|route| route.method.as_str()).collect();
    methods.join(", ")
}

async fn wrong_method(path: &'static str, http: HttpRequest) -> HttpResponse {
    turn_away(&http, Problem::method_not_allowed(allow(path)))
}

async fn nowhere(http: HttpRequest) -> HttpResponse {
    turn_away(&http, Problem::not_found())
}

/// One resource per path, so that a wrong verb is told from a wrong path.
pub(super) fn register(cfg: &mut ServiceConfig) {
    let mut done: Vec<&'static str> = vec![];
    for path in routes().map(|route| route.path) {
        if done.contains(&path) {
            continue;
        }
        done.push(path);
        let mut resource = web::resource(path);
        for route in routes().filter(|route| route.path == path) {
            resource = resource.route((route.handler)(route));
        }
        cfg.service(resource.default_service(web::to(move |http: HttpRequest| wrong_method(path, http))));
    }
    cfg.service(SwaggerUi::new("/docs/{_:.*}").config(Config::new(["/openapi.json"])));
    cfg.default_service(web::to(nowhere));
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::ALLOW;
    use actix_web::{App, test};

    #[::core::prelude::v1::test]
    fn the_table_is_consistent() {
        let mut seen = std::collections::HashSet::new();
        let mut ids = std::collections::HashSet::new();
        for route in routes() {
            assert!(seen.insert((route.method, route.path)), "{} twice", route.path);
            assert!(ids.insert(route.id), "{} twice", route.id);
            assert!(!route.summary.is_empty() && !route.answers.is_empty());
            assert_eq!(route.path.starts_with("/v1/"), route.access != Access::Open, "{}", route.path);
            assert!(route.body.is_none() || matches!(route.method, Post | Put | Patch), "{}", route.id);
        }
    }

    #[::core::prelude::v1::test]
    fn roles_are_those_of_the_design() {
        let may = |role: Role| {
            let ids =
                routes().filter(move |route| route.access != Access::Open && route.access.allows(role)).map(|route| route.id);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(may(Role::Agent), ["post_function_calls", "list_function_calls", "get_function_call"]);
        assert!(may(Role::Operator).contains(&"put_room") && !may(Role::Operator).contains(&"put_settings"));
        assert!(may(Role::Builder).contains(&"put_settings") && !may(Role::Builder).contains(&"get_room"));
        assert_eq!(may(Role::Admin).len(), routes().filter(|route| route.access != Access::Open).count());
    }

    #[actix_web::test]
    async fn a_wrong_verb_is_405_and_a_wrong_path_404() {
        let app = test::init_service(App::new().configure(register)).await;
        for route in routes() {
            let path = route.path.replace('{', "").replace('}', "");
            let request = test::TestRequest::with_uri(&path).method(HttpMethod::TRACE).to_request();
            let response = test::call_service(&app, request).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert!(response.headers().get(ALLOW).unwrap().to_str().unwrap().contains(route.method.as_str()));
            assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
            assert!(response.headers().contains_key("x-request-id"));
        }
        for path in ["/", "/v1", "//v1/rooms", "/v1/rooms/", "/v1/nothing", "/v1/../metrics", "/v1/rooms/a%2F..%2Fb/c"] {
            let response = test::call_service(&app, test::TestRequest::with_uri(path).to_request()).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json", "{path}");
        }
        let page = test::call_service(&app, test::TestRequest::with_uri("/docs/").to_request()).await;
        assert_eq!(page.status(), OK);
    }
}

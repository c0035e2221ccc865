//! What a route is, and how the table of them becomes resources of the web server. Must never register anything that the
//! table does not hold (but the page that shows it).

use actix_web::http::{Method as HttpMethod, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::auth::Access;
use super::openapi::Schema;
use super::problem::{Kind, OK, Problem};
use super::table::TABLE;
use super::table::ai_agents::AI_AGENTS;
use super::table::files::FILES;
use super::visit::turn_away;

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

    pub(super) const fn to_http(self) -> HttpMethod {
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
    /// The body comes as `multipart/form-data`; where it is JSON as well, in either.
    pub(super) upload: Option<Schema>,
    pub(super) answers: &'static [(StatusCode, Option<Schema>)],
    pub(super) problems: &'static [Kind],
    handler: fn(&'static Self) -> actix_web::Route,
}

impl Route {
    pub(super) const fn new(
        method: Method,
        path: &'static str,
        access: Access,
        (id, summary): (&'static str, &'static str),
        handler: fn(&'static Self) -> actix_web::Route,
    ) -> Self {
        Self {
            method,
            path,
            access,
            query: &[],
            id,
            summary,
            body: None,
            upload: None,
            answers: &[(OK, None)],
            problems: &[],
            handler,
        }
    }

    /// Whether what it answers in the end is JSON; not a feed, or a file's bytes.
    pub(super) fn answers_json(&self) -> bool {
        self.answers.iter().any(|(_, schema)| schema.is_some())
    }

    pub(super) const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    pub(super) const fn body(mut self, body: Schema) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) const fn upload(mut self, body: Schema) -> Self {
        self.upload = Some(body);
        self
    }

    pub(super) const fn answers(mut self, answers: &'static [(StatusCode, Option<Schema>)]) -> Self {
        self.answers = answers;
        self
    }

    /// Beside those every such route has.
    pub(super) const fn problems(mut self, kinds: &'static [Kind]) -> Self {
        self.problems = kinds;
        self
    }
}

/// Every route there is.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    TABLE.iter().chain(AI_AGENTS).chain(FILES)
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
    use super::Method::{Patch, Post, Put};
    use super::*;
    use crate::store::Role;
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
            assert_eq!(route.path.contains("{secret}"), route.access == Access::Path, "{}", route.path);
            assert!(route.body.is_none() || matches!(route.method, Post | Put | Patch), "{}", route.id);
        }
    }

    #[::core::prelude::v1::test]
    fn roles_are_those_of_the_design() {
        let may = |role: Role| {
            let ids =
                routes().filter(move |route| route.access.asks_for_key() && route.access.allows(role)).map(|route| route.id);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(may(Role::Agent), ["post_function_calls", "list_function_calls", "get_function_call"]);
        assert!(may(Role::Operator).contains(&"put_room") && !may(Role::Operator).contains(&"put_settings"));
        assert!(may(Role::Builder).contains(&"put_settings") && !may(Role::Builder).contains(&"get_room"));
        assert_eq!(may(Role::Admin).len(), routes().filter(|route| route.access.asks_for_key()).count());
    }

    #[actix_web::test]
    async fn a_wrong_verb_is_405_and_a_wrong_path_404() {
        let app = test::init_service(App::new().configure(register)).await;
        for route in routes() {
            let path = route.path.replace(['{', '}'], "");
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

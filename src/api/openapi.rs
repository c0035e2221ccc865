//! The OpenAPI 3.1 document, made from the table of routes and the types that handlers read and write.

use std::sync::OnceLock;

use actix_web::web::Bytes;
use serde_json::json;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema as OpenApiSchema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr,
    Required, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::auth::Access;
use super::page::Page;
use super::problem::{Kind, ProblemBody};
use super::routes::{Method, Route, routes};
use super::view::SummaryView;

/// Named schemas, as they are collected.
pub type Schemas = Vec<(String, RefOr<OpenApiSchema>)>;
/// Collects a type's schemas and gives the reference to it.
pub type Schema = fn(&mut Schemas) -> Ref;

/// A type of the document.
pub fn schema<T: ToSchema>(into: &mut Schemas) -> Ref {
    into.push((T::name().into_owned(), T::schema()));
    T::schemas(into);
    Ref::from_schema_name(T::name())
}

/// A page of a list of this type.
pub fn list<T: ToSchema>(into: &mut Schemas) -> Ref {
    let name = format!("{}List", T::name().trim_end_matches("View"));
    let (item, page) = (schema::<T>(into), schema::<Page>(into));
    let object = ObjectBuilder::new().property("data", ArrayBuilder::new().items(item)).property("page", page);
    into.push((name.clone(), object.required("data").required("page").into()));
    Ref::from_schema_name(name)
}

/// Function-calls, in Bellhop's own envelope; a provider's assistant message is taken as it is, too.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: catalog::dialect reads the body")]
pub struct CallsBody {
    /// The model's turn, as the caller names it.
    turn_id: Option<String>,
    /// What the model had been shown; absent is not checked.
    seen: Option<SeenBody>,
    calls: Vec<CallBody>,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct SeenBody {
    epoch: Option<i64>,
    seq: Option<i64>,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct CallBody {
    /// Chosen by the caller, unique for ever; derived from the content when absent.
    call_id: Option<String>,
    /// The provider's id of the call: echoed.
    tool_call_id: Option<String>,
    /// Name of the action.
    name: String,
    /// An object, or the text of one as models write it.
    arguments: serde_json::Value,
}

/// One result per call, always, in the order of the calls.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: answer.rs writes it by hand")]
pub struct CallsAnswer {
    room: SummaryView,
    calls: Vec<CallAnswer>,
    /// What the caller appends to its conversation next, in the dialect it spoke.
    reply: serde_json::Value,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct CallAnswer {
    call_id: Option<String>,
    tool_call_id: Option<String>,
    name: String,
    status: String,
    replayed: bool,
    result: Option<serde_json::Value>,
    error: Option<serde_json::Value>,
    /// What an open call waits for.
    parked_on: Option<String>,
}

/// The document as it is served.
pub fn text() -> Bytes {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    TEXT.get_or_init(|| Bytes::from(document().to_json().unwrap_or_default())).clone()
}

fn document() -> OpenApi {
    let mut schemas = vec![];
    let problem = schema::<ProblemBody<'static>>(&mut schemas);
    let mut paths = PathsBuilder::new();
    for route in routes() {
        let operation = operation(route, &problem, &mut schemas);
        paths = paths.path(route.path, PathItem::new(http_method(route.method), operation));
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("bh_live_…").build();
    let components =
        ComponentsBuilder::new().schemas_from_iter(schemas).security_scheme("key", SecurityScheme::Http(bearer)).build();
    let info = InfoBuilder::new().title("Bellhop").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Carries an AI agent's function-calls to the conversation room they belong to: durable, once, in order.",
    ));
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components)).build()
}

const fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route, problem: &Ref, schemas: &mut Schemas) -> OperationBuilder {
    let tag = route.path.strip_prefix("/v1/").and_then(|rest| rest.split('/').next()).unwrap_or("machines");
    let mut operation = OperationBuilder::new().operation_id(Some(route.id)).summary(Some(route.summary)).tag(tag);
    for name in variables(route.path) {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        operation = operation.parameter(parameter.schema(Some(text_schema())));
    }
    for name in route.query {
        let schema = if *name == "limit" { limit_schema() } else { text_schema() };
        operation =
            operation.parameter(ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Query).schema(Some(schema)));
    }
    for (name, about) in request_headers(route) {
        let parameter = ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Header).description(Some(*about));
        operation = operation.parameter(parameter.schema(Some(text_schema())));
    }
    let kinds = [("application/json", route.body), ("multipart/form-data", route.upload)];
    let mut body = RequestBodyBuilder::new().required(Some(Required::True));
    for (kind, schema) in kinds.into_iter().filter_map(|(kind, schema)| Some((kind, schema?))) {
        body = body.content(kind, ContentBuilder::new().schema(Some(schema(schemas))).build());
    }
    if route.body.is_some() || route.upload.is_some() {
        operation = operation.request_body(Some(body.build()));
    }
    for (status, schema) in route.answers {
        let mut response = ResponseBuilder::new().description(status.canonical_reason().unwrap_or("Done"));
        if let Some(schema) = schema {
            response = response.content("application/json", ContentBuilder::new().schema(Some(schema(schemas))).build());
        }
        operation = operation.response(status.as_str(), response);
    }
    let mut codes = std::collections::BTreeMap::<u16, Vec<&str>>::new();
    for kind in problems(route) {
        codes.entry(kind.status()).or_default().push(kind.code());
    }
    for (status, codes) in codes {
        let content = ContentBuilder::new().schema(Some(problem.clone())).build();
        let response = ResponseBuilder::new().description(codes.join(", ")).content("application/problem+json", content);
        operation = operation.response(status.to_string(), response);
    }
    if route.access.asks_for_key() {
        operation = operation.security(SecurityRequirement::new::<_, [&str; 0], &str>("key", []));
    }
    operation
}

/// Every problem a route may answer.
fn problems(route: &Route) -> Vec<Kind> {
    let mut kinds = vec![Kind::InvalidParameter, Kind::UriTooLong, Kind::HeadersTooLarge];
    if route.access.asks_for_key() && route.answers_json() {
        kinds.push(Kind::NotAcceptable);
    }
    if route.path.starts_with("/v1/") {
        kinds.extend([Kind::NotReady, Kind::ShuttingDown]);
    }
    match route.access {
        Access::Open => {}
        Access::Path if route.method == Method::Get => kinds.push(Kind::StorageUnavailable),
        // Its body is read as it is.
        Access::Path => {
            kinds.extend([Kind::MalformedJson, Kind::MalformedRequest, Kind::RequestTimeout, Kind::PayloadTooLarge]);
            kinds.push(Kind::StorageUnavailable);
        }
        _ => kinds.extend([Kind::Unauthenticated, Kind::Forbidden, Kind::StorageUnavailable]),
    }
    if route.path.contains("{room_id}") {
        kinds.push(Kind::UnknownRoom);
    } else if route.path.contains("{call_id}") {
        kinds.push(Kind::UnknownCall);
    } else if route.path.contains('{') {
        kinds.push(Kind::NotFound);
    }
    if route.body.is_some() {
        kinds.extend([Kind::MalformedJson, Kind::DuplicateKey, Kind::NotAnObject, Kind::InvalidEncoding, Kind::InvalidHeader]);
        kinds.extend([Kind::MalformedRequest, Kind::RequestTimeout, Kind::PayloadTooLarge]);
        kinds.extend([Kind::UnsupportedMediaType, Kind::UnsupportedEncoding]);
        kinds.extend([Kind::InvalidBody, Kind::UnknownField, Kind::MissingField]);
        kinds.extend([Kind::TooDeep, Kind::TooManyItems, Kind::NumberOutOfRange]);
    }
    if route.upload.is_some() {
        kinds.extend([Kind::MalformedRequest, Kind::RequestTimeout, Kind::UnsupportedMediaType, Kind::MissingField]);
        kinds.extend([Kind::InvalidBody, Kind::UnknownField, Kind::PayloadTooLarge]);
        kinds.extend([Kind::EmptyFile, Kind::TooLarge, Kind::UnsupportedType, Kind::TypeMismatch, Kind::Infected]);
        kinds.extend([Kind::ScanUnavailable, Kind::StorageFull, Kind::TooManyUploads]);
    }
    if route.path.ends_with("/function-calls") && route.method == Method::Post {
        kinds.push(Kind::InvalidField);
        kinds.extend([Kind::EmptyCalls, Kind::TooManyCalls, Kind::InvalidCallId]);
        kinds.extend([Kind::IdempotencyKeyMismatch, Kind::IdempotencyKeyReused, Kind::DuplicateCallId]);
        kinds.push(Kind::TimedOutBeforeStart);
    }
    if route.problems.contains(&Kind::Busy) {
        // What waits for a room may also find it draining, or lose its answer.
        kinds.extend([Kind::RoomDraining, Kind::OutcomeUnknown]);
    }
    kinds.extend(route.problems);
    kinds
}

fn request_headers(route: &Route) -> &'static [(&'static str, &'static str)] {
    match route.id {
        "post_function_calls" => &[
            (
                "Prefer",
                "wait=N: how many seconds to wait for the answer, 0 to 30, 10 unless said; 0: until the calls are durable",
            ),
            ("Idempotency-Key", "the call's id, if the body gives none; in a batch followed by a colon and the index"),
            ("Function-Dialect", "native or openai.chat; told apart by shape unless said"),
            ("Turn-Id", "the model's turn, if the body does not name it"),
            ("Room-Seen-Epoch", "the control epoch the model was shown"),
            ("Room-Seen-Seq", "the last message the model was shown"),
        ],
        "put_settings" => &[("If-Match", "the ETag of the policies as they were read")],
        "stream_events" => &[("Last-Event-ID", "the last event that was read")],
        _ => &[],
    }
}

fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn text_schema() -> RefOr<OpenApiSchema> {
    String::schema()
}

fn limit_schema() -> RefOr<OpenApiSchema> {
    let integer = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
    integer.minimum(Some(1)).maximum(Some(200)).default(Some(json!(50))).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_route_has_its_operation_in_a_3_1_document() {
        let document: Value = serde_json::from_slice(&text()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        for route in routes() {
            let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
            assert_eq!(operation["operationId"], route.id, "{}", route.path);
            for (status, _) in route.answers {
                assert!(operation["responses"].get(status.as_str()).is_some(), "{} {status}", route.id);
            }
            assert_eq!(operation.get("security").is_some(), route.access.asks_for_key());
            let parameters = operation["parameters"].as_array().map_or(0, Vec::len);
            assert_eq!(parameters, variables(route.path).count() + route.query.len() + request_headers(route).len());
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: Value = serde_json::from_slice(&text()).unwrap();
        fn walk(value: &Value, document: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(target)) = map.get("$ref") {
                        let target = target.trim_start_matches('#');
                        assert!(document.pointer(target).is_some(), "{target}");
                    }
                    map.values().for_each(|inner| walk(inner, document));
                }
                Value::Array(list) => list.iter().for_each(|inner| walk(inner, document)),
                _ => {}
            }
        }
        walk(&document, &document);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        assert_eq!(schemas.keys().filter(|name| name.ends_with("List")).count(), 10, "one per kind of list");
    }
}

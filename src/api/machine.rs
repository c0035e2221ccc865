//! For machines and newcomers, without a key: health, readiness, metrics, the OpenAPI document and its page.

use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, ContentType, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer;
use super::openapi;
use super::problem::{self, Kind, Problem};
use super::state::Api;
use super::visit::{Answer, turn_away};

/// A store that has not answered a read by then is not there.
const PING_LIMIT: Duration = Duration::from_secs(1);

#[derive(Serialize, ToSchema)]
pub struct HealthView {
    status: &'static str,
}

pub async fn health(_api: Data<Api>) -> Answer {
    Ok(answer::json(problem::OK, &HealthView { status: "ok" }))
}

/// Calls are served: the server has started, does not drain, and its store answers.
pub async fn ready(api: Data<Api>) -> Answer {
    if !api.is_ready() {
        return Err(Problem::new(Kind::NotReady, "The server is starting or draining."));
    }
    match tokio::time::timeout(PING_LIMIT, api.queries.ping()).await {
        Ok(Ok(())) => Ok(answer::json(problem::OK, &HealthView { status: "ready" })),
        Ok(Err(_)) | Err(_) => Err(Problem::new(Kind::NotReady, "The store does not answer.")),
    }
}

/// The answer to whoever comes while calls are not served yet, or no longer: another server may take them, or this one later.
pub fn not_serving(http: &HttpRequest, stopping: bool) -> HttpResponse {
    let (kind, detail) = match stopping {
        true => (Kind::ShuttingDown, "Nothing was accepted. Ask again in a moment, with the same ids."),
        false => (Kind::NotReady, "The server is starting. Nothing was accepted. Ask again in a moment, with the same ids."),
    };
    turn_away(http, Problem::new(kind, detail).with_body_unread())
}

pub async fn metrics(api: Data<Api>) -> Answer {
    Ok(HttpResponseBuilder::new(problem::OK)
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body((api.metrics)()))
}

pub async fn openapi(_api: Data<Api>) -> Answer {
    Ok(HttpResponseBuilder::new(problem::OK).insert_header(ContentType::json()).body(openapi::text()))
}

pub async fn docs(_api: Data<Api>) -> Answer {
    let mut response = HttpResponse::new(problem::SEE_OTHER);
    response.headers_mut().insert(LOCATION, actix_web::http::header::HeaderValue::from_static("/docs/"));
    Ok(response)
}

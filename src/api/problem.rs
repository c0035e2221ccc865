//! What goes wrong at the door, as RFC 9457 problem documents. The only place with HTTP status codes.
//! It must never echo a value somebody sent: details speak of names we chose ourselves.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::dialect::{EnvelopeProblem, ProblemKind};
use crate::library::Refused;
use crate::room::{AiAgentId, CallId, Refusal};
use crate::store::StoreError;

/// Success, as routes may answer it.
pub const OK: StatusCode = StatusCode::OK;
pub const CREATED: StatusCode = StatusCode::CREATED;
/// Durable, but not finished.
pub const ACCEPTED: StatusCode = StatusCode::ACCEPTED;
pub const NO_CONTENT: StatusCode = StatusCode::NO_CONTENT;
pub const SEE_OTHER: StatusCode = StatusCode::SEE_OTHER;
pub const NOT_MODIFIED: StatusCode = StatusCode::NOT_MODIFIED;
/// Some of a file, as it was asked for; or none, because that part does not exist.
pub const PARTIAL_CONTENT: StatusCode = StatusCode::PARTIAL_CONTENT;
pub const RANGE_NOT_SATISFIABLE: StatusCode = StatusCode::RANGE_NOT_SATISFIABLE;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $status:literal $code:literal $title:literal;)*) => {
        /// Every problem the door itself knows. A code is never renamed: callers branch on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn row(self) -> (u16, &'static str, &'static str) {
                match self { $(Self::$name => ($status, $code, $title),)* }
            }
        }
    };
}

kinds! {
    MalformedRequest 400 "malformed_request" "The request could not be read";
    MalformedJson 400 "malformed_json" "The body is not valid JSON";
    DuplicateKey 400 "duplicate_key" "A key stands twice in one object";
    NotAnObject 400 "not_an_object" "The body is not a JSON object";
    InvalidEncoding 400 "invalid_encoding" "The body is not UTF-8";
    TooDeep 400 "too_deep" "The body is nested too deeply";
    TooManyItems 400 "too_many_items" "The body has too many parts";
    InvalidParameter 400 "invalid_parameter" "A query parameter is not valid";
    InvalidHeader 400 "invalid_header" "A header is not valid";
    IdempotencyKeyMismatch 400 "idempotency_key_mismatch" "The Idempotency-Key contradicts the request";
    Unauthenticated 401 "unauthenticated" "A valid key is needed";
    Forbidden 403 "forbidden" "This key may not do that";
    NotFound 404 "not_found" "There is nothing here";
    UnknownRoom 404 "unknown_room" "There is no such room";
    UnknownCall 404 "unknown_call" "There is no such function-call";
    MethodNotAllowed 405 "method_not_allowed" "This address does not know that method";
    NotAcceptable 406 "not_acceptable" "No answer here is of a type you take";
    RequestTimeout 408 "request_timeout" "The request came too slowly";
    Conflict 409 "conflict" "It cannot be done in the present state";
    FileInUse 409 "file_in_use" "A published tool sends this file";
    AlreadyFinal 409 "already_final" "The function-call has already ended";
    PreconditionFailed 412 "precondition_failed" "It was changed since you read it";
    TooLarge 413 "too_large" "The file is too large";
    PayloadTooLarge 413 "payload_too_large" "The body is too large";
    UriTooLong 414 "uri_too_long" "The address is too long";
    UnsupportedMediaType 415 "unsupported_media_type" "The body has a media type that is not taken here";
    UnsupportedType 415 "unsupported_type" "Files of this type are not taken";
    UnsupportedEncoding 415 "unsupported_encoding" "The body must not be compressed";
    InvalidBody 422 "invalid_body" "A field is not valid";
    UnknownField 422 "unknown_field" "A field is not known";
    MissingField 422 "missing_field" "A field is missing";
    InvalidField 422 "invalid_field" "A field is not valid";
    NumberOutOfRange 422 "number_out_of_range" "A number is out of range";
    EmptyFile 422 "empty_file" "The file has no bytes";
    TypeMismatch 422 "type_mismatch" "The file is not what it is called";
    Infected 422 "infected" "The scanner found something in the file";
    EmptyCalls 422 "empty_calls" "The request holds no calls";
    TooManyCalls 422 "too_many_calls" "The request holds too many calls";
    InvalidCallId 422 "invalid_call_id" "The id of a call is not valid";
    DuplicateCallId 422 "duplicate_call_id" "Two calls of one request have the same id";
    IdempotencyKeyReused 422 "idempotency_key_reused" "This id already belongs to another call";
    HeadersTooLarge 431 "headers_too_large" "The headers are too many or too large";
    Busy 429 "busy" "The room has too many calls waiting";
    RoomDraining 503 "room_draining" "The room is finishing its work and takes no new calls";
    TimedOutBeforeStart 503 "timed_out_before_start" "The call did not start in time; nothing was accepted";
    OutcomeUnknown 503 "outcome_unknown" "The request may or may not have been accepted";
    StorageUnavailable 503 "storage_unavailable" "The store cannot be reached; nothing was accepted";
    NotReady 503 "not_ready" "The server does not serve calls now";
    ShuttingDown 503 "shutting_down" "The server is stopping";
    ScanUnavailable 503 "scan_unavailable" "The file could not be scanned; it was not kept";
    TooManyUploads 503 "too_many_uploads" "Too many files are coming in";
    StorageFull 507 "storage_full" "There is no space left for files";
    TooManyStreams 503 "too_many_streams" "Too many live feeds are open";
}

impl Kind {
    pub fn code(self) -> &'static str {
        self.row().1
    }

    pub(super) fn status(self) -> u16 {
        self.row().0
    }
}

/// One field at fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body.
    pub pointer: String,
    pub code: &'static str,
}

/// A refusal of the request as a whole.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: u16,
    code: &'static str,
    title: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    candidates: Vec<String>,
    used_by: Vec<String>,
    call_id: Option<CallId>,
    allow: Option<String>,
    retry_after_s: Option<u32>,
    unread: bool,
}

/// How it stands on the wire.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// `/problems/<slug>`, one per code.
    r#type: String,
    title: &'a str,
    status: u16,
    /// One or two sentences for the person or program that asked.
    detail: &'a str,
    /// Stable, snake_case.
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// Names that may have been meant.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    candidates: &'a [String],
    /// The AI agents whose published tools stand in the way.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    used_by: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<&'a str>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let (status, code, title) = kind.row();
        let retry_after_s = match kind {
            Kind::RoomDraining | Kind::NotReady | Kind::TooManyStreams => Some(5),
            Kind::ScanUnavailable | Kind::TooManyUploads => Some(5),
            Kind::Busy | Kind::TimedOutBeforeStart | Kind::OutcomeUnknown => Some(1),
            Kind::StorageUnavailable | Kind::ShuttingDown => Some(1),
            _ => None,
        };
        let (title, detail) = (title.into(), detail.into());
        Self(Box::new(Parts {
            status,
            code,
            title,
            detail,
            errors: vec![],
            candidates: vec![],
            used_by: vec![],
            call_id: None,
            allow: None,
            retry_after_s,
            unread: false,
        }))
    }

    /// One and the same answer for every cause, so that nobody learns how close a guess was.
    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "Send one Authorization header: Bearer, then a key of Bellhop.")
    }

    pub fn unknown_room() -> Self {
        Self::new(Kind::UnknownRoom, "No room of your company has this id.")
    }

    pub fn unknown_call() -> Self {
        Self::new(Kind::UnknownCall, "No function-call that this key may see has this id.")
    }

    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "See /openapi.json for what there is.")
    }

    /// `allow` is the value of the `Allow` header.
    pub fn method_not_allowed(allow: String) -> Self {
        let mut problem = Self::new(Kind::MethodNotAllowed, "The Allow header names the methods of this address.");
        problem.0.allow = Some(allow);
        problem
    }

    /// A field of a JSON body; `pointer` must be made of names we know.
    pub fn field(kind: Kind, pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::new(kind, detail);
        problem.0.errors = vec![FieldError { pointer: pointer.into(), code: kind.code() }];
        problem
    }

    /// Names of ours that may have been meant.
    #[must_use]
    pub fn with_candidates(mut self, names: Vec<String>) -> Self {
        self.0.candidates = names;
        self
    }

    /// The AI agents whose published tools send a file.
    pub fn file_in_use(ai_agents: &[AiAgentId]) -> Self {
        let mut problem = Self::new(Kind::FileInUse, "Archive it, or publish tools without it first. Nothing was done.");
        problem.0.used_by = ai_agents.iter().map(AiAgentId::to_string).collect();
        problem
    }

    #[must_use]
    pub fn about_call(mut self, call_id: CallId) -> Self {
        self.0.call_id = Some(call_id);
        self
    }

    /// Some of the body was not read: what is still to come must not be taken for the next request.
    #[must_use]
    pub fn with_body_unread(mut self) -> Self {
        self.0.unread = true;
        self
    }

    /// A body of the hot path that no dialect can read.
    pub fn envelope(problem: &EnvelopeProblem) -> Self {
        let status = match problem.kind() {
            ProblemKind::Malformed400 => 400,
            ProblemKind::Unprocessable422 => 422,
        };
        Self::free(status, problem.code(), problem.detail())
    }

    /// A person's command that the room refused.
    pub fn refused(refusal: Refusal) -> Self {
        let status = match refusal.code {
            "unknown_room" => return Self::unknown_room(),
            "unknown_call" => return Self::unknown_call(),
            "unknown_agent" | "unknown_argument" | "argument_invalid" | "argument_missing" => 422,
            _ => 409,
        };
        Self::free(status, refusal.code, refusal.message)
    }

    /// Codes made elsewhere: the title comes from our own list, or is the code in words.
    fn free(status: u16, code: &'static str, detail: String) -> Self {
        let known = Kind::ALL.iter().find(|kind| kind.code() == code);
        let title = known.map_or_else(|| code.replace('_', " ").into(), |kind| Cow::Borrowed(kind.row().2));
        let detail = detail.into();
        Self(Box::new(Parts {
            status,
            code,
            title,
            detail,
            errors: vec![],
            candidates: vec![],
            used_by: vec![],
            call_id: None,
            allow: None,
            retry_after_s: None,
            unread: false,
        }))
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    pub fn status(&self) -> u16 {
        self.0.status
    }

    pub fn into_response(self, request_id: &str) -> HttpResponse {
        let parts = self.0;
        let body = ProblemBody {
            r#type: format!("/problems/{}", parts.code.replace('_', "-")),
            title: &parts.title,
            status: parts.status,
            detail: &parts.detail,
            code: parts.code,
            request_id,
            errors: &parts.errors,
            candidates: &parts.candidates,
            used_by: &parts.used_by,
            call_id: parts.call_id.as_ref().map(CallId::as_str),
        };
        let status = StatusCode::from_u16(parts.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let mut response = HttpResponseBuilder::new(status);
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")));
        if let Some(allow) = parts.allow {
            response.insert_header((ALLOW, allow));
        }
        if let Some(seconds) = parts.retry_after_s {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if parts.unread || matches!(parts.status, 408 | 413) {
            // What is still to come of the body would be read as the next request.
            response.force_close();
        }
        if parts.status == 401 {
            response.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bellhop\"")));
        }
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl From<Refused> for Problem {
    /// Its sentence is ours, but for what the disk or the scanner said: that goes to the log.
    fn from(refused: Refused) -> Self {
        let kind = Kind::ALL.iter().copied().find(|kind| kind.code() == refused.code()).unwrap_or(Kind::StorageUnavailable);
        match &refused {
            Refused::Storage(why) | Refused::BadSetting(why) | Refused::ScanUnavailable(why) => {
                tracing::error!(why, code = refused.code(), "a file could not be kept or read");
                Self::new(kind, "Files cannot be kept or read now; nothing was kept. Ask again in a moment.")
            }
            _ => Self::new(kind, refused.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    /// The caller gets a sentence of ours; what the store said goes to the log.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::not_found(),
            StoreError::Conflict(_) => Self::new(Kind::Conflict, "Something else depends on it or has the same name."),
            StoreError::Invalid(_) => Self::new(Kind::InvalidBody, "The store cannot keep this."),
            other => {
                tracing::error!(error = &other as &dyn std::error::Error, "the store did not answer a request");
                Self::new(Kind::StorageUnavailable, "Ask again in a moment.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    #[actix_web::test]
    async fn a_problem_is_an_rfc_9457_document_and_never_a_500() {
        for kind in Kind::ALL {
            let response = Problem::new(*kind, "d").into_response("req_1");
            assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), "application/problem+json");
            assert!(response.status().as_u16() >= 400 && response.status() != StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), *kind == Kind::Unauthenticated);
            let overload = matches!(response.status().as_u16(), 429 | 503);
            assert_eq!(response.headers().contains_key(RETRY_AFTER), overload, "{kind:?}");
            let body: serde_json::Value = serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
            assert_eq!(body["code"], kind.code());
            assert_eq!(body["type"], format!("/problems/{}", kind.code().replace('_', "-")));
            assert_eq!(body["request_id"], "req_1");
            assert!(body.get("errors").is_none() && body.get("call_id").is_none());
        }
    }

    #[test]
    fn codes_are_unique_and_snake_case() {
        let mut seen = std::collections::HashSet::new();
        for kind in Kind::ALL {
            assert!(seen.insert(kind.code()), "{kind:?}");
            assert!(kind.code().chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        }
    }

    #[test]
    fn a_rooms_refusal_keeps_its_code() {
        let refused = |code| Problem::refused(Refusal::new(code, crate::room::Next::DoNotRetry, "No."));
        assert_eq!((refused("room_resolved").status(), refused("room_resolved").code()), (409, "room_resolved"));
        assert_eq!(refused("unknown_agent").status(), 422);
        assert_eq!(refused("unknown_room").status(), 404);
    }
}

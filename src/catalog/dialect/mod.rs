//! The shapes in which models and their frameworks post calls, and what they append next. Each dialect is a file; past
//! this folder nobody knows which one a call came in.

mod native;
mod openai_chat;
mod reply;

use crate::room::{Next, Refusal, Seen};

use super::json::{self, JsonProblem, Object, Value};

pub use reply::{ReplyItem, write_reply};

/// Most calls in one request.
pub const MAX_CALLS: usize = 64;
/// Longest turn id, in bytes.
pub const MAX_TURN_ID: usize = 128;
/// Longest id a provider may give a call, in bytes.
const MAX_TOOL_CALL_ID: usize = 256;
/// Longest name a tool may be called by, in bytes; longer ones are not a model's mistake.
const MAX_NAME: usize = 256;

/// A wire shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Native,
    OpenaiChat,
}

impl Dialect {
    pub const ALL: [Self; 2] = [Self::Native, Self::OpenaiChat];

    /// Its name in the `Function-Dialect` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OpenaiChat => "openai.chat",
        }
    }

    /// The other way round; `None`: a name we do not know.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == name)
    }
}

/// One request, whatever it looked like.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub dialect: Dialect,
    pub turn_id: Option<String>,
    pub seen: Seen,
    /// 1 to `MAX_CALLS`.
    pub calls: Vec<RawCall>,
}

/// One call as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct RawCall {
    /// Chosen by the caller, and a valid `CallId`.
    pub call_id: Option<String>,
    pub tool_call_id: Option<String>,
    pub name: String,
    /// `Err`: no JSON object, which is the model's to mend.
    pub arguments: Result<Object, Refusal>,
    /// The caller means it again, even if an equal one was done before.
    pub repeat: bool,
}

/// Why a request as a whole was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeProblem {
    Json(JsonProblem),
    /// A JSON pointer.
    MissingField(String),
    UnknownField(String),
    /// A JSON pointer, and how the value must be.
    InvalidField(String, &'static str),
    EmptyCalls,
    TooManyCalls,
    InvalidCallId(String),
    DuplicateCallId(String),
}

/// The two ways a request can be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// It cannot be read.
    Malformed400,
    /// It can be read and makes no sense.
    Unprocessable422,
}

impl EnvelopeProblem {
    /// Stable, snake_case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(JsonProblem::Malformed { .. }) => "malformed_json",
            Self::Json(JsonProblem::NotAnObject) => "not_an_object",
            Self::Json(JsonProblem::DuplicateKey) => "duplicate_key",
            Self::Json(JsonProblem::TooDeep) => "too_deep",
            Self::Json(JsonProblem::TooManyNodes) => "too_many_items",
            Self::Json(JsonProblem::Encoding) => "invalid_encoding",
            Self::Json(JsonProblem::NumberOutOfRange) => "number_out_of_range",
            Self::MissingField(_) => "missing_field",
            Self::UnknownField(_) => "unknown_field",
            Self::InvalidField(..) => "invalid_field",
            Self::EmptyCalls => "empty_calls",
            Self::TooManyCalls => "too_many_calls",
            Self::InvalidCallId(_) => "invalid_call_id",
            Self::DuplicateCallId(_) => "duplicate_call_id",
        }
    }

    /// One sentence for the programmer at the other end; echoes no values, only where they stand.
    pub fn detail(&self) -> String {
        match self {
            Self::Json(problem) => problem.to_string(),
            Self::MissingField(pointer) => format!("{pointer} is missing."),
            Self::UnknownField(pointer) => format!("{pointer} is not a field of this request."),
            Self::InvalidField(pointer, how) => format!("{pointer} must be {how}."),
            Self::EmptyCalls => "The request holds no calls.".into(),
            Self::TooManyCalls => format!("A request holds at most {MAX_CALLS} calls."),
            Self::InvalidCallId(pointer) => format!("{pointer} must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -"),
            Self::DuplicateCallId(pointer) => format!("{pointer} is the id of an earlier call of this request."),
        }
    }

    pub const fn kind(&self) -> ProblemKind {
        match self {
            Self::Json(JsonProblem::NumberOutOfRange) => ProblemKind::Unprocessable422,
            Self::Json(_) => ProblemKind::Malformed400,
            _ => ProblemKind::Unprocessable422,
        }
    }
}

impl From<JsonProblem> for EnvelopeProblem {
    fn from(problem: JsonProblem) -> Self {
        Self::Json(problem)
    }
}

/// Reads a body. Without a hint the shape tells the dialect: `calls` is ours, `tool_calls`, `role` or `choices` OpenAI's.
pub fn parse(body: &[u8], hint: Option<Dialect>) -> Result<Envelope, EnvelopeProblem> {
    let root = json::parse(body)?;
    let looks_openai = || ["tool_calls", "role", "choices"].iter().any(|key| root.get(key).is_some());
    let dialect = hint.unwrap_or_else(|| match root.get("calls") {
        None if looks_openai() => Dialect::OpenaiChat,
        _ => Dialect::Native,
    });
    let envelope = match dialect {
        Dialect::Native => native::parse(root)?,
        Dialect::OpenaiChat => openai_chat::parse(root)?,
    };
    debug_assert!(!envelope.calls.is_empty() && envelope.calls.len() <= MAX_CALLS);
    Ok(envelope)
}

/// Bounds of a list of calls.
fn bounded(calls: Vec<Value>) -> Result<Vec<Value>, EnvelopeProblem> {
    match calls.len() {
        0 => Err(EnvelopeProblem::EmptyCalls),
        1..=MAX_CALLS => Ok(calls),
        _ => Err(EnvelopeProblem::TooManyCalls),
    }
}

/// A text of 1 to `max` bytes on one line, out of an envelope.
fn line(value: Value, max: usize, pointer: impl Fn() -> String, how: &'static str) -> Result<String, EnvelopeProblem> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control) => Ok(text),
        _ => Err(EnvelopeProblem::InvalidField(pointer(), how)),
    }
}

fn name(value: Option<Value>, pointer: impl Fn() -> String) -> Result<String, EnvelopeProblem> {
    match value {
        None | Some(Value::Null) => Err(EnvelopeProblem::MissingField(pointer())),
        Some(value) => line(value, MAX_NAME, pointer, "a tool's name, 1 to 256 bytes on one line"),
    }
}

fn tool_call_id(value: Value, pointer: impl Fn() -> String) -> Result<String, EnvelopeProblem> {
    line(value, MAX_TOOL_CALL_ID, pointer, "a text of 1 to 256 bytes on one line")
}

/// Arguments as an object or as JSON text of one. What the model wrote badly is a refusal it can read; what no honest model
/// writes (a key twice, absurd nesting or size) is the request's fault.
fn arguments(value: Value) -> Result<Result<Object, Refusal>, EnvelopeProblem> {
    let refuse = |what: &str| Refusal::new("argument_invalid", Next::FixAndRetry, format!("The arguments {what}."));
    match value {
        Value::Object(object) => Ok(Ok(object)),
        // Some models write nothing where a tool needs nothing.
        Value::String(text) if text.trim().is_empty() => Ok(Ok(Object::default())),
        Value::String(text) => match json::parse(text.as_bytes()) {
            Ok(object) => Ok(Ok(object)),
            Err(problem @ (JsonProblem::DuplicateKey | JsonProblem::TooDeep | JsonProblem::TooManyNodes)) => Err(problem.into()),
            Err(JsonProblem::NotAnObject) => Ok(Err(refuse("must be one JSON object"))),
            Err(JsonProblem::NumberOutOfRange) => {
                Ok(Err(refuse("hold a number that is too large or too small to be kept exactly")))
            }
            Err(JsonProblem::Malformed { .. } | JsonProblem::Encoding) => {
                Ok(Err(refuse("are not valid JSON. Write them again as one JSON object")))
            }
        },
        other => Ok(Err(refuse(&format!("must be one JSON object, not {}", other.kind())))),
    }
}

#[cfg(test)]
mod tests;

//! What one call leads to. A decision is a plan: nothing has happened until its facts are applied and committed.

use std::sync::Arc;

use serde::Serialize;

use super::event::Fact;
use super::parked::ParkedOn;
use super::refusal::Refusal;

/// The JSON object a succeeded call answers with, already written out (it is stored, replied and replayed as it is).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultJson(pub String);

impl ResultJson {
    /// `value` must serialise to a JSON object; what cannot be written becomes `{}` (our own types always can).
    pub fn of<T: Serialize>(value: &T) -> Self {
        Self(serde_json::to_string(value).unwrap_or_else(|_| "{}".into()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The call is finished: these facts (perhaps none), and this answer.
    Done {
        facts: Vec<Fact>,
        result: ResultJson,
    },
    Refused(Refusal),
    /// The call waits, durably; `facts` already happened.
    Parked {
        facts: Vec<Fact>,
        on: ParkedOn,
    },
}

/// An answer as it is stored: `{"result":{…}}` or `{"error":{…}}`. `json` is an object already written out.
pub fn answer_body(field: &str, json: &str) -> Arc<str> {
    let mut body = String::with_capacity(field.len() + json.len() + 5);
    body.push_str("{\"");
    body.push_str(field);
    body.push_str("\":");
    body.push_str(json);
    body.push('}');
    body.into()
}

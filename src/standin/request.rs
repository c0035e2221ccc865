//! A request as it came in and an answer as it goes out, free of the web server's types, so that everything between them is
//! plain functions.

use std::collections::BTreeMap;

use actix_web::web::{Bytes, Query};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// A record, a row of a template, a body: an object of JSON.
pub type Record = Map<String, Value>;

/// The headers anybody here looks at.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    pub authorization: Option<String>,
    pub date: Option<String>,
    pub digest: Option<String>,
    pub content_type: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Incoming {
    pub received: Timestamp,
    pub method: String,
    /// As sent, without the query.
    pub path: String,
    pub query: String,
    pub heads: Heads,
    pub body: Bytes,
}

impl Incoming {
    /// The request line's target, which is what gets signed.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    pub fn bearer(&self) -> Option<&str> {
        let value = self.heads.authorization.as_deref()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    pub fn is_of_type(&self, mime: &str) -> bool {
        let sent = self.heads.content_type.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default();
        sent.trim().eq_ignore_ascii_case(mime)
    }

    pub fn query(&self) -> Vec<(String, String)> {
        form(&self.query)
    }

    /// The fields of a form or of a JSON object, as text; nothing when it is neither.
    pub fn fields(&self) -> BTreeMap<String, String> {
        if self.is_of_type("application/json") {
            let object: Record = serde_json::from_slice(&self.body).unwrap_or_default();
            let as_text = |value: Value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            return object.into_iter().map(|(key, value)| (key, as_text(value))).collect();
        }
        form(std::str::from_utf8(&self.body).unwrap_or_default()).into_iter().collect()
    }
}

fn form(text: &str) -> Vec<(String, String)> {
    Query::<Vec<(String, String)>>::from_query(text).map(Query::into_inner).unwrap_or_default()
}

/// What goes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Json(Value),
    Text {
        mime: &'static str,
        text: String,
    },
    Bytes {
        mime: String,
        bytes: Bytes,
    },
    Nothing,
    /// The connection is closed without a byte of an answer.
    Cut,
    /// The connection stays open and nothing ever comes.
    Silence,
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: vec![], body: Content::Json(body) }
    }

    pub fn of(status: u16, body: Content) -> Self {
        Self { status, headers: vec![], body }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// What the journal says was answered.
    pub fn told(&self) -> Option<u16> {
        (!matches!(self.body, Content::Cut | Content::Silence)).then_some(self.status)
    }
}

/// Copies an object out of `json!`; anything else becomes an empty one.
pub fn record(value: Value) -> Record {
    match value {
        Value::Object(object) => object,
        _ => Record::new(),
    }
}

/// The whole number under a key.
pub fn int(record: &Record, key: &str) -> Option<i64> {
    record.get(key).and_then(Value::as_i64)
}

/// The text under a key.
pub fn text<'a>(record: &'a Record, key: &str) -> Option<&'a str> {
    record.get(key).and_then(Value::as_str)
}

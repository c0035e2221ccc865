//! What the adapter writes down with a part: the request, byte for byte, and what is needed to judge and tell its outcome
//! after a restart. Holds no token.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::change::Change;
use super::record::Record;

/// `Part::request`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    /// `POST` or `PUT`.
    pub method: String,
    /// From the API's mount on: `/deals/41`.
    pub path: String,
    /// Sent exactly so.
    pub body: Box<RawValue>,
    /// Id of the record that is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<i64>,
    /// When the record that is changed was changed last, as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    pub changes: Vec<Change>,
    /// The record as we expect it, in a result's words; what the CRM shows goes on top.
    pub view: Record,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Other intents that would have made the same record (`Link::also`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The contact the new record is linked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<i64>,
}

/// `PartDone::answer`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The record, in a result's words.
    #[serde(default)]
    pub view: Record,
    /// Changed fields that the CRM does not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
    /// The answer did not show the record: it is read once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
}

impl Written {
    pub fn method(&self) -> &'static str {
        if self.method == "PUT" { "PUT" } else { "POST" }
    }

    pub fn parse(request: &str) -> Result<Self, std::sync::Arc<str>> {
        serde_json::from_str(request).map_err(|why| format!("a part's request cannot be read: {why}").into())
    }

    pub fn to_text(&self) -> Result<String, std::sync::Arc<str>> {
        serde_json::to_string(self).map_err(|why| format!("a part's request cannot be written: {why}").into())
    }
}

/// A body as it will be sent.
pub fn body(record: &Record) -> Result<Box<RawValue>, std::sync::Arc<str>> {
    serde_json::value::to_raw_value(record).map_err(|why| format!("a body cannot be written: {why}").into())
}

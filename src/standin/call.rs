//! One request on its way through a handler: who asks, for what, what its body holds, and what is to happen later.

use jiff::Timestamp;
use serde_json::Value;

use super::request::{Incoming, Record};

/// What happens after the answer, outside the lock.
#[derive(Clone, Debug)]
pub enum Later {
    /// A webhook.
    Post { url: String, body: Value, delay_ms: u64 },
    /// A webhook with a signature, told again until it is received.
    Signed { url: String, body: Value, secret: String, delay_ms: u64 },
    /// The handshake before the first webhook of a business number.
    Verify { url: String, verify_token: String, phone: String },
    /// A room becomes resolved.
    Resolve { room_id: String, delay_ms: u64 },
}

#[derive(Debug)]
pub struct Call {
    /// Position of the organisation.
    pub org: usize,
    /// What stood in the places of `{…}`.
    pub parameters: Vec<String>,
    pub query: Vec<(String, String)>,
    pub incoming: Incoming,
    pub now: Timestamp,
    /// Counts requests; two answers never carry the same.
    pub number: u64,
    /// Keys the vendor's API does not know; a query key with a `?` before it.
    pub unknown: Vec<String>,
    pub later: Vec<Later>,
}

impl Call {
    pub fn parameter(&self, position: usize) -> &str {
        self.parameters.get(position).map_or("", String::as_str)
    }

    /// The id in the path.
    pub fn id(&self) -> Option<i64> {
        self.parameter(0).parse().ok()
    }

    pub fn asked(&self, key: &str) -> Option<&str> {
        let found = self.query.iter().find(|(name, value)| name == key && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// A list in the query: once with commas, several times, or with `[]`.
    pub fn asked_ids(&self, key: &str) -> Option<Vec<i64>> {
        let mut ids: Option<Vec<i64>> = None;
        for (name, value) in &self.query {
            if name.strip_suffix("[]").unwrap_or(name) == key {
                ids.get_or_insert_default().extend(value.split(',').filter_map(|id| id.trim().parse::<i64>().ok()));
            }
        }
        ids
    }

    /// The body as an object. A body that is none is the client's fault; so is one that is not declared as JSON.
    pub fn object(&self) -> Result<Record, &'static str> {
        if !self.incoming.is_of_type("application/json") {
            return Err("The request body must be application/json.");
        }
        serde_json::from_slice(&self.incoming.body).map_err(|_| "There was a problem in the JSON you submitted.")
    }

    /// Notes what the API has no name for. It is ignored, as the vendor does, but the journal shows it.
    pub fn flag_unknown(&mut self, body: &Record, known: impl Fn(&str) -> bool, under: &str) {
        let keys = body.keys().filter(|key| !known(key));
        self.unknown.extend(keys.map(|key| format!("{under}{key}")));
    }
}

//! Every request that came, as it came, with the keys the vendor's API does not know. It must never hold a header, a token
//! or the body of a token request, and never more than its bound.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::dates;

/// Unless it is told otherwise, so many; the oldest leave first.
pub const MOST_ENTRIES: usize = 100_000;
/// Of each body.
const MOST_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub struct Entry {
    pub at: Timestamp,
    pub org: Option<usize>,
    pub method: String,
    pub path: String,
    pub query: String,
    /// `None`: nobody answered.
    pub status: Option<u16>,
    pub unknown_keys: Vec<String>,
    /// The fault that was played, if one was.
    pub fault: Option<&'static str>,
    pub body: Kept,
}

/// A body as text: parsed only when somebody looks, because there are many and few are looked at.
#[derive(Debug, Default)]
pub struct Kept(Option<Box<str>>);

impl Kept {
    fn shown(&self) -> Value {
        match &self.0 {
            None => Value::Null,
            Some(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_string())),
        }
    }
}

impl From<Value> for Kept {
    fn from(value: Value) -> Self {
        Self(Some(value.to_string().into()))
    }
}

impl Entry {
    fn shown(&self) -> Value {
        json!({
            "at": dates::with_z(self.at),
            "org": self.org,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "unknown_keys": self.unknown_keys,
            "fault": self.fault,
            "body": self.body.shown(),
        })
    }
}

#[derive(Debug)]
pub struct Journal {
    most: usize,
    entries: VecDeque<Entry>,
    dropped: u64,
}

impl Journal {
    /// Of so many entries at most.
    pub fn of(most: usize) -> Self {
        Self { most: most.max(1), entries: VecDeque::new(), dropped: 0 }
    }

    pub fn add(&mut self, entry: Entry) {
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(entry);
    }

    pub fn clear(&mut self) {
        *self = Self::of(self.most);
    }

    /// In the order they came.
    pub fn report(&self, chosen: impl Fn(&Entry) -> bool) -> Value {
        let data: Vec<Value> = self.entries.iter().filter(|entry| chosen(entry)).map(Entry::shown).collect();
        json!({"data": data, "dropped": self.dropped})
    }
}

/// A body as the journal keeps it; a long one is cut, and then is text.
pub fn kept_body(bytes: &[u8]) -> Kept {
    let kept = &bytes[..bytes.len().min(MOST_BYTES)];
    Kept((!bytes.is_empty()).then(|| String::from_utf8_lossy(kept).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_kept_up_to_their_bound() {
        assert_eq!(kept_body(b"").shown(), Value::Null);
        assert_eq!(kept_body(br#"{"a":1}"#).shown(), json!({"a": 1}));
        assert_eq!(kept_body(b"grant_type=x").shown(), json!("grant_type=x"));
        let long = format!("\"{}\"", "x".repeat(2 * MOST_BYTES));
        assert_eq!(kept_body(long.as_bytes()).shown().as_str().unwrap().len(), MOST_BYTES);
    }

    #[test]
    fn the_oldest_leave_first() {
        let mut journal = Journal::of(100);
        for n in 0..=100 {
            journal.add(Entry {
                at: Timestamp::UNIX_EPOCH,
                org: None,
                method: "GET".into(),
                path: n.to_string(),
                query: String::new(),
                status: None,
                unknown_keys: vec![],
                fault: None,
                body: Kept::default(),
            });
        }
        let report = journal.report(|entry| entry.path == "0" || entry.path == "1");
        assert_eq!((report["dropped"].as_u64(), report["data"][0]["path"].as_str()), (Some(1), Some("1")));
    }
}

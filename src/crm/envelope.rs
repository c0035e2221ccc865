//! The CRM's envelope: `meta` and `response`, the status inside a 200, and the one sentence worth reading in an error
//! (qontak-api.md 1.3 and section 5, 1). Never fails: HTML, nothing, or wrong JSON are "unreadable".

use serde_json::Value;

use crate::catalog::nearest::shown_within;

use super::dates;
use super::record::{self, Record};

/// Longest part of the CRM's own words that is passed on, in characters.
const LONGEST_MESSAGE: usize = 200;

/// An answer that is a JSON object, and how many bytes it took.
#[derive(Debug)]
pub struct Envelope(Record, usize);

impl Envelope {
    pub fn parse(body: &[u8]) -> Option<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Some(Self(object, body.len())),
            _ => None,
        }
    }

    pub fn bytes(&self) -> usize {
        self.1
    }

    /// `meta.status`: a 200 may carry another one (qontak-api.md 1.3).
    pub fn inner_status(&self) -> Option<u16> {
        record::int(self.0.get("meta")?.get("status")?).and_then(|status| u16::try_from(status).ok())
    }

    /// Whether it says that all went well.
    pub fn is_good(&self) -> bool {
        match self.inner_status() {
            Some(status) => (200..300).contains(&status),
            None => self.0.contains_key("response"),
        }
    }

    pub fn record(&self) -> Option<&Record> {
        self.0.get("response").and_then(Value::as_object)
    }

    /// The record, if it says which one it is.
    pub fn identified(&self) -> Option<&Record> {
        self.record().filter(|record| record::int_of(record, "id").is_some())
    }

    pub fn rows(&self) -> Option<&Vec<Value>> {
        self.0.get("response").and_then(Value::as_array)
    }

    /// What the CRM's own clock showed when it answered, in microseconds.
    pub fn said_at(&self) -> Option<i64> {
        dates::moment_of(self.0.get("meta")?.get("timestamp")?.as_str()?)
    }

    /// How many pages a list has, if it says so.
    pub fn total_pages(&self) -> Option<i64> {
        record::int_of(&self.0, "total_page")
    }
}

/// What an error says, tidied and cut: the first of the places where such texts were seen.
pub fn message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let meta = |key: &str| body.get("meta")?.get(key)?.as_str();
    let top = |key: &str| body.get(key)?.as_str();
    let listed = || body.get("error")?.get("messages")?.get(0)?.as_str();
    let places = [meta("developer_message"), meta("message"), top("error_description"), top("error"), top("message"), listed()];
    places.into_iter().flatten().map(|text| shown_within(text, LONGEST_MESSAGE)).find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_200_can_say_422_inside() {
        let answer = Envelope::parse(br#"{"meta":{"status":422,"message":"no"}}"#).unwrap();
        assert_eq!((answer.inner_status(), answer.is_good()), (Some(422), false));
        let answer = Envelope::parse(br#"{"meta":{"status":"404"}}"#).unwrap();
        assert_eq!(answer.inner_status(), Some(404));
        assert!(Envelope::parse(br#"{"meta":{"status":200}}"#).unwrap().is_good());
        assert!(Envelope::parse(br#"{"response":{}}"#).unwrap().is_good());
        assert!(!Envelope::parse(br#"{}"#).unwrap().is_good());
    }

    #[test]
    fn a_record_counts_only_with_its_id() {
        assert!(Envelope::parse(br#"{"meta":{"status":200},"response":{"name":"x"}}"#).unwrap().identified().is_none());
        assert!(Envelope::parse(br#"{"meta":{"status":200},"response":[]}"#).unwrap().identified().is_none());
        assert!(Envelope::parse(br#"{"meta":{"status":200},"response":{"id":1}}"#).unwrap().identified().is_some());
    }

    #[test]
    fn what_is_not_an_object_is_unreadable() {
        for body in [&b"<html><body>502 Bad Gateway</body></html>"[..], b"", b"[1]", b"\"x\"", b"{\"meta\":", &[0xff; 2_000_000]]
        {
            assert!(Envelope::parse(body).is_none());
            assert_eq!(message(body), None);
        }
    }

    #[test]
    fn the_message_is_the_first_of_the_known_places() {
        let said = |body: &str| message(body.as_bytes());
        assert_eq!(said(r#"{"meta":{"developer_message":"a","message":"b"},"error":"c"}"#).as_deref(), Some("a"));
        assert_eq!(said(r#"{"meta":{"message":"b"},"error":"c"}"#).as_deref(), Some("b"));
        assert_eq!(said(r#"{"error_description":"d","error":"c"}"#).as_deref(), Some("d"));
        assert_eq!(said(r#"{"error":"c","message":"m"}"#).as_deref(), Some("c"));
        assert_eq!(said(r#"{"message":"m"}"#).as_deref(), Some("m"));
        assert_eq!(said(r#"{"error":{"messages":["first","second"]}}"#).as_deref(), Some("first"));
        assert_eq!(said(r#"{"meta":{"developer_message":""},"error":"c"}"#).as_deref(), Some("c"));
        let long = format!(r#"{{"error":"{}\u202e\n"}}"#, "x".repeat(900));
        assert_eq!(said(&long).map(|text| text.chars().count()), Some(200));
    }
}

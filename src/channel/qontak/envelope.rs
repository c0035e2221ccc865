//! The chat's envelope: `status` and `data`, errors with their code and sentences (qontak-api.md 2.2). Never fails: HTML,
//! nothing, or wrong JSON are "unreadable".

use serde_json::Value;

use crate::catalog::nearest::shown_within;
use crate::outbound::Inner;

/// Longest part of the channel's own words that is passed on, in characters.
const LONGEST_MESSAGE: usize = 200;

/// The `data` of an answer that went well; `Inner` says why there is none.
pub fn data(body: &[u8]) -> Result<Value, Inner> {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(body) else { return Err(Inner::Unreadable) };
    let code = answer.get("error").and_then(|error| error.get("code")).and_then(Value::as_u64);
    let is_error = answer.get("status").and_then(Value::as_str) == Some("error") || code.is_some();
    match (is_error, code.and_then(|code| u16::try_from(code).ok())) {
        (true, Some(code)) => Err(Inner::Status(code)),
        (true, None) => Err(Inner::Unreadable),
        (false, _) => answer.remove("data").ok_or(Inner::Unreadable),
    }
}

/// How many rows a list has in all, if it says so.
pub fn total(body: &[u8]) -> Option<usize> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let total = body.get("meta")?.get("pagination")?.get("total")?.as_u64()?;
    usize::try_from(total).ok()
}

/// For `outbound::sort`: whether `fits` says that all is there.
pub fn judged(body: &[u8], fits: impl Fn(&Value) -> bool) -> Inner {
    match data(body) {
        Ok(data) if fits(&data) => Inner::Complete,
        Ok(_) => Inner::Unreadable,
        Err(why) => why,
    }
}

/// What an error says, tidied and cut.
pub fn message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let listed = body.get("error").and_then(|error| error.get("messages")?.get(0)?.as_str());
    let places = [listed, body.get("message").and_then(Value::as_str), body.get("error").and_then(Value::as_str)];
    places.into_iter().flatten().map(|text| shown_within(text, LONGEST_MESSAGE)).find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_well_has_data_and_what_did_not_says_why() {
        assert_eq!(data(br#"{"status":"success","data":{"id":"x"}}"#), Ok(serde_json::json!({"id": "x"})));
        assert_eq!(data(br#"{"status":"error","error":{"code":422,"messages":["no"]}}"#), Err(Inner::Status(422)));
        assert_eq!(data(br#"{"status":"error"}"#), Err(Inner::Unreadable));
        for body in [&b"<html>"[..], b"", b"[1]", b"{}", b"{\"status\":"] {
            assert_eq!(data(body), Err(Inner::Unreadable));
            assert_eq!(message(body), None);
        }
    }

    #[test]
    fn the_message_is_the_first_of_the_known_places() {
        let said = |body: &str| message(body.as_bytes());
        assert_eq!(said(r#"{"error":{"code":422,"messages":["first","second"]}}"#).as_deref(), Some("first"));
        assert_eq!(said(r#"{"message":"Unauthorized"}"#).as_deref(), Some("Unauthorized"));
        let long = format!(r#"{{"error":{{"messages":["{}\u202e\n"]}}}}"#, "x".repeat(900));
        assert_eq!(said(&long).map(|text| text.chars().count()), Some(200));
    }
}

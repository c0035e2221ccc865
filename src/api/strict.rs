//! Strict JSON bodies of the routes beside the hot path, and the checks of texts in them. Must never let through what one of
//! the stores could not keep (a NUL), nor repeat a value in an error.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use super::problem::{Kind, Problem};
use crate::catalog::json::{self, JsonProblem};

/// Reads one JSON object into `T`, which must deny unknown fields.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.starts_with(&[0xEF, 0xBB, 0xBF]) || std::str::from_utf8(body).is_err() {
        return Err(Problem::new(Kind::InvalidEncoding, "Send UTF-8 without a byte order mark."));
    }
    // The whole text first: what is broken at its end is broken, whatever stands at its start.
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Err(broken(body));
    }
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::new(Kind::NotAnObject, "The body must be one JSON object."));
    }
    serde_json::from_slice(body).map_err(|error| if error.classify() == Category::Data { explain(&error) } else { broken(body) })
}

/// Why serde cannot read it at all, in the words that a call's body gets: too deep, a number beyond all, half a character.
fn broken(body: &[u8]) -> Problem {
    match json::parse(body) {
        Ok(_) | Err(JsonProblem::Malformed { .. } | JsonProblem::NotAnObject | JsonProblem::DuplicateKey) => {
            Problem::new(Kind::MalformedJson, "The body must be one JSON object (RFC 8259).")
        }
        Err(problem) => Problem::envelope(&problem.into()),
    }
}

/// serde's sentence names our fields in backticks; only those are passed on.
fn explain(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if text.starts_with("duplicate field") {
        return Problem::new(Kind::DuplicateKey, "A key stands twice in one object.");
    }
    if let Some(field) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return Problem::field(Kind::MissingField, format!("/{field}"), format!("The field {field} is needed."));
    }
    if text.starts_with("unknown field") {
        let detail = match text.split_once("expected ").map(|(_, known)| known.split(" at line").next().unwrap_or(known)) {
            Some(known) => format!("A field is not known; expected {}.", known.replace('`', "")),
            None => "A field is not known.".to_owned(),
        };
        return Problem::new(Kind::UnknownField, detail);
    }
    Problem::new(Kind::InvalidBody, "A field has the wrong type or is out of range.")
}

/// One visible line of 1 to `max` bytes.
pub fn line(pointer: &'static str, text: &str, max: usize) -> Result<(), Problem> {
    let wrong = text.trim().is_empty() || text.len() > max || text.chars().any(char::is_control);
    if wrong { Err(bad(pointer, format!("It must be one line of 1 to {max} bytes without control characters."))) } else { Ok(()) }
}

/// Text of 1 to `max` bytes; line breaks and tabs may stand in it.
pub fn text(pointer: &'static str, text: &str, max: usize) -> Result<(), Problem> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let wrong = text.trim().is_empty() || text.len() > max || text.chars().any(control);
    if wrong { Err(bad(pointer, format!("It must be text of 1 to {max} bytes without control characters."))) } else { Ok(()) }
}

/// A field whose value is not allowed.
pub fn bad(pointer: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::field(Kind::InvalidBody, pointer, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[allow(dead_code)]
        name: String,
    }

    fn code(body: &[u8]) -> Option<&'static str> {
        read::<Body>(body).err().map(|problem| problem.code())
    }

    #[test]
    fn every_fault_has_its_code() {
        assert_eq!(code(br#"{"name":"a"}"#), None);
        assert_eq!(code(b""), Some("malformed_json"));
        assert_eq!(code(br#"{"name":"#), Some("malformed_json"));
        assert_eq!(code(br#"{"other":1,"#), Some("malformed_json"));
        assert_eq!(code(br#"{"name":"a"} x"#), Some("malformed_json"));
        assert_eq!(code(br#"{"name":"\ud800"}"#), Some("invalid_encoding"));
        assert_eq!(code(br#"{"name":1e400}"#), Some("number_out_of_range"));
        assert_eq!(code(format!("{{\"name\":{}", "[".repeat(5_000)).as_bytes()), Some("too_deep"));
        assert_eq!(code(br#"["name"]"#), Some("not_an_object"));
        assert_eq!(code(b"{\"name\":\"\xFF\"}"), Some("invalid_encoding"));
        assert_eq!(code(b"\xEF\xBB\xBF{\"name\":\"a\"}"), Some("invalid_encoding"));
        assert_eq!(code(br#"{"name":"a","name":"b"}"#), Some("duplicate_key"));
        assert_eq!(code(br#"{}"#), Some("missing_field"));
        assert_eq!(code(br#"{"name":"a","nmae":"b"}"#), Some("unknown_field"));
        assert_eq!(code(br#"{"name":7}"#), Some("invalid_body"));
    }

    #[test]
    fn an_unknown_fields_name_is_not_repeated() {
        let told = format!("{:?}", read::<Body>(br#"{"name":"a","secret_thing":"b"}"#).unwrap_err());
        assert!(told.contains("name") && !told.contains("secret_thing"));
    }

    #[test]
    fn texts_have_no_control_characters() {
        assert!(text("/text", "two\nlines", 20).is_ok());
        assert!(text("/text", "a\0b", 20).is_err());
        assert!(text("/text", "  ", 20).is_err());
        assert!(line("/name", "two\nlines", 20).is_err());
        assert!(line("/name", "é", 1).is_err());
    }
}

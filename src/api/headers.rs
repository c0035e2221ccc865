//! Reads the headers that callers steer a request with. Must never guess: what is malformed is a problem, except `Prefer`,
//! which by RFC 7240 is ignored when it makes no sense.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, CONTENT_ENCODING, HeaderMap};

use crate::catalog::dialect::{Dialect, MAX_TURN_ID};
use crate::room::{CallId, Seen};

use super::problem::{Kind, Problem};

/// How long a caller waits who states nothing.
const DEFAULT_WAIT_S: u64 = 10;
/// The longest a caller may ask to wait.
const MAX_WAIT_S: u64 = 30;

/// The value of a header that may stand at most once.
fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name);
    let Some(first) = values.next() else { return Ok(None) };
    let bad = || Problem::new(Kind::InvalidHeader, format!("The header {name} must stand once and be visible ASCII."));
    if values.next().is_some() {
        return Err(bad());
    }
    first.to_str().map(|text| Some(text.trim())).map_err(|_| bad())
}

/// Bounds of a request before anything of it is read (reliability-security.md section 5, 72). Below the web server's own.
const MOST_HEADERS: usize = 32;
const MOST_HEADER_BYTES: usize = 8 * 1024;
const MOST_ADDRESS_BYTES: usize = 4 * 1024;

/// An address and headers of a size that anybody needs.
pub fn within_bounds(http: &HttpRequest) -> Result<(), Problem> {
    let address = http.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > MOST_ADDRESS_BYTES {
        return Err(Problem::new(Kind::UriTooLong, "An address has at most 4,096 bytes."));
    }
    let headers = http.headers();
    if headers.len() > MOST_HEADERS || headers.iter().any(|(name, value)| name.as_str().len() + value.len() > MOST_HEADER_BYTES) {
        return Err(Problem::new(Kind::HeadersTooLarge, "A request has at most 32 headers of at most 8,192 bytes each."));
    }
    Ok(())
}

/// Whether the caller takes JSON, which most answers are. No `Accept` takes anything.
pub fn takes_json(headers: &HeaderMap) -> Result<(), Problem> {
    let mut stated = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).peekable();
    let json = |range: &str| {
        let essence = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // Also what is unknown here and may well be JSON: only who certainly cannot read it is told so.
        matches!(essence.as_str(), "" | "*/*" | "*" | "application/*") || essence.contains("json")
    };
    if stated.peek().is_none() || stated.any(json) {
        return Ok(());
    }
    Err(Problem::new(Kind::NotAcceptable, "Answers are application/json. Leave Accept out, or name it."))
}

/// Only `application/json` (UTF-8), and not compressed.
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let media = || Problem::new(Kind::UnsupportedMediaType, "Send Content-Type: application/json, in UTF-8.");
    let content_type = single(headers, "content-type").map_err(|_| media())?.ok_or_else(media)?;
    let mut parts = content_type.split(';');
    if !parts.next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
        return Err(media());
    }
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return Err(media());
        }
    }
    for encoding in headers.get_all(CONTENT_ENCODING) {
        if !encoding.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case("identity")) {
            return Err(Problem::new(Kind::UnsupportedEncoding, "Send the body without Content-Encoding."));
        }
    }
    Ok(())
}

/// `Prefer: wait=N`: how long to wait, and what `Preference-Applied` says when it was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub seconds: u64,
    pub stated: bool,
}

impl Wait {
    pub fn read(headers: &HeaderMap) -> Self {
        for value in headers.get_all("prefer") {
            let Ok(text) = value.to_str() else { continue };
            for preference in text.split([',', ';']) {
                let Some((name, seconds)) = preference.split_once('=') else { continue };
                let seconds = seconds.trim().trim_matches('"');
                if !name.trim().eq_ignore_ascii_case("wait") || !seconds.bytes().all(|b| b.is_ascii_digit()) || seconds.is_empty()
                {
                    continue;
                }
                // More digits than a u64 has is simply very long.
                return Self { seconds: seconds.parse().unwrap_or(MAX_WAIT_S).min(MAX_WAIT_S), stated: true };
            }
        }
        Self { seconds: DEFAULT_WAIT_S, stated: false }
    }

    pub fn patience(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// `Idempotency-Key`, bare or as the quoted string of the Internet-Draft.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key");
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(Kind::IdempotencyKeyMismatch, "Send one Idempotency-Key."));
    }
    let text = first.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if CallId::new(bare).is_err() {
        let detail = "An Idempotency-Key is 1 to 128 letters, digits and the signs . _ : - only.";
        return Err(Problem::new(Kind::InvalidHeader, detail));
    }
    Ok(Some(bare))
}

/// `Turn-Id`.
pub fn turn_id(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    match single(headers, "turn-id")? {
        Some(text) if text.is_empty() || text.len() > MAX_TURN_ID => {
            Err(Problem::new(Kind::InvalidHeader, "A Turn-Id has 1 to 128 characters."))
        }
        other => Ok(other),
    }
}

/// `Room-Seen-Epoch` and `Room-Seen-Seq`; absent is not checked.
pub fn seen(headers: &HeaderMap) -> Result<Seen, Problem> {
    let number = |name| match single(headers, name)? {
        None => Ok(None),
        Some(text) => match text.parse::<i64>() {
            Ok(value) if value >= 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(value)),
            _ => Err(Problem::new(Kind::InvalidHeader, format!("{name} must be a whole number, 0 or more."))),
        },
    };
    Ok(Seen { epoch: number("room-seen-epoch")?, seq: number("room-seen-seq")? })
}

/// `Function-Dialect`; absent: told apart by shape.
pub fn dialect(headers: &HeaderMap) -> Result<Option<Dialect>, Problem> {
    match single(headers, "function-dialect")? {
        None => Ok(None),
        Some(name) => Dialect::from_name(name).map(Some).ok_or_else(|| {
            let known = Dialect::ALL.map(Dialect::as_str).join(", ");
            Problem::new(Kind::InvalidHeader, format!("Function-Dialect is one of: {known}."))
        }),
    }
}

/// `If-Match` against the version a thing has now. `Ok(None)`: no condition was given.
pub fn if_match(headers: &HeaderMap, current: i64) -> Result<Option<i64>, Problem> {
    let Some(text) = single(headers, "if-match")? else { return Ok(None) };
    if text == "*" {
        return Ok(None);
    }
    let ours = etag(current);
    if text.split(',').any(|tag| tag.trim() == ours) {
        return Ok(Some(current));
    }
    Err(stale())
}

/// Somebody else was faster.
pub fn stale() -> Problem {
    Problem::new(Kind::PreconditionFailed, "Read it again and repeat your change with the new ETag.")
}

pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut request = TestRequest::default();
        for header in list {
            request = request.append_header(*header);
        }
        request.to_http_request().headers().clone()
    }

    #[test]
    fn wait_is_clamped_or_ignored() {
        let wait = |text: &'static str| Wait::read(&headers(&[("prefer", text)]));
        assert_eq!(wait("wait=3"), Wait { seconds: 3, stated: true });
        assert_eq!(wait("respond-async, wait=\"7\""), Wait { seconds: 7, stated: true });
        assert_eq!(wait("wait=99999999999999999999999"), Wait { seconds: 30, stated: true });
        for nonsense in ["wait=-1", "wait=abc", "wait=", "wait", "later=3"] {
            assert_eq!(wait(nonsense), Wait { seconds: 10, stated: false }, "{nonsense}");
        }
    }

    #[test]
    fn idempotency_key_is_one_token() {
        assert_eq!(idempotency_key(&headers(&[("idempotency-key", "\"a-1\"")])).unwrap(), Some("a-1"));
        assert_eq!(idempotency_key(&headers(&[])).unwrap(), None);
        let twice = idempotency_key(&headers(&[("idempotency-key", "a"), ("idempotency-key", "a")])).unwrap_err();
        assert_eq!(twice.code(), "idempotency_key_mismatch");
        assert_eq!(idempotency_key(&headers(&[("idempotency-key", "a b")])).unwrap_err().code(), "invalid_header");
    }

    #[test]
    fn only_plain_json_is_read() {
        let content = |list: &[(&'static str, &'static str)]| require_json(&headers(list)).map_err(|problem| problem.code());
        assert_eq!(content(&[("content-type", "application/json")]), Ok(()));
        assert_eq!(content(&[("content-type", "Application/JSON; charset=UTF-8")]), Ok(()));
        assert_eq!(content(&[("content-type", "application/json"), ("content-encoding", "identity")]), Ok(()));
        for bad in ["text/plain", "application/jsonp", "application/json; charset=latin1", "multipart/form-data; boundary=x"] {
            let code = require_json(&headers(&[("content-type", bad)])).unwrap_err().code();
            assert_eq!(code, "unsupported_media_type", "{bad}");
        }
        assert_eq!(content(&[]), Err("unsupported_media_type"));
        let zipped = &[("content-type", "application/json"), ("content-encoding", "gzip")];
        assert_eq!(content(zipped), Err("unsupported_encoding"));
    }

    #[test]
    fn seen_numbers_and_dialects() {
        let given = headers(&[("room-seen-epoch", "2"), ("room-seen-seq", "9"), ("function-dialect", "openai.chat")]);
        assert_eq!(seen(&given).unwrap(), Seen { epoch: Some(2), seq: Some(9) });
        assert_eq!(dialect(&given).unwrap(), Some(Dialect::OpenaiChat));
        assert!(seen(&headers(&[("room-seen-seq", "-1")])).is_err());
        assert!(seen(&headers(&[("room-seen-seq", "+1")])).is_err());
        assert!(dialect(&headers(&[("function-dialect", "klingon")])).is_err());
        assert!(turn_id(&headers(&[("turn-id", "t1"), ("turn-id", "t2")])).is_err());
    }

    #[test]
    fn if_match_takes_strong_tags_only() {
        assert_eq!(if_match(&headers(&[("if-match", "\"4\"")]), 4).unwrap(), Some(4));
        assert_eq!(if_match(&headers(&[("if-match", "*")]), 4).unwrap(), None);
        assert!(if_match(&headers(&[("if-match", "W/\"4\"")]), 4).is_err());
        assert!(if_match(&headers(&[("if-match", "\"3\"")]), 4).is_err());
    }
}

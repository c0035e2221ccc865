//! One request that has passed the door: its key, its query, its body. Must never hand a handler anything before key and role
//! were checked, and must never read a body unasked.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_multipart::Multipart;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use actix_web::web::{Bytes, BytesMut, Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, dev};
use futures_util::StreamExt;

use crate::actors::ports::Caller;
use crate::room::{Cause, RoomAddress, RoomId};

use super::auth::{self, Key, Sender};
use super::problem::{Kind, Problem};
use super::routes::Route;
use super::state::Api;
use super::{counters, headers, strict};

/// A body must have arrived after this time.
const BODY_LIMIT: Duration = Duration::from_secs(10);
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a route's handler answers.
pub type Answer = Result<HttpResponse, Problem>;

/// A request whose key may do this.
pub struct Visit {
    pub api: Data<Api>,
    pub http: HttpRequest,
    pub key: Arc<Key>,
    pub request_id: Arc<str>,
    query: Vec<(String, String)>,
    payload: dev::Payload,
}

/// Runs a handler behind the door.
pub async fn serve<H, F>(route: &'static Route, http: HttpRequest, payload: Payload, handler: H) -> HttpResponse
where
    H: FnOnce(Visit) -> F,
    F: Future<Output = Answer>,
{
    let request_id = request_id(http.headers());
    let answer = match Visit::enter(route, http, payload, request_id.clone()) {
        Ok(visit) => handler(visit).await,
        Err(problem) => Err(problem),
    };
    finish(answer, &request_id)
}

/// Runs a handler that asks for no key.
pub async fn serve_open<H, F>(route: &'static Route, http: HttpRequest, handler: H) -> HttpResponse
where
    H: FnOnce(Data<Api>) -> F,
    F: Future<Output = Answer>,
{
    let request_id = request_id(http.headers());
    let answer = match api_of(&http).and_then(|api| read_query(&http, route.query).map(|_| api)) {
        Ok(api) => handler(api).await,
        Err(problem) => Err(problem),
    };
    finish(answer, &request_id)
}

/// A webhook whose path is a company's: nothing of it is read before that is known.
pub struct Knock {
    pub api: Data<Api>,
    pub sender: Sender,
    http: HttpRequest,
    payload: dev::Payload,
}

impl Knock {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.http.headers().get(name)?.to_str().ok()
    }

    /// The path's secret, which is known to be right.
    pub fn secret(&self) -> &str {
        self.http.match_info().get("secret").unwrap_or_default()
    }

    pub fn queries(&self) -> Vec<(String, String)> {
        Query::<Vec<(String, String)>>::from_query(self.http.query_string()).map(Query::into_inner).unwrap_or_default()
    }

    /// The whole body, at most `max` bytes, whatever its sender calls it.
    pub async fn body(&mut self, max: usize) -> Result<Bytes, Problem> {
        read_body(&self.http, &mut self.payload, max).await
    }
}

/// Runs a handler behind a path that is itself the secret. A wrong one is answered like a path that is not there.
pub async fn serve_secret<H, F>(http: HttpRequest, payload: Payload, handler: H) -> HttpResponse
where
    H: FnOnce(Knock) -> F,
    F: Future<Output = Answer>,
{
    let request_id = request_id(http.headers());
    let part = |name: &str| http.match_info().get(name).unwrap_or_default();
    let found = api_of(&http).and_then(|api| {
        let sender = api.key_ring.sender(&api.pepper, part("source"), part("secret")).ok_or_else(Problem::not_found)?;
        Ok((api, sender))
    });
    let answer = match found {
        Ok((api, sender)) => handler(Knock { api, sender, http, payload: payload.into_inner() }).await,
        Err(problem) => Err(problem),
    };
    finish(answer, &request_id)
}

/// Runs a handler that a signed link leads to. What others hang behind a link as its query is theirs and changes nothing.
pub async fn serve_link<H, F>(http: HttpRequest, handler: H) -> HttpResponse
where
    H: FnOnce(Data<Api>, HttpRequest) -> F,
    F: Future<Output = Answer>,
{
    let request_id = request_id(http.headers());
    let answer = match api_of(&http) {
        Ok(api) => handler(api, http).await,
        Err(problem) => Err(problem),
    };
    finish(answer, &request_id)
}

/// The answer to what no route takes.
pub fn turn_away(http: &HttpRequest, problem: Problem) -> HttpResponse {
    finish(Err(problem), &request_id(http.headers()))
}

fn finish(answer: Answer, request_id: &str) -> HttpResponse {
    let mut response = answer.unwrap_or_else(|problem| {
        counters::problem(problem.code());
        problem.into_response(request_id)
    });
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// What every request comes by first.
fn api_of(http: &HttpRequest) -> Result<Data<Api>, Problem> {
    headers::within_bounds(http)?;
    http.app_data::<Data<Api>>().cloned().ok_or_else(|| Problem::new(Kind::NotReady, "The server is starting."))
}

impl Visit {
    fn enter(route: &'static Route, http: HttpRequest, payload: Payload, request_id: Arc<str>) -> Result<Self, Problem> {
        let api = api_of(&http)?;
        let key = auth::authenticate(http.headers(), &api.pepper, &api.key_ring)?;
        debug_assert!(route.access.asks_for_key(), "an open route has no key");
        auth::authorise(&key, route.access)?;
        let query = read_query(&http, route.query)?;
        if route.answers_json() {
            headers::takes_json(http.headers())?;
        }
        Ok(Self { api, http, key, request_id, query, payload: payload.into_inner() })
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A part of the path, decoded. `None`: it is not text.
    pub fn segment(&self, name: &str) -> Option<String> {
        decode_segment(self.http.match_info().get(name)?)
    }

    /// The room in the path; what cannot be an id is a room that does not exist.
    pub fn room(&self) -> Result<RoomAddress, Problem> {
        let room = self.segment("room_id").and_then(|text| RoomId::new(&text).ok()).ok_or_else(Problem::unknown_room)?;
        Ok(RoomAddress { company: self.key.company, room })
    }

    pub fn caller(&self) -> Caller {
        self.key.caller()
    }

    /// Who writes into the directory, for its audit.
    pub fn by(&self) -> String {
        self.key.by().to_text()
    }

    pub fn cause(&self) -> Cause {
        Cause::Request(Box::from(&*self.request_id))
    }

    /// Whether the request brought a body at all.
    pub fn has_body(&self) -> bool {
        let headers = self.http.headers();
        headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
    }

    /// The whole body, at most `max` bytes.
    pub async fn body(&mut self, max: usize) -> Result<Bytes, Problem> {
        headers::require_json(self.http.headers())?;
        read_body(&self.http, &mut self.payload, max).await
    }

    /// The body as several parts, read as they come; once.
    pub fn parts(&mut self) -> Multipart {
        Multipart::new(self.http.headers(), dev::Payload::take(&mut self.payload))
    }

    /// A strict JSON body: unknown fields are refused.
    pub async fn json<T: serde::de::DeserializeOwned>(&mut self, max: usize) -> Result<T, Problem> {
        strict::read(&self.body(max).await?)
    }
}

async fn read_body(http: &HttpRequest, payload: &mut dev::Payload, max: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Kind::PayloadTooLarge, format!("The body may have {max} bytes."));
    let stated = http.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|length| length > max as u64) {
        return Err(too_large());
    }
    let read = async {
        let mut body = Bytes::new();
        let mut more: Option<BytesMut> = None;
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| payload_problem(&error))?;
            if body.len().max(more.as_ref().map_or(0, BytesMut::len)) + chunk.len() > max {
                return Err(too_large());
            }
            // Nearly every body comes in one piece, which is then not copied.
            match &mut more {
                Some(more) => more.extend_from_slice(&chunk),
                None if body.is_empty() => body = chunk,
                None => {
                    let mut joined = BytesMut::with_capacity(body.len() + chunk.len());
                    joined.extend_from_slice(&body);
                    joined.extend_from_slice(&chunk);
                    more = Some(joined);
                }
            }
        }
        Ok(more.map_or(body, BytesMut::freeze))
    };
    tokio::time::timeout(BODY_LIMIT, read)
        .await
        .unwrap_or_else(|_| Err(Problem::new(Kind::RequestTimeout, "The body must arrive within 10 seconds.")))
}

fn payload_problem(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => Problem::new(Kind::PayloadTooLarge, "The body is too large."),
        _ => Problem::new(Kind::MalformedRequest, "The body did not arrive as its headers said."),
    }
}

/// Name and value pairs; a name no one knows, or one twice, is refused, because a typo must not return everything.
fn read_query(http: &HttpRequest, known: &[&'static str]) -> Result<Vec<(String, String)>, Problem> {
    let text = http.query_string();
    if text.is_empty() {
        return Ok(vec![]);
    }
    let bad = |detail: String| Problem::new(Kind::InvalidParameter, detail);
    let pairs =
        Query::<Vec<(String, String)>>::from_query(text).map_err(|_| bad("The query cannot be read.".into()))?.into_inner();
    for (index, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            return Err(bad(unknown_parameter(name, known)));
        }
        if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(bad("A query parameter stands twice.".into()));
        }
    }
    Ok(pairs)
}

fn unknown_parameter(name: &str, known: &[&'static str]) -> String {
    let likeness = |candidate: &str| strsim::jaro_winkler(name, candidate);
    match known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        None => "This address takes no query parameters.".into(),
        Some(nearest) if likeness(nearest) > 0.7 => format!("A query parameter is not known. Did you mean `{nearest}`?"),
        Some(_) => format!("A query parameter is not known. Known are: {}.", known.join(", ")),
    }
}

/// actix leaves `%25`, `%2F` and `%2B` of a segment as they were; everything else is decoded already.
fn decode_segment(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let replaced = text.replace("%2F", "/").replace("%2f", "/").replace("%2B", "+").replace("%2b", "+").replace("%25", "%");
    (!replaced.contains('\u{FFFD}')).then_some(replaced)
}

/// The caller's own id of the request if it is harmless, else one of ours: start of the process, then a number.
pub fn request_id(headers: &HeaderMap) -> Arc<str> {
    static START: OnceLock<String> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut given = headers.get_all(X_REQUEST_ID).filter_map(|value| value.to_str().ok());
    if let (Some(text), None) = (given.next(), given.next()) {
        let sane = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if (1..=128).contains(&text.len()) && text.bytes().all(sane) {
            return text.into();
        }
    }
    let start = START.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("req_{:x}", since.as_micros())
    });
    format!("{start}_{:x}", COUNT.fetch_add(1, Ordering::Relaxed)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn request_ids_are_kept_if_sane_and_never_repeat() {
        let of =
            |text: &str| request_id(TestRequest::default().insert_header(("x-request-id", text)).to_http_request().headers());
        assert_eq!(&*of("my-Request_1.2"), "my-Request_1.2");
        let none = request_id(&HeaderMap::new());
        for bad in ["", "two words", "a/b", &"x".repeat(129)] {
            let made = of(bad);
            assert!(made.starts_with("req_") && made != none, "{bad}");
        }
    }

    #[test]
    fn unknown_parameters_name_the_nearest() {
        let of = |query: &str| {
            let http = TestRequest::with_uri(&format!("/v1/rooms?{query}")).to_http_request();
            read_query(&http, &["limit", "cursor"]).map_err(|problem| format!("{problem:?}"))
        };
        assert_eq!(of("limit=3").unwrap(), [("limit".to_owned(), "3".to_owned())]);
        assert!(of("limti=3").unwrap_err().contains("`limit`"));
        assert!(of("zzz=3").unwrap_err().contains("limit, cursor"));
        assert!(of("limit=3&limit=4").unwrap_err().contains("twice"));
    }

    #[test]
    fn segments_are_decoded_once() {
        assert_eq!(decode_segment("a%2Fb%2Bc").as_deref(), Some("a/b+c"));
        assert_eq!(decode_segment("%252F").as_deref(), Some("%2F"));
        assert_eq!(decode_segment("plain").as_deref(), Some("plain"));
    }
}

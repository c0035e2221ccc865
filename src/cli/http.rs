//! The client of the commands that speak to a running server. It repeats only what is safe to repeat: every request it
//! repeats carries the same ids.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;

use super::{Exit, Failure, exit};

/// How long one request may take, the server's longest patience included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Client {
    base: Url,
    key: Option<String>,
    inner: reqwest::Client,
}

/// One answer of the server.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// `Null` when the body is not JSON.
    pub body: Value,
    pub retry_after: Option<Duration>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The problem's stable code, or `http_NNN`.
    pub fn code(&self) -> String {
        self.body["code"].as_str().map_or_else(|| format!("http_{}", self.status), str::to_owned)
    }

    pub fn failure(&self) -> Failure {
        let exit = match self.status {
            401 | 403 => Exit::Auth,
            404 => Exit::NotFound,
            409 | 412 | 422 => Exit::Refused,
            400 | 405 | 413 | 415 => Exit::Usage,
            _ => Exit::Failed,
        };
        let said = self.body["detail"].as_str().or_else(|| self.body["title"].as_str()).unwrap_or("no explanation was given");
        Failure::new(exit, format!("the server answered {} ({}): {said}", self.status, self.code()))
    }
}

/// One request, kept so that it can be said again.
pub struct Request<'a> {
    pub method: Method,
    /// Parts of the path, not yet encoded.
    pub path: &'a [&'a str],
    pub query: &'a [(&'a str, String)],
    pub headers: &'a [(&'static str, String)],
    pub body: Option<Payload>,
}

/// What goes with a request.
pub enum Payload {
    Json(Value),
    /// Content type and bytes.
    Bytes(String, Vec<u8>),
}

impl<'a> Request<'a> {
    pub fn get(path: &'a [&'a str]) -> Self {
        Self { method: Method::GET, path, query: &[], headers: &[], body: None }
    }

    pub fn put(path: &'a [&'a str], body: Value) -> Self {
        Self { method: Method::PUT, path, query: &[], headers: &[], body: Some(Payload::Json(body)) }
    }

    pub fn post(path: &'a [&'a str], body: Value) -> Self {
        Self { method: Method::POST, path, query: &[], headers: &[], body: Some(Payload::Json(body)) }
    }
}

impl Client {
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, Failure> {
        let base: Url = url.parse().map_err(|error| Failure::usage(format!("{url:?} is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(Failure::usage(format!("{url:?} must begin with http:// or https://")));
        }
        if let Some(key) = key
            && HeaderValue::from_str(key).is_err()
        {
            return Err(Failure::new(Exit::Auth, "the key has characters that no key has"));
        }
        let mut builder = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("bellhop/", env!("CARGO_PKG_VERSION")));
        if base.scheme() == "http" {
            // Nothing to verify: do not fail on a machine without certificates, and do not send local calls to a proxy.
            builder = builder.tls_certs_only([]).no_proxy();
        }
        let inner = builder.build().map_err(|error| Failure::new(Exit::Failed, exit::with_causes(&error)))?;
        Ok(Self { base, key: key.map(str::to_owned), inner })
    }

    fn url(&self, request: &Request<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        url
    }

    /// Says it once. `Err` is the transport's: nobody knows whether the server heard.
    pub async fn try_once(&self, request: &Request<'_>) -> Result<Answer, reqwest::Error> {
        let mut builder = self.inner.request(request.method.clone(), self.url(request));
        if let Some(key) = &self.key {
            builder = builder.bearer_auth(key);
        }
        for (name, value) in request.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                builder = builder.header(HeaderName::from_static(name), value);
            }
        }
        builder = match &request.body {
            None => builder,
            Some(Payload::Json(body)) => builder.json(body),
            Some(Payload::Bytes(kind, bytes)) => builder.header(CONTENT_TYPE, kind).body(bytes.clone()),
        };
        let response = builder.send().await?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(Answer { status, body, retry_after: retry_after.map(Duration::from_secs) })
    }

    /// Says it once; success or a failure with the right exit code.
    pub async fn ask(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let answer = self.try_once(request).await.map_err(|error| self.unreachable(&error))?;
        if answer.is_success() { Ok(answer) } else { Err(answer.failure()) }
    }

    /// Says it again, the same ids inside, while the server is busy, away or unsure, for at most `patience`. Counts the
    /// repeats into `repeats`. `Err` is what the last try came to.
    pub async fn persist(&self, request: &Request<'_>, patience: Duration, repeats: &mut u64) -> Result<Answer, Failure> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let tried = self.try_once(request).await;
            let asked = match &tried {
                Ok(answer) if matches!(answer.status, 429 | 503) => answer.retry_after,
                Ok(_) => None,
                Err(_) => None,
            };
            let again = !matches!(&tried, Ok(answer) if !matches!(answer.status, 429 | 503));
            if !again || begun.elapsed() >= patience {
                return tried.map_err(|error| self.unreachable(&error));
            }
            *repeats += 1;
            tokio::time::sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE).max(pause.min(FIRST_PAUSE))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = exit::with_causes(error);
        let why = why.rsplit(": ").next().unwrap_or(&why).to_owned();
        Failure::new(Exit::Unreachable, format!("no answer from {}: {why}; is `bellhop serve` running there?", self.base))
    }
}

//! The one shared HTTP client: sends a request once and says what is certain about it. It follows no redirect, uses no proxy,
//! repeats nothing, and never puts a URL, a header or a body into a sentence.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, Response, Url};

use super::headers::Pace;
use super::own_stream::Own;
use super::reach::Gate;
use super::wire::{Answer, Body, MOST_BODY, Reply, Request};

/// A server that does not take a connection within this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shorter than the shortest usual keep-alive of servers (5 s): a request on a connection that is being closed is lost, and a
/// lost write must be looked up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A request that can be sent, and what is known of its body's way when that is a stream of ours.
pub struct Ready {
    request: reqwest::Request,
    own: Option<Arc<Own>>,
}

/// One attempt, with what only its maker can tell.
pub struct Attempt {
    pub reply: Reply,
    /// It ended early because our own stream did: nothing was learnt of the server.
    pub by_own_stream: bool,
    /// It took all the time it had.
    pub timed_out: bool,
    pub pace: Pace,
}

pub fn build() -> Result<Client, String> {
    made(|builder| builder.connect_timeout(CONNECT_TIMEOUT).pool_idle_timeout(IDLE_TIMEOUT))
}

/// A client of its own for addresses that somebody named: every connection is made anew, to an address that `gate` let through.
pub fn build_for_files(gate: Gate, connect: Duration) -> Result<Client, String> {
    let gate = Arc::new(gate);
    made(|builder| builder.connect_timeout(connect).pool_max_idle_per_host(0).dns_resolver(gate.clone()))
}

fn made(with: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Client, String> {
    // Reqwest has no crypto of its own here and panics without one. Whoever installed one before us is right as well.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let builder = || {
        let bare = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("bellhop/", env!("CARGO_PKG_VERSION")));
        with(bare)
    };
    builder().build().or_else(|error| {
        // A machine without certificates can still speak to http:// servers; each https:// one will be refused.
        tracing::warn!(event = "outbound.no_certificates", error = %causes(&error), "no https server can be trusted");
        builder().tls_certs_only([]).build().map_err(|error| format!("the HTTP client cannot be made: {}", causes(&error)))
    })
}

/// The request as it will be sent, if it can be, and only to `host`: a slot of one server is no right to speak to another.
pub fn prepare(client: &Client, host: &str, request: Request) -> Result<Ready, String> {
    let url: Url = request.url.parse().map_err(|_| "the address is not a URL".to_owned())?;
    let home: Url = host.parse().map_err(|_| "the host is not a URL".to_owned())?;
    if url.origin() != home.origin() {
        return Err("the address is not of the host that was waited for".into());
    }
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| "the method is not one of HTTP".to_owned())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let bad = || format!("the header {name} cannot be sent");
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
    }
    let mut builder = client.request(method, url).timeout(request.whole_time()).headers(headers);
    let mut own = None;
    builder = match request.body {
        Some(Body::Bytes(content_type, bytes)) => builder.header(CONTENT_TYPE, content_type).body(bytes),
        // With its length: a body in chunks is more than some servers take.
        Some(Body::Stream { content_type, length, stream }) => {
            let stream = own.insert(Arc::new(Own::default())).watched(stream);
            builder.header(CONTENT_TYPE, content_type).header(CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(stream))
        }
        None => builder,
    };
    let request = builder.build().map_err(|error| causes(&error.without_url()))?;
    Ok(Ready { request, own })
}

pub async fn attempt(client: &Client, ready: Ready) -> Attempt {
    let mut response = match client.execute(ready.request).await {
        Ok(response) => response,
        Err(error) => {
            let timed_out = error.is_timeout();
            // Without a connection nothing was written; anything later may have been.
            let sent = !(error.is_connect() || error.is_builder());
            let why = causes(&error.without_url());
            let by_own_stream = sent && ready.own.is_some_and(|own| own.is_why(timed_out));
            let reply = if sent && !by_own_stream { Reply::Lost { why } } else { Reply::NotSent { why } };
            return Attempt { reply, by_own_stream, timed_out, pace: Pace::default() };
        }
    };
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let pace = Pace::read(header, SystemTime::now());
    let content_type = header("content-type").unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    match read(&mut response).await {
        Ok(body) => {
            let answer = Answer { status, content_type, retry_after_ms: pace.pause_ms(), body };
            Attempt { reply: Reply::Answered(answer), by_own_stream: false, timed_out: false, pace }
        }
        Err((why, timed_out)) => {
            let reply = Reply::Lost { why: format!("answered {status}, but {why}") };
            Attempt { reply, by_own_stream: false, timed_out, pace }
        }
    }
}

fn too_long() -> String {
    format!("more than {MOST_BODY} bytes")
}

/// Whether this is why an answer was lost: asked for less, the same server may answer.
pub fn was_too_long(why: &str) -> bool {
    why.ends_with(&too_long())
}

/// The whole body, or why not and whether time ran out.
async fn read(response: &mut Response) -> Result<Vec<u8>, (String, bool)> {
    let mut body = vec![];
    let too_long = || Err((format!("with {}", too_long()), false));
    if response.content_length().is_some_and(|length| length > MOST_BODY as u64) {
        return too_long();
    }
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MOST_BODY => return too_long(),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let timed_out = error.is_timeout();
                return Err((causes(&error.without_url()), timed_out));
            }
        }
    }
}

/// An error and what is behind it, in one line. Give it no URL.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

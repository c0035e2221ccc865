//! Fetches a file from an address that somebody named: only from where [`Reach`] lets it, each redirect judged anew, a piece at a
//! time with its size and time counted. Sends nothing of ours along, keeps no connection, and unpacks nothing: what comes
//! compressed is refused, so no answer grows on its way.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Response, Url};
use tokio::time::{Instant, timeout_at};

use super::address::decoded;
use super::reach::{Blocked, Gate, LookUp, Reach, System};
use crate::actors::outside::{Bounds, Place, Places};
use crate::room::CompanyNo;

/// A file's host may send on so often.
const MAX_REDIRECTS: usize = 3;
/// Files on their way in from addresses.
const AT_ONCE: Bounds = Bounds { of_all: 32, of_one: 4, kept: 12 };

/// How long things may take (room-ops.md 4.3).
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub connect: Duration,
    /// Until the answer's head is there, of one hop.
    pub head: Duration,
    /// Between two pieces.
    pub stalled: Duration,
    /// For all of it.
    pub total: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let [connect, head, stalled, total] = [3, 5, 5, 20].map(Duration::from_secs);
        Self { connect, head, stalled, total }
    }
}

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub url: String,
    /// Whether it may come without https.
    pub http: bool,
    /// Hosts it may come from, redirects included; empty: any within reach.
    pub hosts: Vec<String>,
    pub max_bytes: u64,
}

/// Why there is no file. None of these repeats an address or an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFetched {
    #[error(transparent)]
    Blocked(#[from] Blocked),
    #[error("its host answered {0}")]
    Answered(u16),
    #[error("its host sends on too often")]
    Redirects,
    #[error("its host cannot be reached: {0}")]
    Unreachable(String),
    #[error("it came too slowly")]
    TooSlow,
    #[error("it broke off: {0}")]
    Broken(String),
    #[error("it came compressed")]
    Compressed,
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    #[error("too many are being fetched")]
    Busy,
}

/// One per process; works on any tokio runtime.
pub struct Fetcher {
    client: Client,
    reach: Arc<Reach>,
    times: Times,
    places: Places,
    /// Leaves forms and ports alone, so that a test sees what the address alone is worth.
    #[cfg(test)]
    only_addresses: bool,
}

impl Fetcher {
    /// Installs the `ring` provider for TLS if the process has none. `Err`: one sentence.
    pub fn new(reach: Reach) -> Result<Self, String> {
        Self::with(reach, Arc::new(System), Times::default())
    }

    pub(super) fn with(reach: Reach, names: Arc<dyn LookUp>, times: Times) -> Result<Self, String> {
        let reach = Arc::new(reach);
        let client = super::client::build_for_files(Gate { reach: reach.clone(), names }, times.connect)?;
        Ok(Self {
            client,
            reach,
            times,
            places: Places::new(AT_ONCE),
            #[cfg(test)]
            only_addresses: false,
        })
    }

    /// Whether an address could be asked at all: what a builder is told when writing it down.
    pub fn admits(&self, url: &str) -> Result<(), Blocked> {
        self.judge(&super::reach::read(url)?, false)
    }

    fn judge(&self, url: &Url, http: bool) -> Result<(), Blocked> {
        #[cfg(test)]
        if self.only_addresses {
            return self.reach.judge_literal(url);
        }
        self.reach.judge(url, http)
    }

    /// The beginning of the answer, when it is one of a file. Waits for nobody's place: who finds none comes again.
    pub async fn open(&self, company: CompanyNo, wish: &Wish) -> Result<Incoming, NotFetched> {
        let place = self.places.take(company).ok_or(NotFetched::Busy)?;
        let until = Instant::now() + self.times.total;
        let mut url = super::reach::read(&wish.url)?;
        self.judge(&url, wish.http)?;
        for _ in 0..=MAX_REDIRECTS {
            among(&wish.hosts, &url)?;
            let head_until = until.min(Instant::now() + self.times.head);
            let request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity").send();
            let response = timeout_at(head_until, request).await.map_err(|_| NotFetched::TooSlow)?.map_err(unreached)?;
            match next_hop(&url, &response) {
                Some(next) => {
                    let next = next?;
                    self.judge(&next, wish.http)?;
                    if url.scheme() == "https" && next.scheme() != "https" {
                        return Err(Blocked::Scheme.into());
                    }
                    url = next;
                }
                None => return self.begun(response, &url, wish.max_bytes, until, place),
            }
        }
        Err(NotFetched::Redirects)
    }

    fn begun(&self, response: Response, url: &Url, max_bytes: u64, until: Instant, place: Place) -> Result<Incoming, NotFetched> {
        if response.status().as_u16() != 200 {
            return Err(NotFetched::Answered(response.status().as_u16()));
        }
        let plain = |coding: &str| matches!(coding.trim(), "" | "identity");
        if !response.headers().get_all(CONTENT_ENCODING).iter().all(|value| value.to_str().is_ok_and(plain)) {
            return Err(NotFetched::Compressed);
        }
        if response.content_length().is_some_and(|length| length > max_bytes) {
            return Err(NotFetched::TooLarge(max_bytes));
        }
        let mime = text(response.headers(), CONTENT_TYPE).unwrap_or_default().to_owned();
        let filename = url.path_segments().and_then(|mut segments| segments.next_back()).map(decoded).unwrap_or_default();
        Ok(Incoming { response, mime, filename, received: 0, max_bytes, stalled: self.times.stalled, until, _place: place })
    }
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn among(hosts: &[String], url: &Url) -> Result<(), Blocked> {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let named = hosts.iter().any(|allowed| allowed.trim_end_matches('.').eq_ignore_ascii_case(host));
    if hosts.is_empty() || named { Ok(()) } else { Err(Blocked::Host) }
}

/// Where the host sends on to. `None`: nowhere.
fn next_hop(url: &Url, response: &Response) -> Option<Result<Url, NotFetched>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = text(response.headers(), LOCATION).filter(|to| to.len() <= super::reach::MAX_URL);
    Some(to.and_then(|to| url.join(to).ok()).ok_or(NotFetched::Blocked(Blocked::NoAddress)))
}

/// What the client said, without the address: blocked where our own resolver stopped it.
fn unreached(error: reqwest::Error) -> NotFetched {
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(one) = cause {
        if let Some(blocked) = one.downcast_ref::<Blocked>() {
            return (*blocked).into();
        }
        cause = one.source();
    }
    if error.is_timeout() { NotFetched::TooSlow } else { NotFetched::Unreachable(super::client::causes(&error)) }
}

/// A file on its way in.
#[derive(Debug)]
pub struct Incoming {
    response: Response,
    /// What its host says it is.
    pub mime: String,
    /// The last part of its address, as people read it; not made harmless.
    pub filename: String,
    received: u64,
    max_bytes: u64,
    stalled: Duration,
    until: Instant,
    _place: Place,
}

impl Incoming {
    /// The next bytes; `None` at the end. What is too much or too slow is an error as soon as that is certain.
    pub async fn next(&mut self) -> Result<Option<Bytes>, NotFetched> {
        let until = self.until.min(Instant::now() + self.stalled);
        let piece = timeout_at(until, self.response.chunk()).await.map_err(|_| NotFetched::TooSlow)?;
        let piece = piece.map_err(|error| NotFetched::Broken(super::client::causes(&error.without_url())))?;
        self.received += piece.as_ref().map_or(0, Bytes::len) as u64;
        if self.received > self.max_bytes { Err(NotFetched::TooLarge(self.max_bytes)) } else { Ok(piece) }
    }
}

#[cfg(test)]
#[path = "tests/fetch.rs"]
mod tests;

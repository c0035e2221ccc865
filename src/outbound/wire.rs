//! What is sent and what comes back, as plain data. Headers are secrets here: no print shows one, and neither a URL nor a body
//! is ever part of a `Debug` text, because all three end up in logs sooner or later.

use std::fmt;
use std::time::Duration;

use crate::actors::outside::{Pieces, Secret};

/// A body longer than this (1 MiB) is not an answer of a CRM.
pub const MOST_BODY: usize = 1 << 20;

/// How much of a host one company may use. Nonsense (zero, negative, not a number) is taken as the nearest thing that makes sense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Requests a second in the long run (0.001 to 10,000).
    pub per_second: f64,
    /// Requests a minute in the long run (0.06 to 600,000).
    pub per_minute: f64,
    /// Requests that may leave at once after a quiet time (at least 1).
    pub burst: u32,
}

impl Default for Budget {
    /// What is safe for a Qontak CRM, which announces no limits: 5 a second, 100 a minute.
    fn default() -> Self {
        Self { per_second: 5.0, per_minute: 100.0, burst: 5 }
    }
}

/// Where among those who wait a request takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Behind them.
    First,
    /// Behind them, and within the retry budget: the same was asked before and came to nothing.
    Again,
    /// Ahead of them: the second of two requests that belong together, whose first has waited its turn.
    Ahead,
}

impl Ask {
    /// The `attempt`-th of the same, from 0.
    pub const fn of(attempt: u32) -> Self {
        if attempt == 0 { Self::First } else { Self::Again }
    }
}

/// Class of endpoint: each has a circuit of its own, so that slow reads do not stop writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Read,
    Write,
    /// The token endpoint; it is what mends refused credentials, so it does not wait for them.
    Token,
    /// A write with a file in it: one that a slow line did not bring through says nothing of the others.
    Upload,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Token, Self::Upload];
    pub const COUNT: usize = Self::ALL.len();

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Token => "token",
            Self::Upload => "upload",
        }
    }
}

/// What a request asks for, and as whom: what is refused to one kind of credentials (401), or at one door (403), is not refused
/// to another, which therefore does not wait for it. The default is all there is to a system that makes no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Door {
    /// Kind of credentials.
    pub who: &'static str,
    /// Kind of endpoint.
    pub what: &'static str,
}

/// What is sent with a request.
pub enum Body {
    /// Content type and bytes.
    Bytes(&'static str, Vec<u8>),
    /// A file, a piece at a time; `length` is all of it. A stream that breaks off is a request
    /// that was never whole, and so not sent.
    Stream { content_type: String, length: u64, stream: Pieces },
}

impl Body {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(_, bytes) => bytes.len() as u64,
            Self::Stream { length, .. } => *length,
        }
    }
}

/// One request. It is sent at most once.
pub struct Request {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Absolute, and of the host that its slot is for.
    pub url: String,
    pub headers: Vec<(&'static str, Secret)>,
    pub body: Option<Body>,
    /// For the attempt, from the first byte of the connection to the last of the answer, beside the way of its own body.
    pub timeout: Duration,
    /// Whether it changes anything over there.
    pub writes: bool,
}

/// A slow line still brings so many bytes in a millisecond (1.6 Mbit/s).
pub(super) const SLOWEST_BYTES_PER_MS: u64 = 200;

impl Request {
    /// For the whole attempt: a larger body may take longer to be sent.
    pub fn whole_time(&self) -> Duration {
        let length = self.body.as_ref().map_or(0, Body::len);
        self.timeout + Duration::from_millis(length / SLOWEST_BYTES_PER_MS)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let bytes = self.body.as_ref().map(Body::len);
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_bytes", &bytes)
            .field("timeout", &self.timeout)
            .field("writes", &self.writes)
            .finish_non_exhaustive()
    }
}

/// What one attempt came to, before anybody judged it.
#[derive(Debug)]
pub enum Reply {
    Answered(Answer),
    /// Certainly nothing was done: no address, no connection, no TLS, not even a valid request, or one whose body was never
    /// whole because our own stream of it broke off.
    NotSent {
        why: String,
    },
    /// The first byte may have left, and no whole answer came back.
    Lost {
        why: String,
    },
}

/// A whole answer.
pub struct Answer {
    pub status: u16,
    /// As sent, empty when missing.
    pub content_type: String,
    /// From `Retry-After`, else from `X-RateLimit-Reset` when none remain; 0 to 300,000.
    pub retry_after_ms: Option<i64>,
    /// At most [`MOST_BODY`].
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("retry_after_ms", &self.retry_after_ms)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// How long one attempt may take, from a company's own setting.
pub fn attempt_timeout(ms: i64) -> Duration {
    Duration::from_millis(ms.clamp(100, 600_000).unsigned_abs())
}

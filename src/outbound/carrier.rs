//! Carries requests that somebody else made and signed, as they are, over the one shared client: those to the bucket where files
//! may lie. Waits for no slot, because they are no company's; repeats nothing. What may take long is counted: the way to the
//! answer's head, and each piece behind it, but not the time in which nobody asks for the next piece.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use reqwest::Body;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::client::{self, causes};
use super::wire::SLOWEST_BYTES_PER_MS;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// Until the answer's head is there, beside the way of the request's own body.
    head: Duration,
    /// Until the next piece of the answer's body, once it is asked for.
    piece: Duration,
}

/// Why there is no answer, or no more of it. None of these has an address in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCarried {
    /// Certainly nothing was sent.
    #[error("it cannot be reached: {0}")]
    Unreached(String),
    #[error("it does not answer in time")]
    TooSlow,
    #[error("it broke off: {0}")]
    BrokenOff(String),
}

impl NotCarried {
    fn of(error: reqwest::Error) -> Self {
        match error {
            error if error.is_timeout() => Self::TooSlow,
            error if error.is_connect() || error.is_builder() => Self::Unreached(causes(&error.without_url())),
            error => Self::BrokenOff(causes(&error.without_url())),
        }
    }
}

/// Cheap to clone; works on any tokio runtime.
#[derive(Clone, Debug)]
pub struct Carrier {
    client: reqwest::Client,
    times: Times,
}

impl Carrier {
    pub(super) fn over(client: reqwest::Client) -> Self {
        let [head, piece] = [10, 5].map(Duration::from_secs);
        Self { client, times: Times { head, piece } }
    }

    /// With a client of its own, for a command. `Err`: one sentence.
    pub fn new() -> Result<Self, String> {
        Ok(Self::over(client::build()?))
    }

    /// Sends it once.
    pub async fn carry<B>(&self, request: http::Request<B>) -> Result<http::Response<Coming>, NotCarried>
    where
        B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Sync + 'static,
    {
        let length = request.body().size_hint().exact().unwrap_or(0);
        let request = reqwest::Request::try_from(request.map(Body::wrap)).map_err(NotCarried::of)?;
        let within = self.times.head + Duration::from_millis(length / SLOWEST_BYTES_PER_MS);
        let answer = timeout(within, self.client.execute(request)).await.map_err(|_| NotCarried::TooSlow)?;
        let answer = http::Response::<Body>::from(answer.map_err(NotCarried::of)?);
        Ok(answer.map(|body| Coming { body, patience: Box::pin(sleep(Duration::ZERO)), waits: false, piece: self.times.piece }))
    }
}

/// An answer's body on its way.
pub struct Coming {
    body: Body,
    patience: Pin<Box<Sleep>>,
    /// The next piece was asked for and is not there.
    waits: bool,
    piece: Duration,
}

impl http_body::Body for Coming {
    type Data = Bytes;
    type Error = NotCarried;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NotCarried>>> {
        if let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waits = false;
            return Poll::Ready(next.map(|frame| frame.map_err(NotCarried::of)));
        }
        if !self.waits {
            self.waits = true;
            let until = Instant::now() + self.piece;
            self.patience.as_mut().reset(until);
        }
        self.patience.as_mut().poll(cx).map(|()| Some(Err(NotCarried::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[path = "tests/carrier.rs"]
mod tests;

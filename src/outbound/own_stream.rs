//! Watches a stream of ours on its way out as a request's body. Where it breaks off, or is what the time was spent waiting for,
//! the server never had the whole request, and nobody takes half of one for a request: it certainly was not carried out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_util::Stream;

use crate::actors::outside::Pieces;

const FLOWS: u8 = 0;
const WAITED_FOR: u8 = 1;
const BROKE: u8 = 2;

/// How it stands.
#[derive(Default)]
pub struct Own(AtomicU8);

impl Own {
    pub fn watched(self: &Arc<Self>, stream: Pieces) -> Watched {
        Watched { stream, own: Arc::clone(self) }
    }

    /// Whether a request that ended without an answer did so because of it.
    pub fn is_why(&self, timed_out: bool) -> bool {
        match self.0.load(Ordering::Acquire) {
            BROKE => true,
            WAITED_FOR => timed_out,
            _ => false,
        }
    }
}

pub struct Watched {
    stream: Pieces,
    own: Arc<Own>,
}

impl Stream for Watched {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.as_mut().poll_next(cx);
        let stands = match &next {
            Poll::Pending => WAITED_FOR,
            Poll::Ready(Some(Err(_))) => BROKE,
            Poll::Ready(_) => FLOWS,
        };
        self.own.0.store(stands, Ordering::Release);
        next
    }
}

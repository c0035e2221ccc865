//! A body that comes in chunks is held until its request is answered. The web server closes a connection after an answer to what
//! it has not read to the end; but for the end of chunks that nobody holds any more it waits, for ever if it does not come. Must
//! never touch any other body.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;

#[derive(Clone)]
struct Inflow(Rc<RefCell<Payload>>);

impl Stream for Inflow {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

/// A request's body, if it comes in chunks.
pub struct Hold(Option<Inflow>);

impl Hold {
    pub fn on(request: &mut ServiceRequest) -> Self {
        if !request.chunked().unwrap_or(false) {
            return Self(None);
        }
        let inflow = Inflow(Rc::new(RefCell::new(request.take_payload())));
        request.set_payload(Payload::Stream { payload: Box::pin(inflow.clone()) });
        Self(Some(inflow))
    }

    /// Held as long as the answer is being written.
    pub fn until_written(self, answer: BoxBody) -> Answered {
        Answered { answer, hold: self }
    }
}

/// An answer that holds its request's body.
pub struct Answered {
    answer: BoxBody,
    hold: Hold,
}

impl MessageBody for Answered {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(cx)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { answer, hold } = self;
        match hold {
            Hold(None) => answer.try_into_bytes().map_err(|answer| Self { answer, hold: Hold(None) }),
            hold => Err(Self { answer, hold }),
        }
    }
}

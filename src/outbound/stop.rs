//! Why planning does not go on: a "no" for the model, or "not now" for the lane.

use std::sync::Arc;

use crate::actors::outside::{Planned, Sent};
use crate::room::{CallStatus, Refusal, Settlement};

#[derive(Debug)]
pub enum Stop {
    Refuse(Refusal),
    Later { after_ms: i64, why: Arc<str> },
}

pub type Step<T> = Result<T, Stop>;

impl Stop {
    pub fn later(after_ms: i64, why: impl Into<Arc<str>>) -> Self {
        Self::Later { after_ms, why: why.into() }
    }

    /// Of our own store: soon again.
    pub fn store(why: Arc<str>) -> Self {
        Self::Later { after_ms: 1_000, why }
    }

    pub fn planned(self) -> Planned {
        match self {
            Self::Refuse(refusal) => Planned::End(Settlement::error(CallStatus::Refused, &refusal)),
            Self::Later { after_ms, why } => Planned::Later { after_ms, why },
        }
    }

    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Refuse(refusal) => Some(refusal),
            Self::Later { .. } => None,
        }
    }

    /// Said instead of sending: it uses up no attempt.
    pub fn unsent(self) -> Sent {
        match self {
            Self::Refuse(refusal) => Sent::refused(&refusal),
            Self::Later { after_ms, why } => Sent::not_done(after_ms, false, why),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

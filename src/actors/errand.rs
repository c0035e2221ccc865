//! What a request to the outside is made for: how far its effect is, since when it is wanted, and how long that is worth waiting
//! for. It goes with the lane's work as a span does, so that no adapter has to hand it through; the way out reads it there and
//! goes by it when it says who is next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::room::outbox::Limit;
use crate::room::{CallKey, Timestamp};

use super::ports::Clock;

/// How far an effect is. What is further goes first: it has used requests that would else be for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its part is named, or may have been done.
    UnderWay,
    /// What is to be written is being found out.
    Planning,
}

/// The same for all requests of one move of an effect.
pub struct Errand {
    pub stage: Stage,
    /// When the room asked for the effect: of two as far, the older one is first.
    pub since: Timestamp,
    /// Which effect: of two as old, one is first with all its requests.
    pub effect: CallKey,
    limit: Limit,
    clock: Arc<dyn Clock>,
    /// A request of it had its turn.
    begun: AtomicBool,
}

tokio::task_local! {
    static ERRAND: Arc<Errand>;
}

impl Errand {
    pub fn new(stage: Stage, (since, effect): (Timestamp, CallKey), limit: Limit, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { stage, since, effect, limit, clock, begun: AtomicBool::new(false) })
    }

    /// Does `work` on this errand.
    pub async fn run<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        ERRAND.scope(Arc::clone(self), work).await
    }

    /// The one that the present work is done on; `None`: it belongs to no effect.
    pub fn current() -> Option<Arc<Self>> {
        ERRAND.try_with(Arc::clone).ok()
    }

    /// How much longer a turn is worth waiting for; zero: no longer. Until one was had, that is less.
    pub fn left(&self) -> Duration {
        let end = if self.has_begun() { self.limit.until } else { self.limit.begin_by };
        Duration::from_micros(u64::try_from(end.0.saturating_sub(self.clock.now().0)).unwrap_or(0))
    }

    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// A request of it has its turn.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}

impl std::fmt::Debug for Errand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Errand").field("stage", &self.stage).field("since", &self.since).finish_non_exhaustive()
    }
}

//! A lane is one company at one host, with the clock and the lock that its line needs; a slot is a place at its head; a flight a
//! request that left. The lock is held for one look, never while something waits, and no two companies share one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::actors::outside::Errand;
use crate::telemetry;

use super::breaker::Turn;
use super::line::{Grant, Line, Rank, Shown, Step, Turned};
use super::wire::{Ask, Budget, Class, Door};

/// Who waits looks at the wall's clock at least so often: it may jump, and an errand goes by it.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// One that goes by no clock.
const LONG: Duration = Duration::from_secs(3_600);

pub struct Lane {
    /// scheme://host:port
    pub host: Box<str>,
    line: Mutex<Line>,
    /// The beginning of its time.
    started: Instant,
}

impl Lane {
    pub fn new(host: &str, budget: Budget, head_start: u32) -> Self {
        let mut line = Line::new(budget, 0);
        line.bucket.starts_with(head_start);
        Self { host: host.into(), line: Mutex::new(line), started: Instant::now() }
    }

    /// Microseconds since this lane's beginning.
    pub fn now(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// A line is whole between any two of its methods, also when somebody panicked there.
    pub fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to send one request, no longer than the errand is worth it: then the slot is void. A token is no
    /// errand's alone and is waited for.
    pub async fn slot(self: Arc<Self>, (class, door): (Class, Door), ask: Ask, errand: Option<Arc<Errand>>) -> Slot {
        let place = Place::take(&self, (class, door), ask, Rank::of(class, ask, errand.as_deref()));
        let errand = errand.filter(|_| class != Class::Token);
        let begun = Instant::now();
        loop {
            if errand.as_ref().is_some_and(|errand| errand.is_over()) {
                drop(place);
                return Slot { lane: self, grant: None };
            }
            let now = self.now();
            let (step, share) = {
                let mut line = self.line();
                (line.step(place.id, now), line.bucket.level(now) / f64::from(line.bucket.burst()))
            };
            let wake = match step {
                Step::Go(grant) => {
                    metrics::histogram!(telemetry::OUTBOUND_BUCKET_LEVEL).record(share);
                    metrics::histogram!(telemetry::OUTBOUND_WAIT_DURATION).record(begun.elapsed());
                    if ask == Ask::Again {
                        metrics::counter!(telemetry::OUTBOUND_REPEATS, "class" => class.as_str()).increment(1);
                    }
                    if let Some(errand) = errand {
                        errand.begin();
                    }
                    drop(place);
                    return Slot { lane: self, grant: Some(grant) };
                }
                Step::Until(at) => self.started + Duration::from_micros(at.unsigned_abs()),
                Step::Parked => Instant::now() + LONG,
            };
            // What the line said holds until the bell or the time, however often the clock is looked at meanwhile.
            loop {
                let nap = errand.as_ref().map_or(LONG, |errand| errand.left().min(LONGEST_NAP));
                let nap = Instant::now() + nap;
                tokio::select! {
                    () = tokio::time::sleep_until(wake.min(nap)) => {}
                    () = place.bell.notified() => break,
                }
                if wake <= nap || errand.as_ref().is_some_and(|errand| errand.is_over()) {
                    break;
                }
            }
        }
    }

    /// Says what turned, once per turn.
    pub fn tell(&self, class: Class, turned: Turned) {
        let class = class.as_str();
        let host = &*self.host;
        let open = metrics::gauge!(telemetry::OUTBOUND_CIRCUITS_OPEN, "class" => class);
        if let Some(turn) = turned.circuit {
            metrics::counter!(telemetry::OUTBOUND_CIRCUIT_TURNS, "class" => class, "to" => turn.as_str()).increment(1);
        }
        match turned.circuit {
            Some(Turn::Opened) => {
                open.increment(1.0);
                tracing::warn!(event = "outbound.circuit_open", host, class, "the server is given a rest");
            }
            Some(Turn::StaysOpen) => {
                tracing::warn!(event = "outbound.circuit_open", host, class, "a probe failed");
            }
            Some(Turn::Closed) => {
                open.decrement(1.0);
                tracing::info!(event = "outbound.circuit_closed", host, class, "the server answers again");
            }
            None => {}
        }
        if let Some(slowed) = turned.slowed {
            metrics::gauge!(telemetry::OUTBOUND_BUCKETS_SLOWED).increment(if slowed { 1.0 } else { -1.0 });
        }
        if turned.slowed == Some(true) {
            tracing::warn!(event = "outbound.slowed", host, "the server says that it is asked too often");
        }
    }
}

/// A place in the line, given up when its future is.
struct Place<'a> {
    lane: &'a Lane,
    id: u64,
    bell: Arc<Notify>,
}

impl<'a> Place<'a> {
    fn take(lane: &'a Lane, at: (Class, Door), ask: Ask, rank: Rank) -> Self {
        let bell = Arc::new(Notify::new());
        let now = lane.now();
        let id = lane.line().join(at, ask, rank, Arc::clone(&bell), now);
        metrics::gauge!(telemetry::OUTBOUND_WAITING).increment(1.0);
        Self { lane, id, bell }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = self.lane.now();
        self.lane.line().leave(self.id, now);
        metrics::gauge!(telemetry::OUTBOUND_WAITING).decrement(1.0);
    }
}

/// The right to send one request now. To be used soon or dropped: what is held here, the company cannot send. Dropping it costs
/// nothing. A void one sends nothing.
pub struct Slot {
    lane: Arc<Lane>,
    /// Empty once it is under way, and of a void slot.
    grant: Option<Grant>,
}

impl Slot {
    pub fn host(&self) -> &str {
        &self.lane.host
    }

    /// `None` for no slot that anybody can hold.
    pub fn class(&self) -> Class {
        self.grant.map_or(Class::Read, |grant| grant.class)
    }

    /// Its errand's time was over before its turn came.
    pub fn is_void(&self) -> bool {
        self.grant.is_none()
    }

    /// From here on a request is on its way. `Err`: why nothing may leave by this slot.
    pub fn depart(mut self) -> Result<Flight, &'static str> {
        if self.is_void() {
            return Err("its time was over before its turn came");
        }
        let left_at = self.lane.now();
        {
            let mut line = self.lane.line();
            if !line.may_leave(left_at) {
                return Err("the server has asked for a pause meanwhile");
            }
            line.sent(left_at);
        }
        Ok(Flight { grant: self.grant.take(), lane: Arc::clone(&self.lane), left_at })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            let now = self.lane.now();
            self.lane.line().give_back(grant, now);
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("host", &self.lane.host).field("class", &self.class()).finish_non_exhaustive()
    }
}

/// A request that left. If its future is dropped, nothing is learnt from it, and nothing waits for it.
pub struct Flight {
    pub lane: Arc<Lane>,
    grant: Option<Grant>,
    pub left_at: i64,
}

impl Flight {
    pub fn land(mut self, shown: &Shown) {
        if let Some(grant) = self.grant.take() {
            let now = self.lane.now();
            let turned = self.lane.line().landed(grant, shown, now);
            self.lane.tell(grant.class, turned);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            let now = self.lane.now();
            self.lane.line().lost_sight(grant, now);
        }
    }
}

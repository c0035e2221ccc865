//! ADAPTER. How the outside is reached: the one shared HTTP client, its token buckets and circuits, and the one place where
//! outcomes are sorted; addresses, token files and signatures, which the vendor's services have in common. Knows no resource of
//! any of them. Every wait in here is for one company at one host: no lock, no queue and no bound is
//! shared between companies, so that a slow server of one is not felt by another.

mod address;
mod breaker;
mod carrier;
mod check;
mod client;
mod credentials;
mod fetch;
mod form;
mod gates;
mod headers;
mod line;
mod outcome;
mod own_stream;
mod reach;
mod retry_budget;
mod sign;
mod slot;
mod stop;
#[cfg(test)]
mod tests;
mod token_bucket;
mod view;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tracing::Instrument;
use tracing::field::Empty;

use crate::actors::outside::{Errand, LineView};
use crate::room::CompanyNo;
use crate::telemetry;

use breaker::Health;
use client::Attempt;
use line::{Shown, Wishes};
use slot::{Flight, Lane};

pub use address::{Api, encoded};
pub use breaker::CREDENTIALS_MS;
pub use carrier::{Carrier, Coming, NotCarried};
pub use check::{CheckProblem, System, look_at};
pub use client::was_too_long;
pub use credentials::{Credentials, TokenFile};
pub use fetch::{Fetcher, Incoming, NotFetched, Wish};
pub use form::{form_of, told_name};
pub use outcome::{Forbidden, Inner, Outcome, backoff_at, sort, sort_as};
pub use reach::{Blocked, Reach};
pub use slot::Slot;
pub use stop::{Step, Stop};
pub use wire::{Answer, Ask, Body, Budget, Class, Door, MOST_BODY, Reply, Request, attempt_timeout};

/// The way out. One per process, cheap to clone; works on any tokio runtime.
#[derive(Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
}

struct Shared {
    client: reqwest::Client,
    /// Requests that may leave at once before any time has passed.
    head_start: u32,
    forbidden: Forbidden,
    /// A company has one host or two.
    lanes: DashMap<CompanyNo, Vec<Arc<Lane>>, ahash::RandomState>,
}

impl Outbound {
    /// Installs the `ring` provider for TLS if the process has none. `Err`: one sentence.
    pub fn new() -> Result<Self, String> {
        let (client, forbidden) = (client::build()?, Forbidden::default());
        Ok(Self { shared: Arc::new(Shared { client, head_start: 0, forbidden, lanes: DashMap::default() }) })
    }

    /// Another way out over the same client, with budgets, circuits and gates of its own: for another service, which may well be
    /// at the same host. `head_start`: requests that may leave at once after a start, where the vendor documents a burst.
    #[must_use]
    pub fn apart(&self, head_start: u32) -> Self {
        self.apart_where(head_start, Forbidden::default())
    }

    /// As `apart`, to a vendor that says in this way that it refuses the credentials.
    #[must_use]
    pub fn apart_where(&self, head_start: u32, forbidden: Forbidden) -> Self {
        let client = self.shared.client.clone();
        Self { shared: Arc::new(Shared { client, head_start, forbidden, lanes: DashMap::default() }) }
    }

    /// The same client for requests that are no company's and are made elsewhere.
    pub fn carrier(&self) -> Carrier {
        Carrier::over(self.shared.client.clone())
    }

    /// How much of `host` (scheme://host:port) the company may use. A new bucket is empty; a change keeps the level.
    pub fn set_budget(&self, company: CompanyNo, host: &str, budget: Budget) {
        let lane = self.lane(company, host, budget);
        let now = lane.now();
        lane.line().set_budget(budget, now);
    }

    /// Waits until the company may send one request of this class to `host`: for its credentials, the circuit, the token bucket and
    /// a place on the wire, those first whose effects are further along or older (`Errand`). However long that takes, but not
    /// longer than the errand is worth it: then the slot is void. A host without a budget has the default one. Whoever holds a
    /// slot must not wait for another of the same host, nor for anybody who does: the first may be the probe, or the last of the
    /// burst, that the second waits for.
    pub async fn slot(&self, company: CompanyNo, host: &str, class: Class) -> Slot {
        self.slot_as(company, host, class, Ask::First).await
    }

    /// As `slot`, with another place among those who wait.
    pub async fn slot_as(&self, company: CompanyNo, host: &str, class: Class, ask: Ask) -> Slot {
        self.slot_at(company, host, (class, Door::default()), ask).await
    }

    /// As `slot_as`, for a request that goes to this door.
    pub async fn slot_at(&self, company: CompanyNo, host: &str, at: (Class, Door), ask: Ask) -> Slot {
        self.lane(company, host, Budget::default()).slot(at, ask, Errand::current()).await
    }

    /// Sends the request, once, unless its time is over by now. The URL must be of the slot's host. Feeds circuit, bucket and gate
    /// with what came of it.
    pub async fn send(&self, slot: Slot, request: Request) -> Reply {
        let class = slot.class();
        let (method, writes) = (request.method, request.writes);
        let span = tracing::info_span!(
            telemetry::span::OUTBOUND_ATTEMPT,
            class = class.as_str(),
            method,
            writes,
            status = Empty,
            outcome = Empty
        );
        let attempt = async {
            let ready = match client::prepare(&self.shared.client, slot.host(), request) {
                Ok(ready) => ready,
                // The slot goes back unused: this says nothing of the server.
                Err(why) => return Reply::NotSent { why },
            };
            // Right before the first byte: whatever was awaited since the slot was had, or since a mark was made, may have been long.
            if class != Class::Token && Errand::current().is_some_and(|errand| errand.is_over()) {
                return Reply::NotSent { why: "its time was over before it could leave".into() };
            }
            let flight = match slot.depart() {
                Ok(flight) => flight,
                Err(why) => return Reply::NotSent { why: why.into() },
            };
            let begun = Instant::now();
            let attempt = client::attempt(&self.shared.client, ready).await;
            if attempt.by_own_stream {
                tracing::warn!(event = "outbound.own_stream", class = class.as_str(), "what was to be sent broke off");
                drop(flight);
            } else {
                landed(flight, class, self.shared.forbidden, &attempt, begun.elapsed());
            }
            attempt.reply
        };
        attempt.instrument(span).await
    }

    /// For a 200 whose body carries a status that is no success: feeds circuit, bucket and gate as that status would have.
    pub fn said_inside(&self, company: CompanyNo, host: &str, class: Class, status: u16, retry_after_ms: Option<i64>) {
        self.said_inside_at(company, host, (class, Door::default()), status, retry_after_ms);
    }

    /// As `said_inside`, of a request that went to this door.
    pub fn said_inside_at(&self, company: CompanyNo, host: &str, at: (Class, Door), status: u16, retry_after_ms: Option<i64>) {
        let lane = self.lane(company, host, Budget::default());
        let outcome = outcome::of_status(status);
        let now = lane.now();
        let wishes = Wishes { pause_until: retry_after_ms.map(|ms| now + ms.saturating_mul(1_000)), remaining: None };
        let shown = Shown { outcome, health: health(outcome, false), status, left_at: now, wishes };
        count_throttled(status);
        let turned = lane.line().said_inside(at, &shown, now);
        lane.tell(at.0, turned);
    }

    /// The company's credentials for the default door are no good: whatever goes by them waits, but the token endpoint; a probe goes through after 5 s, then 10 s,
    /// up to 60 s. `send` does this by itself at a 401 or 403; this is for what it cannot see.
    pub fn credentials_refused(&self, company: CompanyNo, host: &str) {
        let lane = self.lane(company, host, Budget::default());
        let now = lane.now();
        lane.line().credentials_refused(Door::default(), now);
    }

    /// There are other credentials: what waits goes on at once. Answers to requests sent with the former ones no longer count.
    pub fn credentials_changed(&self, company: CompanyNo, host: &str) {
        let lane = self.lane(company, host, Budget::default());
        lane.line().credentials_changed();
    }

    /// The status with which this door is known to be refused to the company; `None`: it is not, or it is time to knock again.
    pub fn refusal(&self, company: CompanyNo, host: &str, door: Door) -> Option<u16> {
        let lane = self.lane(company, host, Budget::default());
        let (now, mut line) = (lane.now(), lane.line());
        let place = line.gates.place(door);
        line.gates.refusal(place, now)
    }

    /// How things stand for the company, over all its hosts.
    pub fn view(&self, company: CompanyNo) -> LineView {
        let lanes = self.shared.lanes.get(&company).map(|lanes| lanes.clone()).unwrap_or_default();
        view::of(&lanes)
    }

    fn lane(&self, company: CompanyNo, host: &str, budget: Budget) -> Arc<Lane> {
        let of = |lanes: &[Arc<Lane>]| lanes.iter().find(|lane| *lane.host == *host).cloned();
        if let Some(lane) = self.shared.lanes.get(&company).and_then(|lanes| of(&lanes)) {
            return lane;
        }
        let mut lanes = self.shared.lanes.entry(company).or_default();
        // Somebody else may have been here between the two looks.
        of(&lanes).unwrap_or_else(|| {
            let lane = Arc::new(Lane::new(host, budget, self.shared.head_start));
            lanes.push(Arc::clone(&lane));
            lane
        })
    }
}

/// An answer shows that the server is well, whatever it says; a server that cannot be reached is as ill as a silent one.
fn health(outcome: &'static str, timed_out: bool) -> Health {
    match outcome {
        _ if timed_out => Health::Timeout,
        "ambiguous" => Health::Bad,
        _ => Health::Good,
    }
}

fn count_throttled(status: u16) {
    if status == 429 {
        metrics::counter!(telemetry::OUTBOUND_THROTTLED).increment(1);
    }
}

/// Tells lane, span, metrics and log what came of an attempt.
fn landed(flight: Flight, class: Class, forbidden: Forbidden, attempt: &Attempt, took: Duration) {
    let outcome = outcome::at_sight(forbidden, &attempt.reply);
    let (status, why) = match &attempt.reply {
        Reply::Answered(answer) => (answer.status, ""),
        Reply::NotSent { why } | Reply::Lost { why } => (0, why.as_str()),
    };
    let unreached = matches!(attempt.reply, Reply::NotSent { .. });
    let health = if unreached && !attempt.timed_out { Health::Bad } else { health(outcome, attempt.timed_out) };
    let span = tracing::Span::current();
    span.record("status", status).record("outcome", outcome);
    metrics::counter!(telemetry::OUTBOUND_ATTEMPTS, "class" => class.as_str(), "outcome" => outcome).increment(1);
    metrics::histogram!(telemetry::OUTBOUND_ATTEMPT_DURATION, "class" => class.as_str()).record(took);
    count_throttled(status);
    let took_ms = took.as_millis() as u64;
    if health == Health::Good {
        tracing::debug!(event = "outbound.attempt", class = class.as_str(), status, outcome, took_ms);
    } else {
        tracing::warn!(event = "outbound.attempt", class = class.as_str(), status, outcome, took_ms, why);
    }
    let (now, left_at) = (flight.lane.now(), flight.left_at);
    let pause_until = attempt.pace.pause_ms().map(|ms| now + ms * 1_000);
    flight.land(&Shown { outcome, health, status, left_at, wishes: Wishes { pause_until, remaining: attempt.pace.remaining } });
}

//! What goes wrong on purpose. Several faults add up: every `slow` that is drawn delays, and the first other one that is
//! drawn is played. It must never touch the control routes, or nobody could end it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::dice::Dice;
use super::route::Pattern;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $word:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $word)] $name,)* }

        impl Kind {
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// The write is made, then the connection is closed without an answer.
    LoseAnswer "lose_answer";
    /// The connection is closed before anything was done.
    LoseRequest "lose_request";
    /// Everything happens after `ms`, also the write, also when the client has left by then.
    Slow "slow";
    /// Everything happens when it is let go ([`Faults::let_go`]), also when the client has left by then.
    Held "held";
    Status429 "status_429";
    Status403 "status_403";
    /// As if there were no such address.
    Status404 "status_404";
    Status500Html "status_500_html";
    Status502Html "status_502_html";
    /// 401 once per organisation, or `times` in all.
    UnauthorizedOnce "unauthorized_once";
    Meta404In200 "meta_404_in_200";
    Meta422In200 "meta_422_in_200";
    /// Two million bytes.
    Huge "huge";
    Empty "empty";
    WrongJson "wrong_json";
    Redirect "redirect";
    /// The connection is accepted and nothing ever comes.
    Dark "dark";
    DuplicateWebhooks "duplicate_webhooks";
    ReorderWebhooks "reorder_webhooks";
    /// A message is accepted; its status then is `failed`.
    FailedDelivery "failed_delivery";
}

impl Kind {
    fn is_about_webhooks(self) -> bool {
        matches!(self, Self::DuplicateWebhooks | Self::ReorderWebhooks | Self::FailedDelivery)
    }

    /// A broken answer with status 200 comes from a server that did the work; the others refuse before it.
    fn after_by_itself(self) -> bool {
        matches!(self, Self::LoseAnswer | Self::Huge | Self::Empty | Self::WrongJson)
    }
}

/// `POST /_standin/faults`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFault {
    #[serde(default = "everywhere")]
    route: String,
    fault: Kind,
    rate: Option<f64>,
    /// So many that it would meet pass by first.
    #[serde(default)]
    skip: u64,
    times: Option<u64>,
    ms: Option<u64>,
    retry_after_s: Option<u64>,
    seed: Option<u64>,
    /// Whether the write is made before the fault shows.
    after: Option<bool>,
}

fn everywhere() -> String {
    "*".into()
}

#[derive(Debug)]
struct Fault {
    shown: String,
    route: Pattern,
    drawn: Drawn,
    rate: f64,
    skip: u64,
    times: Option<u64>,
    dice: Dice,
    hits: u64,
    met: BTreeSet<Option<usize>>,
}

/// A fault that is to be played now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    pub kind: Kind,
    pub ms: u64,
    pub retry_after_s: u64,
    pub after: bool,
}

#[derive(Debug, Default)]
pub struct Faults {
    seed: u64,
    faults: Vec<Fault>,
    /// Told when what is held may go on.
    goes_on: watch::Sender<()>,
}

impl Fault {
    /// Rolls the dice, always: what other faults do must not move this one's luck.
    fn hits(&mut self, org: Option<usize>) -> bool {
        let hit = self.dice.hits(self.rate);
        let spent = match (self.times, self.drawn.kind) {
            (Some(times), _) => self.hits >= times,
            (None, Kind::UnauthorizedOnce) => self.met.contains(&org),
            (None, _) => false,
        };
        let passes = hit && !spent && self.skip > 0;
        self.skip -= u64::from(passes);
        hit && !spent && !passes
    }

    fn counts(&mut self, org: Option<usize>) -> Drawn {
        self.hits += 1;
        self.met.insert(org);
        self.drawn
    }

    fn report(&self) -> Value {
        json!({
            "route": self.shown,
            "fault": self.drawn.kind.word(),
            "rate": self.rate,
            "skip": self.skip,
            "times": self.times,
            "ms": self.drawn.ms,
            "retry_after_s": self.drawn.retry_after_s,
            "after": self.drawn.after,
            "hits": self.hits,
        })
    }
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Adds one to those there are; why not, when it makes no sense.
    pub fn add(&mut self, new: NewFault) -> Result<Value, String> {
        let rate = new.rate.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&rate) {
            return Err("rate must be from 0 to 1".into());
        }
        let drawn = Drawn {
            kind: new.fault,
            ms: new.ms.unwrap_or(3_000),
            retry_after_s: new.retry_after_s.unwrap_or(1),
            after: new.after.unwrap_or(new.fault.after_by_itself()),
        };
        // Each fault has dice of its own, else adding one would change the luck of all.
        let seed = new.seed.unwrap_or(self.seed.wrapping_add(self.faults.len() as u64));
        let route = Pattern::read(&new.route);
        let (dice, met) = (Dice::new(seed), BTreeSet::new());
        self.faults.push(Fault { shown: new.route, route, drawn, rate, skip: new.skip, times: new.times, dice, hits: 0, met });
        Ok(self.faults.last().map(Fault::report).unwrap_or_default())
    }

    /// Ends them all; what was held goes on.
    pub fn clear(&mut self) {
        self.faults.clear();
        self.goes_on.send_replace(());
    }

    /// What was held goes on, and nothing more is held.
    pub fn let_go(&mut self) {
        self.faults.retain(|fault| fault.drawn.kind != Kind::Held);
        self.goes_on.send_replace(());
    }

    pub fn report(&self) -> Value {
        self.faults.iter().map(Fault::report).collect()
    }

    /// Whether this request is held, and what says when it may go on.
    pub fn holds(&mut self, method: &str, path: &str, org: Option<usize>) -> Option<watch::Receiver<()>> {
        let mut holding =
            self.faults.iter_mut().filter(|fault| fault.drawn.kind == Kind::Held && fault.route.matches(method, path));
        holding.any(|fault| fault.hits(org) && fault.counts(org).kind == Kind::Held).then(|| self.goes_on.subscribe())
    }

    /// What else goes wrong with this request: how long it waits first, and what is played.
    pub fn draw(&mut self, method: &str, path: &str, org: Option<usize>) -> (u64, Option<Drawn>) {
        let (mut delay_ms, mut played) = (0, None);
        let others = |kind: Kind| kind == Kind::Held || kind.is_about_webhooks();
        for fault in self.faults.iter_mut().filter(|fault| !others(fault.drawn.kind)) {
            if !fault.route.matches(method, path) || !fault.hits(org) {
                continue;
            }
            if fault.drawn.kind == Kind::Slow {
                delay_ms += fault.counts(org).ms;
            } else if played.is_none() {
                played = Some(fault.counts(org));
            }
        }
        (delay_ms, played)
    }

    /// Whether this fault of the sending side meets the webhook (or the message) named `event`.
    pub fn meets_webhook(&mut self, kind: Kind, event: &str) -> bool {
        let mut of_kind = self.faults.iter_mut().filter(|fault| fault.drawn.kind == kind);
        of_kind.any(|fault| fault.route.matches("WEBHOOK", event) && fault.hits(None) && fault.counts(None).kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(given: &[Value]) -> Faults {
        let mut faults = Faults::new(1);
        for one in given {
            faults.add(serde_json::from_value(one.clone()).unwrap()).unwrap();
        }
        faults
    }

    fn kind(drawn: (u64, Option<Drawn>)) -> Option<Kind> {
        drawn.1.map(|drawn| drawn.kind)
    }

    #[test]
    fn they_add_up_and_the_first_answer_wins() {
        let mut faults = faults(&[
            json!({"route": "POST /api/v3.1/deals", "fault": "slow", "ms": 20}),
            json!({"route": "*", "fault": "slow", "ms": 10}),
            json!({"route": "POST /api/v3.1/deals", "fault": "status_429", "times": 1}),
            json!({"route": "POST /api/v3.1/*", "fault": "lose_answer"}),
        ]);
        assert_eq!(faults.draw("GET", "/api/v3.1/deals", Some(0)), (10, None));
        let first = faults.draw("POST", "/api/v3.1/deals", Some(0));
        assert_eq!((first.0, kind(first)), (30, Some(Kind::Status429)));
        assert_eq!(kind(faults.draw("POST", "/api/v3.1/deals", Some(0))), Some(Kind::LoseAnswer));
    }

    #[test]
    fn those_that_pass_by_first_are_counted() {
        let mut faults = faults(&[json!({"fault": "status_429", "skip": 2, "times": 1})]);
        let mut ask = || kind(faults.draw("GET", "/x", None)).is_some();
        assert_eq!([ask(), ask(), ask(), ask()], [false, false, true, false]);
    }

    #[test]
    fn unauthorized_is_once_for_each_organisation() {
        let mut faults = faults(&[json!({"fault": "unauthorized_once"})]);
        let mut ask = |org| kind(faults.draw("GET", "/x", Some(org))).is_some();
        assert_eq!([ask(0), ask(0), ask(1), ask(1), ask(0)], [true, false, true, false, false]);
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let rolls = |seed: u64| {
            let mut faults = faults(&[json!({"fault": "status_429", "rate": 0.3, "seed": seed})]);
            (0..200).map(|_| faults.draw("GET", "/x", None).1.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(rolls(5), rolls(5));
        assert_ne!(rolls(5), rolls(6));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(serde_json::from_value::<NewFault>(json!({"fault": "explode"})).is_err());
        assert!(serde_json::from_value::<NewFault>(json!({"fault": "slow", "milliseconds": 1})).is_err());
        let too_often = serde_json::from_value(json!({"fault": "slow", "rate": 1.5})).unwrap();
        assert!(Faults::new(0).add(too_often).is_err());
    }
}

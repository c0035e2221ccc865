//! What stops a lane for a while and lets one request through to see: circuits (a server that is slow or gone) and the gate of
//! refused credentials. Pure: time is an argument, in microseconds. It delays and never refuses.

use std::collections::VecDeque;

/// First wait before a probe (5 s); doubles with each that fails.
const FIRST_WAIT_US: i64 = 5_000_000;
/// When credentials were refused, whoever waits for others asks again after this time: a probe is let through about then.
pub const CREDENTIALS_MS: i64 = FIRST_WAIT_US / 1_000;
const LONGEST_WAIT_US: i64 = 60_000_000;
/// A circuit judges by the last so many attempts …
const WINDOW_CALLS: usize = 20;
/// … of the last 10 s …
const WINDOW_US: i64 = 10_000_000;
/// … if there are so many at least: one bad answer of one is not "half of all".
const FEWEST_CALLS: usize = 5;
const TIMEOUTS_IN_A_ROW: u32 = 5;

/// Whether one more may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Free,
    /// Not before.
    At(i64),
    /// Not before a probe under way is back.
    Probing,
}

impl Way {
    /// The way through both.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Probing, _) | (_, Self::Probing) => Self::Probing,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
            (Self::At(at), Self::Free) | (Self::Free, Self::At(at)) => Self::At(at),
            (Self::Free, Self::Free) => Self::Free,
        }
    }
}

/// The right to pass once. What comes back with a pass of an earlier state is history and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    generation: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passing,
    Shut { until: i64, wait: i64 },
    Probing { wait: i64 },
}

/// Open to all, shut until a time, or open to one probe.
struct Latch {
    state: State,
    /// Rises when the latch shuts and when it opens.
    generation: u64,
}

impl Latch {
    const fn new() -> Self {
        Self { state: State::Passing, generation: 0 }
    }

    fn way(&self, now: i64) -> Way {
        match self.state {
            State::Shut { until, .. } if until > now => Way::At(until),
            State::Probing { .. } => Way::Probing,
            State::Passing | State::Shut { .. } => Way::Free,
        }
    }

    /// To be called when the way is free.
    fn enter(&mut self) -> Pass {
        if let State::Shut { wait, .. } = self.state {
            self.state = State::Probing { wait };
        }
        Pass { generation: self.generation }
    }

    /// What passed did not help, or what is known is bad enough.
    fn shut(&mut self, now: i64) {
        let wait = match self.state {
            State::Passing => FIRST_WAIT_US,
            State::Probing { wait } => (wait * 2).min(LONGEST_WAIT_US),
            State::Shut { .. } => return,
        };
        self.generation += 1;
        self.state = State::Shut { until: now + wait, wait };
    }

    fn open(&mut self) {
        self.generation += 1;
        self.state = State::Passing;
    }

    /// A pass that was not used, or of which nothing was heard: the next one is the probe.
    fn release(&mut self, pass: Pass, now: i64) {
        if let (State::Probing { wait }, true) = (self.state, self.is_of_now(pass)) {
            self.state = State::Shut { until: now, wait };
        }
    }

    fn is_of_now(&self, pass: Pass) -> bool {
        pass.generation == self.generation
    }
}

/// What an attempt says of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered, whatever the answer.
    Good,
    /// Ambiguous, or not reached at all.
    Bad,
    /// Bad, and it took all the time there was.
    Timeout,
}

/// What a circuit did when it heard of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Opened,
    /// A probe failed: a longer wait.
    StaysOpen,
    Closed,
}

impl Turn {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::StaysOpen => "stays_open",
            Self::Closed => "closed",
        }
    }
}

/// The circuit of one class of endpoint of one host, for one company.
pub struct Circuit {
    latch: Latch,
    /// When, and whether bad.
    recent: VecDeque<(i64, bool)>,
    timeouts: u32,
}

impl Circuit {
    pub const fn new() -> Self {
        Self { latch: Latch::new(), recent: VecDeque::new(), timeouts: 0 }
    }

    pub fn way(&self, now: i64) -> Way {
        self.latch.way(now)
    }

    /// To be called when the way is free; the pass must come back through `heard` or `release`.
    pub fn enter(&mut self) -> Pass {
        self.latch.enter()
    }

    pub fn release(&mut self, pass: Pass, now: i64) {
        self.latch.release(pass, now);
    }

    /// An attempt is over.
    pub fn heard(&mut self, pass: Pass, health: Health, now: i64) -> Option<Turn> {
        if !self.latch.is_of_now(pass) {
            return None;
        }
        self.learn(health, now)
    }

    /// As `heard`, for what came to light later.
    pub fn learn(&mut self, health: Health, now: i64) -> Option<Turn> {
        match (self.latch.state, health) {
            (State::Shut { .. }, _) => return None,
            (State::Probing { .. }, Health::Good) => {
                self.latch.open();
                return Some(Turn::Closed);
            }
            (State::Probing { .. }, _) => {
                self.latch.shut(now);
                return Some(Turn::StaysOpen);
            }
            (State::Passing, _) => {}
        }
        self.timeouts = if health == Health::Timeout { self.timeouts + 1 } else { 0 };
        self.recent.push_back((now, health != Health::Good));
        while self.recent.len() > WINDOW_CALLS || self.recent.front().is_some_and(|(at, _)| now - at > WINDOW_US) {
            self.recent.pop_front();
        }
        let bad = self.recent.iter().filter(|(_, bad)| *bad).count();
        let mostly_bad = self.recent.len() >= FEWEST_CALLS && bad * 2 >= self.recent.len();
        if mostly_bad || self.timeouts >= TIMEOUTS_IN_A_ROW {
            self.latch.shut(now);
            self.recent.clear();
            self.timeouts = 0;
            return Some(Turn::Opened);
        }
        None
    }

    /// `closed`, `open` or `half_open`.
    pub const fn state(&self) -> &'static str {
        match self.latch.state {
            State::Passing => "closed",
            State::Shut { .. } => "open",
            State::Probing { .. } => "half_open",
        }
    }

    /// When an open circuit lets a probe through.
    pub const fn probe_at(&self) -> Option<i64> {
        if let State::Shut { until, .. } = self.latch.state { Some(until) } else { None }
    }
}

/// One gate that refused credentials shut.
pub struct Gate {
    latch: Latch,
    trust: &'static str,
}

impl Gate {
    pub const fn new() -> Self {
        Self { latch: Latch::new(), trust: "untried" }
    }

    pub fn way(&self, now: i64) -> Way {
        self.latch.way(now)
    }

    /// To be called when the way is free; the pass must come back through `accepted`, `refused` or `release`.
    pub fn enter(&mut self) -> Pass {
        self.latch.enter()
    }

    pub fn release(&mut self, pass: Pass, now: i64) {
        self.latch.release(pass, now);
    }

    /// The server took the credentials.
    pub fn accepted(&mut self, pass: Pass) {
        if self.latch.is_of_now(pass) {
            self.trust = "valid";
            if self.latch.state != State::Passing {
                self.latch.open();
            }
        }
    }

    /// The server refused the credentials that went with this pass; those of an earlier state do not count.
    pub fn refused(&mut self, pass: Pass, now: i64) {
        if self.latch.is_of_now(pass) {
            self.refuse(now);
        }
    }

    /// The credentials of now are known to be refused.
    pub fn refuse(&mut self, now: i64) {
        self.trust = "refused";
        self.latch.shut(now);
    }

    /// There are others now: at once.
    pub fn changed(&mut self) {
        self.trust = "untried";
        self.latch.open();
    }

    /// `valid`, `refused` or `untried`.
    pub const fn trust(&self) -> &'static str {
        self.trust
    }
}

//! Who waits for one host on behalf of one company, and who is next: by rank, and by arrival within one, among those whose class
//! may pass. This is the only queue: credentials, circuit, bucket and a place on the wire are all had at once or not at all, so
//! that nobody holds one of them while waiting for another. Pure but for the bells that wake waiters. Time is an argument, in microseconds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::actors::outside::{Errand, Stage};

use super::breaker::{Circuit, Health, Pass, Turn, Way};
use super::gates::{Gates, Passes, Place};
use super::retry_budget::RetryBudget;
use super::token_bucket::TokenBucket;
use super::wire::{Ask, Budget, Class, Door};

/// Requests on their way at once.
const AT_ONCE: u32 = 16;
/// Of one class: slow reads leave places for writes.
const AT_ONCE_OF_CLASS: u32 = 12;
/// Uploads may take minutes: they leave places for all else.
const UPLOADS_AT_ONCE: u32 = 8;

/// Who goes first; the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    kind: Kind,
    /// When the effect was asked for, in microseconds, and which it is.
    effect: (i64, [u8; 16]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// What mends the credentials mends it for all.
    Token,
    /// The second of two requests that belong together.
    Ahead,
    /// Of an effect whose part is named or in doubt: what it has asked so far would else be for nothing.
    UnderWay,
    /// For nobody's effect.
    Apart,
    Planning,
}

impl Rank {
    pub fn of(class: Class, ask: Ask, errand: Option<&Errand>) -> Self {
        let kind = match (class, ask, errand.map(|errand| errand.stage)) {
            (Class::Token, ..) => Kind::Token,
            (_, Ask::Ahead, _) => Kind::Ahead,
            (_, _, Some(Stage::UnderWay)) => Kind::UnderWay,
            (_, _, None) => Kind::Apart,
            (_, _, Some(Stage::Planning)) => Kind::Planning,
        };
        Self { kind, effect: errand.map_or((0, [0; 16]), |errand| (errand.since.0, errand.effect.0)) }
    }
}

struct Waiter {
    id: u64,
    rank: Rank,
    class: Class,
    ask: Ask,
    door: Place,
    since: i64,
    bell: Arc<Notify>,
}

impl Waiter {
    /// Sorts of a door.
    const SORTS: usize = 2 * Class::ALL.len();

    /// Equal for those who may pass at the same time: of one door and class, repeats by themselves.
    fn sort(&self) -> usize {
        self.door * Self::SORTS + 2 * self.class as usize + usize::from(self.ask == Ask::Again)
    }
}

/// What a waiter does next.
pub enum Step {
    Go(Grant),
    /// Ask again at this instant, or when the bell rings.
    Until(i64),
    /// Ask again when the bell rings.
    Parked,
}

/// The right to send one request. Must come back through `give_back`, or through `sent` and then `landed` or `lost_sight`.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    pub class: Class,
    circuit: Pass,
    door: Place,
    /// The token endpoint does not pass the gates.
    passes: Option<Passes>,
}

/// What an attempt that was sent has shown.
pub struct Shown {
    /// As `outcome::at_sight`.
    pub outcome: &'static str,
    pub health: Health,
    /// 0: no answer.
    pub status: u16,
    /// When the request left.
    pub left_at: i64,
    pub wishes: Wishes,
}

/// What the server wants of our pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Leave me alone until then.
    pub pause_until: Option<i64>,
    /// I take so many more.
    pub remaining: Option<u32>,
}

/// What is worth telling operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    pub circuit: Option<Turn>,
    /// `true`: the bucket fell below its full rate; `false`: it is back.
    pub slowed: Option<bool>,
}

/// One company at one host.
pub struct Line {
    pub bucket: TokenBucket,
    pub gates: Gates,
    retries: RetryBudget,
    circuits: [Circuit; Class::COUNT],
    /// By rank, then by arrival.
    queue: VecDeque<Waiter>,
    next_id: u64,
    /// Granted and not over, by class.
    out: [u32; Class::COUNT],
    /// The bucket has reserved one for whoever is first.
    reserved: bool,
    pub throttled: u64,
    /// Requests that were asked again.
    pub repeats: u64,
    pub attempts: BTreeMap<&'static str, u64>,
    /// When each class was last asked for, to tell the host in use from a former one.
    pub asked_at: [i64; Class::COUNT],
}

impl Line {
    pub fn new(budget: Budget, now: i64) -> Self {
        Self {
            bucket: TokenBucket::new(budget, now),
            gates: Gates::new(),
            retries: RetryBudget::new(budget, now),
            circuits: std::array::from_fn(|_| Circuit::new()),
            queue: VecDeque::new(),
            next_id: 0,
            out: [0; Class::COUNT],
            reserved: false,
            throttled: 0,
            repeats: 0,
            attempts: BTreeMap::new(),
            asked_at: [i64::MIN; Class::COUNT],
        }
    }

    pub const fn circuit(&self, class: Class) -> &Circuit {
        &self.circuits[class as usize]
    }

    /// Takes a place; `leave` it, or `step` until `Go`.
    pub fn join(&mut self, (class, door): (Class, Door), ask: Ask, rank: Rank, bell: Arc<Notify>, now: i64) -> u64 {
        self.next_id += 1;
        self.asked_at[class as usize] = now;
        let waiter = Waiter { id: self.next_id, rank, class, ask, door: self.gates.place(door), since: now, bell };
        let place = self.queue.partition_point(|other| other.rank <= rank);
        self.queue.insert(place, waiter);
        self.next_id
    }

    /// Gives a place up. Nothing happens if it was already granted.
    pub fn leave(&mut self, id: u64, now: i64) {
        let before = self.queue.len();
        self.queue.retain(|waiter| waiter.id != id);
        if self.queue.len() < before {
            self.settle_reservation(now);
            self.ring();
        }
    }

    fn way(&self, class: Class, door: Place, now: i64) -> Way {
        let gates = if class == Class::Token { Way::Free } else { self.gates.way(door, now) };
        self.circuit(class).way(now).and(gates)
    }

    /// Whether there is a place on the wire.
    fn has_place(&self, class: Class) -> bool {
        let most = if class == Class::Upload { UPLOADS_AT_ONCE } else { AT_ONCE_OF_CLASS };
        class == Class::Token || self.out[class as usize] < most && self.out.iter().sum::<u32>() < AT_ONCE
    }

    /// When the way of a waiter is free, as far as anybody can tell; a repeat's may not be before its budget allows it.
    fn way_of(&self, ways: &[[Way; Class::COUNT]], waiter: &Waiter, now: i64) -> Way {
        let Waiter { class, ask, door, .. } = *waiter;
        let may_at = if ask == Ask::Again { self.retries.may_at(now) } else { now };
        match ways[door][class as usize] {
            // The bell rings when one comes back.
            _ if !self.has_place(class) => Way::Probing,
            Way::Free if may_at > now => Way::At(may_at),
            Way::At(at) => Way::At(at.max(may_at)),
            way => way,
        }
    }

    /// What the waiter does now. Only the first whose way is free waits for the bucket; the first of each other class and door,
    /// and the first repeat, wait for their time, everybody else for the bell.
    pub fn step(&mut self, id: u64, now: i64) -> Step {
        let of_door = |door: Place| Class::ALL.map(|class| self.way(class, door, now));
        let ways: Vec<[Way; Class::COUNT]> = (0..self.gates.len()).map(of_door).collect();
        let is_free = |waiter: &Waiter| self.way_of(&ways, waiter, now) == Way::Free;
        let next = self.queue.iter().position(is_free);
        if let Some(place) = next
            && self.queue[place].id == id
        {
            let at = if self.reserved { self.bucket.due(now) } else { self.bucket.reserve(now) };
            self.reserved = at > now;
            if self.reserved {
                return Step::Until(at);
            }
            let Waiter { class, ask, door, .. } = self.queue[place];
            self.queue.remove(place);
            match ask {
                Ask::First => self.retries.first(),
                Ask::Again => {
                    self.repeats += 1;
                    self.retries.repeats(now);
                }
                Ask::Ahead => {}
            }
            self.out[class as usize] += 1;
            let passes = (class != Class::Token).then(|| self.gates.enter(door));
            let grant = Grant { class, circuit: self.circuits[class as usize].enter(), door, passes };
            self.ring();
            return Step::Go(grant);
        }
        let Some(me) = self.queue.iter().find(|waiter| waiter.id == id) else { return Step::Parked };
        let is_like_me = |other: &&Waiter| other.sort() == me.sort();
        match self.way_of(&ways, me, now) {
            Way::At(at) if self.queue.iter().find(is_like_me).is_some_and(|first| first.id == id) => Step::Until(at),
            _ => Step::Parked,
        }
    }

    /// Wakes the first of each sort: only they can have something new to do.
    fn ring(&self) {
        let mut seen = vec![false; self.gates.len() * Waiter::SORTS];
        for waiter in &self.queue {
            if !std::mem::replace(&mut seen[waiter.sort()], true) {
                waiter.bell.notify_one();
            }
        }
    }

    /// The bucket changed under a reservation: whoever is next reserves anew.
    fn reserve_anew(&mut self, now: i64) {
        self.free_reservation(now);
        self.ring();
    }

    fn free_reservation(&mut self, now: i64) {
        if std::mem::take(&mut self.reserved) {
            self.bucket.give_back(now);
        }
    }

    /// Nobody is there for whom something could be reserved.
    fn settle_reservation(&mut self, now: i64) {
        if self.queue.is_empty() {
            self.free_reservation(now);
        }
    }

    pub fn set_budget(&mut self, budget: Budget, now: i64) {
        self.free_reservation(now);
        self.bucket.set(budget, now);
        self.retries.set(budget);
        self.ring();
    }

    /// A grant that was not used.
    pub fn give_back(&mut self, grant: Grant, now: i64) {
        self.bucket.give_back(now);
        self.lost_sight(grant, now);
    }

    /// Whether a granted request may leave now: not in a pause that the server has asked for since.
    pub fn may_leave(&self, now: i64) -> bool {
        !self.bucket.is_paused(now)
    }

    /// A granted request leaves.
    pub fn sent(&mut self, now: i64) {
        self.bucket.sent(now);
    }

    fn is_back(&mut self, class: Class) {
        let out = &mut self.out[class as usize];
        *out = out.saturating_sub(1);
    }

    /// Nobody will say what became of it (its sender is gone).
    pub fn lost_sight(&mut self, grant: Grant, now: i64) {
        self.is_back(grant.class);
        self.circuits[grant.class as usize].release(grant.circuit, now);
        if let Some(passes) = grant.passes {
            self.gates.release(grant.door, passes, now);
        }
        self.ring();
    }

    /// What was sent is back, or certainly never will be.
    pub fn landed(&mut self, grant: Grant, shown: &Shown, now: i64) -> Turned {
        *self.attempts.entry(shown.outcome).or_default() += 1;
        self.is_back(grant.class);
        let circuit = self.circuits[grant.class as usize].heard(grant.circuit, shown.health, now);
        if let Some(passes) = grant.passes {
            self.gates.heard(grant.door, passes, shown.outcome, shown.status, now);
        }
        let was_slowed = self.bucket.is_slowed();
        self.pace(shown, now);
        let slowed = self.bucket.is_slowed();
        self.ring();
        Turned { circuit, slowed: (was_slowed != slowed).then_some(slowed) }
    }

    /// The same, for a status that stood inside a 200: that one was counted already.
    pub fn said_inside(&mut self, (class, door): (Class, Door), shown: &Shown, now: i64) -> Turned {
        let bad = shown.health != Health::Good;
        let circuit = if bad { self.circuits[class as usize].learn(shown.health, now) } else { None };
        if shown.outcome == "credentials" && class != Class::Token {
            let door = self.gates.place(door);
            self.gates.refuse(door, shown.status, now);
        }
        let was_slowed = self.bucket.is_slowed();
        self.pace(shown, now);
        let slowed = self.bucket.is_slowed();
        self.ring();
        Turned { circuit, slowed: (was_slowed != slowed).then_some(slowed) }
    }

    fn pace(&mut self, shown: &Shown, now: i64) {
        let throttled = shown.status == 429;
        if throttled {
            self.throttled += 1;
        } else if shown.status != 0 {
            self.bucket.answered(now);
        }
        let pause = shown.wishes.pause_until.filter(|until| *until > now);
        if throttled || pause.is_some() {
            self.reserve_anew(now);
        }
        if throttled {
            self.bucket.throttled(shown.left_at, now);
        }
        if let Some(until) = pause {
            self.bucket.pause(until, now);
        } else if let Some(remaining) = shown.wishes.remaining {
            self.bucket.at_most(f64::from(remaining));
        }
    }

    /// The credentials of this door are known to be refused.
    pub fn credentials_refused(&mut self, door: Door, now: i64) {
        let door = self.gates.place(door);
        self.gates.refuse(door, 401, now);
    }

    /// There are other credentials: whoever waited for them goes on.
    pub fn credentials_changed(&mut self) {
        self.gates.changed();
        self.ring();
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Since when the one that waits longest waits.
    pub fn oldest(&self) -> Option<i64> {
        self.queue.iter().map(|waiter| waiter.since).min()
    }
}

//! How one effect is carried to an outside system without being done twice: a pure machine that says what comes next, from what
//! is durably known. It has no clock and sends nothing; the lane does what it says, writes down what came of it, and asks again.
//!
//! One effect is a list of parts, found one at a time: `Plan` reads (which is free) and names the next writing part or the end.
//! A part is marked started, durably, before its first byte may leave. A *once* part that was started and whose outcome is not
//! known is looked up, never sent again without (invariant 10); an *absolute* part is read back. Either is only believed to be
//! absent after the grace time, when no old request can still land (invariant 5).

use serde::{Deserialize, Serialize};

use super::ids::Timestamp;

/// When a part's outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Read back, say it again.
    Absolute,
    /// Look it up by our reference; send again only if it is proven absent.
    Once,
}

/// Bounds of an effect's life, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// One attempt is listened to so long, then given up.
    pub attempt_ms: i64,
    /// After an attempt was given up, so long may its request still land.
    pub grace_ms: i64,
    /// An effect of which nothing was sent expires after this time.
    pub deadline_ms: i64,
    /// An unknown outcome that cannot be established within this time is left to people.
    pub reconcile_ms: i64,
    /// Attempts that certainly did nothing, before the effect is dead.
    pub attempts: u32,
}

impl Patience {
    /// The usual one, with a company's own bounds of an attempt.
    pub fn of(attempt_ms: i64, grace_ms: i64) -> Self {
        Self { attempt_ms, grace_ms, ..Self::default() }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempt_ms: 10_000, grace_ms: 10_000, deadline_ms: 15 * 60_000, reconcile_ms: 10 * 60_000, attempts: 8 }
    }
}

/// Where the part under way stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is under way: ask what comes next.
    Planning,
    /// A part is named, and certainly not done.
    Named(Rule),
    /// Marked started; a request is out.
    Sent(Rule),
    /// It may have been done: `since` is when we began to find out.
    Doubtful {
        rule: Rule,
        since: Timestamp,
        absent_after: Timestamp,
    },
    Over,
}

/// What the lane is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Find the next writing part, or the end.
    Plan,
    /// Mark the part started, then send it.
    Send,
    /// Look whether the part was done.
    LookUp,
    /// Nothing until then.
    Rest(Timestamp),
    Settle(End),
}

/// Ends that the machine itself comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As `Plan` or `Send` said: the lane has the answer.
    Given,
    /// Time ran out before anything was sent.
    Expired,
    /// Every attempt certainly failed.
    Dead,
    /// It may or may not have happened, and we could not find out.
    Unresolved,
}

/// What came of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// From `Plan`: a part to write.
    Part(Rule),
    /// From `Plan`: a part of which a start (at this time) is on record, without an outcome.
    PartStarted(Rule, Timestamp),
    /// From `Send`: what the part would change is not any more as it was when the part was planned. Nothing was sent.
    Changed,
    /// From `Plan` or `Send`: finished or refused; the lane has the answer.
    End,
    /// From `Send` or `LookUp`: the part is done.
    Done,
    /// Certainly nothing happened; worth another try after so long. `counts`: it uses up an attempt.
    NotDone { after_ms: i64, counts: bool },
    /// From `Send`: it may have happened.
    Doubtful,
    /// From `LookUp`, begun at this time: it is not there. What lands while pages are turned may stand on one turned already.
    Absent(Timestamp),
    /// From `LookUp`: it cannot be told whether what is there is ours.
    Unprovable,
}

/// One effect under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carriage {
    patience: Patience,
    /// When the room asked for it.
    since: Timestamp,
    phase: Phase,
    not_before: Timestamp,
    attempts: u32,
    /// A part was started: it can no longer expire.
    touched: bool,
}

impl Carriage {
    /// `touched`: a part of it was started before, by whomever; then it may have happened and cannot simply expire.
    pub fn new(patience: Patience, since: Timestamp, touched: bool) -> Self {
        Self { patience, since, phase: Phase::Planning, not_before: Timestamp(0), attempts: 0, touched }
    }

    pub fn next(&self, now: Timestamp) -> Move {
        match self.phase {
            Phase::Over => Move::Settle(End::Given),
            Phase::Planning | Phase::Named(_) if !self.touched && now.ms_since(self.since) >= self.patience.deadline_ms => {
                Move::Settle(End::Expired)
            }
            Phase::Planning | Phase::Named(_) if self.attempts >= self.patience.attempts => Move::Settle(End::Dead),
            Phase::Doubtful { since, .. } if now.ms_since(since) >= self.patience.reconcile_ms => Move::Settle(End::Unresolved),
            _ if now < self.not_before => Move::Rest(self.not_before),
            Phase::Planning => Move::Plan,
            Phase::Named(_) => Move::Send,
            // A lane that asks here has lost the answer: it can only be looked up.
            Phase::Sent(_) => Move::LookUp,
            Phase::Doubtful { .. } => Move::LookUp,
        }
    }

    pub fn came(&mut self, came: Came, now: Timestamp) {
        match came {
            Came::Part(rule) => self.phase = Phase::Named(rule),
            Came::PartStarted(rule, started_at) => {
                self.touched = true;
                // Whoever sent it may have died in the next moment: its request may land as late as one that was listened to.
                // The time to find out runs from here: after a long darkness it has to be looked up all the same.
                self.doubt(rule, now.max(started_at.plus_ms(self.patience.attempt_ms)), now);
            }
            Came::Changed => {
                // Bounded as every attempt is: somebody may change it again and again.
                self.attempts += 1;
                self.phase = Phase::Planning;
            }
            Came::End => self.phase = Phase::Over,
            Came::Done => {
                self.phase = Phase::Planning;
                self.attempts = 0;
            }
            Came::NotDone { after_ms, counts } => {
                self.attempts += u32::from(counts);
                self.not_before = now.plus_ms(after_ms);
                if let Phase::Sent(rule) = self.phase {
                    self.phase = Phase::Named(rule);
                }
            }
            Came::Doubtful => {
                let rule = self.rule();
                self.doubt(rule, now, now);
            }
            Came::Absent(asked_at) => match self.phase {
                Phase::Doubtful { rule, absent_after, .. } if asked_at >= absent_after => {
                    self.attempts += 1;
                    self.phase = Phase::Named(rule);
                }
                Phase::Doubtful { absent_after, .. } => self.not_before = absent_after,
                _ => {}
            },
            Came::Unprovable => match &mut self.phase {
                // To say it again harms nobody.
                Phase::Doubtful { rule: Rule::Absolute, absent_after, .. } if now >= *absent_after => {
                    self.attempts += 1;
                    self.phase = Phase::Named(Rule::Absolute);
                }
                Phase::Doubtful { rule: Rule::Absolute, absent_after, .. } => self.not_before = *absent_after,
                Phase::Doubtful { since, .. } => *since = Timestamp(now.0 - self.patience.reconcile_ms * 1_000),
                _ => {}
            },
        }
    }

    /// The part's start is on record; the request leaves now.
    pub fn started(&mut self) {
        self.touched = true;
        if let Phase::Named(rule) = self.phase {
            self.phase = Phase::Sent(rule);
        }
    }

    fn rule(&self) -> Rule {
        match self.phase {
            Phase::Named(rule) | Phase::Sent(rule) | Phase::Doubtful { rule, .. } => rule,
            Phase::Planning | Phase::Over => Rule::Once,
        }
    }

    fn doubt(&mut self, rule: Rule, given_up: Timestamp, now: Timestamp) {
        let absent_after = given_up.plus_ms(self.patience.grace_ms);
        self.phase = Phase::Doubtful { rule, since: now, absent_after };
        self.not_before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn at(ms: i64) -> Timestamp {
        NOW.plus_ms(ms)
    }

    /// One that finds a part started at `started_at`, without an outcome.
    fn inherits(rule: Rule, started_at: Timestamp) -> Carriage {
        let mut carriage = Carriage::new(Patience::default(), started_at, true);
        assert_eq!(carriage.next(NOW), Move::Plan);
        carriage.came(Came::PartStarted(rule, started_at), NOW);
        carriage
    }

    #[test]
    fn a_started_part_is_looked_up_and_not_sent() {
        for rule in [Rule::Once, Rule::Absolute] {
            assert_eq!(inherits(rule, at(-60_000)).next(NOW), Move::LookUp);
        }
    }

    #[test]
    fn absent_is_believed_after_the_grace_time() {
        let Patience { attempt_ms, grace_ms, .. } = Patience::default();
        // The request left just now and its sender died in the next moment; or it left long ago.
        for (started_at, latest) in [(NOW, attempt_ms + grace_ms), (at(-60_000), grace_ms)] {
            let mut carriage = inherits(Rule::Once, started_at);
            carriage.came(Came::Absent(at(1)), at(1));
            assert_eq!(carriage.next(at(1)), Move::Rest(at(latest)));
            assert_eq!(carriage.next(at(latest)), Move::LookUp);
            // A look-up that began before and took long saw the world as it was before.
            carriage.came(Came::Absent(at(latest - 1)), at(latest + 500));
            assert_eq!(carriage.next(at(latest + 500)), Move::LookUp);
            carriage.came(Came::Absent(at(latest)), at(latest));
            assert_eq!(carriage.next(at(latest)), Move::Send);
        }
    }

    #[test]
    fn however_long_it_was_dark_a_started_part_is_looked_up() {
        let long = Patience::default().reconcile_ms * 3;
        let mut carriage = inherits(Rule::Once, at(-long));
        assert_eq!(carriage.next(NOW), Move::LookUp);
        // Only then does the time run in which it must be found out.
        carriage.came(Came::NotDone { after_ms: 1, counts: false }, NOW);
        assert_eq!(carriage.next(at(Patience::default().reconcile_ms)), Move::Settle(End::Unresolved));
    }

    #[test]
    fn nothing_expires_after_it_was_sent() {
        let Patience { deadline_ms, attempts, .. } = Patience::default();
        let mut carriage = Carriage::new(Patience::default(), NOW, false);
        assert_eq!(carriage.next(at(deadline_ms)), Move::Settle(End::Expired));
        carriage.came(Came::Part(Rule::Once), NOW);
        assert_eq!(carriage.next(NOW), Move::Send);
        carriage.started();
        assert_eq!(carriage.next(at(deadline_ms)), Move::LookUp, "the answer is lost");
        for attempt in 1..=attempts {
            carriage.came(Came::NotDone { after_ms: 0, counts: true }, NOW);
            let next = if attempt < attempts { Move::Send } else { Move::Settle(End::Dead) };
            assert_eq!(carriage.next(at(deadline_ms)), next);
            carriage.started();
        }
    }

    #[test]
    fn what_changed_meanwhile_is_planned_anew_and_not_for_ever() {
        let attempts = Patience::default().attempts;
        let mut carriage = Carriage::new(Patience::default(), NOW, false);
        for attempt in 1..=attempts {
            assert_eq!(carriage.next(NOW), Move::Plan);
            carriage.came(Came::Part(Rule::Absolute), NOW);
            assert_eq!(carriage.next(NOW), Move::Send);
            carriage.came(Came::Changed, NOW);
            let next = if attempt < attempts { Move::Plan } else { Move::Settle(End::Dead) };
            assert_eq!(carriage.next(NOW), next);
        }
    }

    #[test]
    fn what_cannot_be_proved_is_said_again_only_if_that_harms_nobody() {
        let grace_ms = Patience::default().grace_ms;
        for (rule, next) in [(Rule::Once, Move::Settle(End::Unresolved)), (Rule::Absolute, Move::Send)] {
            let mut carriage = inherits(rule, at(-60_000));
            carriage.came(Came::Unprovable, at(grace_ms));
            assert_eq!(carriage.next(at(grace_ms)), next);
        }
    }
}

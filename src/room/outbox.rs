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
    /// An effect expires after this time, as long as certainly nothing of it was done.
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

/// The last so much of an effect's time (a fifteenth of the deadline: a minute of 15) is for carrying it out: one of which nothing
/// was asked before is not begun any more, or what it asks would be for nothing and keep others from being done.
const KEPT: i64 = 15;

/// How long a move of an effect is worth waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Until its first request.
    pub begin_by: Timestamp,
    /// Until its last.
    pub until: Timestamp,
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
    /// Time ran out before anything was done.
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
    /// From `LookUp`: nobody can tell, and a person has decided that it is sent once more.
    Again,
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
    /// A request was made for it: it has the whole of its time.
    begun: bool,
    /// A part of it is done.
    done: bool,
    /// The open part may be done.
    doubted: bool,
    /// Since when it is asked in vain what comes after the parts that are done.
    vain_since: Option<Timestamp>,
}

impl Carriage {
    /// `done`: a part of it is; `doubted`: one was started, by whomever, and what came of it is not known.
    pub fn new(patience: Patience, since: Timestamp, done: bool, doubted: bool) -> Self {
        let (phase, not_before, attempts) = (Phase::Planning, Timestamp(0), 0);
        Self { patience, since, phase, not_before, attempts, begun: false, done, doubted, vain_since: None }
    }

    pub fn next(&self, now: Timestamp) -> Move {
        let age_ms = now.ms_since(self.since);
        match self.phase {
            Phase::Over => Move::Settle(End::Given),
            Phase::Planning if !self.done && !self.doubted && age_ms >= self.begin_ms() => Move::Settle(End::Expired),
            Phase::Planning if self.vain_since.is_some_and(|since| now.ms_since(since) >= self.patience.reconcile_ms) => {
                Move::Settle(End::Unresolved)
            }
            Phase::Named(_) if age_ms >= self.patience.deadline_ms => Move::Settle(match (self.doubted, self.done) {
                (true, _) => End::Unresolved,
                // Half of it: people have to know.
                (false, true) => End::Dead,
                (false, false) => End::Expired,
            }),
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

    /// From its beginning to the last moment in which it may go on with planning.
    const fn begin_ms(&self) -> i64 {
        let deadline_ms = self.patience.deadline_ms;
        if self.begun { deadline_ms } else { deadline_ms - deadline_ms / KEPT }
    }

    /// How long the present move is worth waiting for: what waits longer would find that its time is over.
    pub fn limit(&self, now: Timestamp) -> Limit {
        let until = match self.phase {
            Phase::Doubtful { since, .. } => since.plus_ms(self.patience.reconcile_ms),
            Phase::Planning if self.done || self.doubted => self.vain_since.unwrap_or(now).plus_ms(self.patience.reconcile_ms),
            Phase::Planning => {
                let begin_by = self.since.plus_ms(self.begin_ms());
                return Limit { begin_by, until: self.since.plus_ms(self.patience.deadline_ms) };
            }
            Phase::Named(_) | Phase::Sent(_) | Phase::Over => self.since.plus_ms(self.patience.deadline_ms),
        };
        Limit { begin_by: until, until }
    }

    /// Nothing of what may have been done can still land: what comes behind need not wait until it is known.
    pub fn may_be_passed(&self, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Doubtful { absent_after, .. } if now >= absent_after)
    }

    /// A request was made for it.
    pub fn begins(&mut self) {
        self.begun = true;
    }

    pub fn came(&mut self, came: Came, now: Timestamp) {
        match came {
            Came::Part(rule) => {
                self.phase = Phase::Named(rule);
                self.vain_since = None;
            }
            Came::PartStarted(rule, started_at) => {
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
                (self.done, self.doubted, self.attempts, self.vain_since) = (true, false, 0, None);
            }
            Came::NotDone { after_ms, counts } => {
                self.attempts += u32::from(counts);
                self.not_before = now.plus_ms(after_ms);
                match self.phase {
                    Phase::Sent(rule) => self.phase = Phase::Named(rule),
                    Phase::Planning if self.done || self.doubted => drop(self.vain_since.get_or_insert(now)),
                    _ => {}
                }
            }
            Came::Doubtful => {
                let rule = self.rule();
                self.doubt(rule, now, now);
            }
            Came::Absent(asked_at) => match self.phase {
                Phase::Doubtful { rule, absent_after, .. } if asked_at >= absent_after => {
                    self.attempts += 1;
                    self.doubted = false;
                    self.phase = Phase::Named(rule);
                }
                Phase::Doubtful { absent_after, .. } => self.not_before = absent_after,
                _ => {}
            },
            Came::Again => {
                // It stays in doubt until this one is done: what came of the earlier one is as little known as before.
                self.attempts += 1;
                self.phase = Phase::Planning;
            }
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
        self.doubted = true;
        self.phase = Phase::Doubtful { rule, since: now, absent_after };
        self.not_before = now;
    }
}

#[cfg(test)]
mod tests;

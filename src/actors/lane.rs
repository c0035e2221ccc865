//! One effect carried to its end: does what `room::outbox` says, writes down what came of it, and asks again. Every await may be
//! the last one (the process dies, the actor goes): whoever carries the effect next goes on from what the outbox remembers.
//! **Invariant:** a part is sent only after its start is durable, and the room hears of an end only after that is.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use crate::room::delivery;
use crate::room::outbox::{Came, Carriage, End, Limit, Move, Rule};
use crate::room::{CallStatus, EffectKind, Settlement, Timestamp};
use crate::telemetry::{self, span};

use super::backlog::{Backlog, Standing};
use super::outside::{Counterpart, EffectJob, Errand, Found, Outbox, Part, PartRow, Permitted, Planned, Sent, Stage, Started};
use super::ports::Clock;

mod again;
mod beside;
mod rows;
mod word;

pub use beside::Beside;
pub use word::{Submission, Word};

/// The outside and where it is written down; clones are the same.
#[derive(Clone)]
pub struct LanePorts {
    pub counterpart: Arc<dyn Counterpart>,
    pub outbox: Arc<dyn Outbox>,
}

impl std::fmt::Debug for LanePorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LanePorts").finish_non_exhaustive()
    }
}

/// A rest is cut in pieces, so that a clock that jumps is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// The other side failed inside, or could not be reached to be read.
const ASK_AGAIN_MS: i64 = 1_000;

/// Carries `job` to its end; `None`: another process owns it now.
pub async fn carry(
    ports: &LanePorts,
    clock: &Arc<dyn Clock>,
    backlog: &Backlog,
    job: &EffectJob,
    beside: &impl Beside,
) -> Option<Settlement> {
    let span = tracing::info_span!(
        span::EFFECT_CARRY,
        call_id = %job.call.call_id,
        room = %job.address.room,
        action = job.call.name,
        retries = job.retries
    );
    let lane = Lane {
        ports,
        clock,
        backlog,
        job,
        beside,
        prepared: None,
        parts: vec![],
        outdated: false,
        given: None,
        attempt_ms: i64::MAX,
        lands_within_ms: i64::MAX,
        is_aside: false,
        sends_again: false,
        held_since: None,
    };
    lane.run().instrument(span).await
}

struct Lane<'a, B> {
    ports: &'a LanePorts,
    clock: &'a Arc<dyn Clock>,
    backlog: &'a Backlog,
    job: &'a EffectJob,
    beside: &'a B,
    /// How far the room knows the file to be.
    prepared: Option<delivery::Stage>,
    /// Those that were started, in order; the last one may be under way.
    parts: Vec<PartRow>,
    /// The open part must be planned anew: what it would change has changed.
    outdated: bool,
    /// The end, as the other side said it.
    given: Option<Settlement>,
    /// After this time a request that was marked must not leave any more.
    attempt_ms: i64,
    /// After this time none that was marked can still land.
    lands_within_ms: i64,
    /// Others of its room go on meanwhile.
    is_aside: bool,
    /// Its open part may have reached the customer at an earlier try, and is sent again because a person said so.
    sends_again: bool,
    /// Since when a person types while the message waits.
    held_since: Option<Timestamp>,
}

impl<B: Beside> Lane<'_, B> {
    async fn run(mut self) -> Option<Settlement> {
        let recalled = self.ask(|| self.ports.outbox.recall(self.job.key)).await;
        if let Some((retries, settlement)) = recalled.settlement
            && retries >= self.job.retries
        {
            return Some(settlement);
        }
        self.parts = recalled.parts;
        let patience = self.ask(|| self.ports.counterpart.patience(self.job.address.company)).await;
        let done = self.parts.iter().any(|row| row.done.is_some());
        let doubted = self.parts.iter().any(|row| row.done.is_none() && !row.idle);
        self.attempt_ms = patience.attempt_ms;
        self.lands_within_ms = patience.attempt_ms.saturating_add(patience.grace_ms);
        self.sends_again = self.job.send_again && self.open_row().is_some();
        let mut carriage = Carriage::new(patience, self.job.since, done, doubted);
        // A part that is named but not started yet.
        let mut named: Option<Part> = None;
        loop {
            let now = self.clock.now();
            let next = carriage.next(now);
            let rests = matches!(next, Move::Rest(_));
            let standing = if rests { Standing::Resting } else { Standing::AtWork };
            self.backlog.stands(self.job.key, self.job.since, standing);
            let came = match next {
                Move::Rest(until) => {
                    let nap = Duration::from_millis(u64::try_from(until.ms_since(now)).unwrap_or(0).max(1));
                    tokio::time::sleep(nap.min(LONGEST_NAP)).await;
                    continue;
                }
                Move::Plan => self.plan(&mut carriage, &mut named).await,
                Move::Send if self.is_aside => {
                    self.takes_its_turn().await;
                    continue;
                }
                Move::Send => match self.send(&mut carriage, &mut named).await {
                    Some(came) => came,
                    None => return None,
                },
                Move::LookUp => match self.look_up(&carriage).await {
                    Some(came) => came,
                    None => return None,
                },
                Move::Settle(end) => return self.settle(end).await,
            };
            carriage.came(came, self.clock.now());
            if came == Came::Doubtful || matches!(came, Came::PartStarted(..)) {
                self.beside.doubts();
            }
        }
    }

    /// What the requests of the move that comes now are made for.
    fn errand(&self, stage: Stage, limit: Limit) -> Arc<Errand> {
        Errand::new(stage, (self.job.since, self.job.key), limit, Arc::clone(self.clock))
    }

    async fn plan(&mut self, carriage: &mut Carriage, named: &mut Option<Part>) -> Came {
        if let Some(row) = self.open_row().filter(|_| !self.outdated) {
            let rule = row.part.rule;
            if !row.idle {
                return Came::PartStarted(rule, row.started_at);
            }
            *named = Some(row.part.clone());
            return Came::Part(rule);
        }
        let done: Vec<PartRow> = self.parts.iter().filter(|row| row.done.is_some()).cloned().collect();
        let errand = self.errand(Stage::Planning, carriage.limit(self.clock.now()));
        let planned = errand.run(self.ports.counterpart.plan(self.job, &done)).await;
        if errand.has_begun() {
            carriage.begins();
        }
        match planned {
            Ok(Planned::Write(part)) => {
                self.outdated = false;
                let rule = part.rule;
                *named = Some(part);
                Came::Part(rule)
            }
            Ok(Planned::End(settlement)) => {
                self.given = Some(settlement);
                Came::End
            }
            Ok(Planned::Later { after_ms, why }) => {
                tracing::info!(%why, after_ms, "the other side cannot be read now");
                Came::NotDone { after_ms, counts: false }
            }
            Err(why) => {
                tracing::warn!(%why, "the other side cannot be read now");
                Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false }
            }
        }
    }

    /// `None`: another process owns the effect.
    async fn send(&mut self, carriage: &mut Carriage, named: &mut Option<Part>) -> Option<Came> {
        let Some(part) = named.clone().or_else(|| self.open_row().map(|row| row.part.clone())) else {
            return Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: true });
        };
        let attempt = self.parts.iter().find(|row| row.part.no == part.no).map_or(0, |row| row.attempts);
        let span = tracing::info_span!(span::EFFECT_PART, part = part.name, attempt);
        self.attempt(carriage, named, part, attempt).instrument(span).await
    }

    async fn attempt(&mut self, carriage: &mut Carriage, named: &mut Option<Part>, part: Part, attempt: u32) -> Option<Came> {
        // Before a permit is taken: while a person types the room is asked again and again.
        if let Some(came) = self.told_prepared(&part).await {
            return Some(came);
        }
        if let Some(came) = self.asked(&part).await {
            return Some(came);
        }
        let asked_at = self.clock.now();
        let errand = self.errand(Stage::UnderWay, carriage.limit(asked_at));
        let permit = match errand.run(self.ports.counterpart.permit(self.job, &part, attempt)).await {
            Ok(Permitted::Go(permit)) => permit,
            Ok(Permitted::Changed) => {
                tracing::info!("what is to be changed was changed by somebody else meanwhile");
                self.outdated = true;
                return Some(Came::Changed);
            }
            Err(why) => {
                tracing::warn!(%why, "no request may leave now");
                return Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false });
            }
        };
        // What the room said may have grown old meanwhile.
        if self.clock.now().ms_since(asked_at) >= ASK_AGAIN_MS
            && let Some(came) = self.asked(&part).await
        {
            return Some(came);
        }
        let at = self.clock.now();
        if carriage.next(at) != Move::Send {
            // Its time has run out while it waited: nothing is marked any more.
            return Some(Came::NotDone { after_ms: 0, counts: false });
        }
        match self.ports.outbox.start(self.job, &part, at).await {
            Ok(Started::Yes) => {}
            Ok(Started::NotOurs) => return None,
            Ok(Started::Void) => {
                self.given = Some(self.ports.counterpart.voided(self.job, &self.parts));
                return Some(Came::End);
            }
            // Perhaps it is marked: a mark without a request is only looked up once too often.
            Err(why) => {
                tracing::warn!(%why, "a start could not be written down");
                return Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false });
            }
        }
        carriage.started();
        *named = None;
        self.row_started(&part, at);
        if self.clock.now().ms_since(at) >= self.attempt_ms {
            // The process stood still: whoever took its rooms over may have found the part absent by now and sent it.
            tracing::warn!("a marked request is too late to be sent");
            return Some(Came::Doubtful);
        }
        // And so it is for whatever the adapter awaits before it sends.
        let leave_by = at.plus_ms(self.attempt_ms);
        let errand = self.errand(Stage::UnderWay, Limit { begin_by: leave_by, until: leave_by });
        let sent = errand.run(self.ports.counterpart.write(self.job, &part, permit)).await;
        Some(match sent {
            Ok(Sent::Done(done)) => self.done(done).await?,
            Ok(Sent::NotDone { after_ms, counts, why }) => {
                tracing::info!(%why, after_ms, "the other side did not take it");
                self.took_nothing().await?;
                Came::NotDone { after_ms, counts }
            }
            Ok(Sent::Refused(settlement)) => {
                self.took_nothing().await?;
                self.given = Some(settlement);
                Came::End
            }
            Ok(Sent::Doubtful { why }) | Err(why) => {
                tracing::warn!(%why, "it is not known whether the other side took it");
                Came::Doubtful
            }
        })
    }

    /// `None`: another process owns the effect.
    async fn look_up(&mut self, carriage: &Carriage) -> Option<Came> {
        let Some(row) = self.open_row().cloned() else { return Some(Came::Done) };
        let asked_at = self.clock.now();
        let errand = self.errand(Stage::UnderWay, carriage.limit(asked_at));
        Some(match errand.run(self.ports.counterpart.look_up(self.job, &row.part, row.started_at)).await {
            Ok(Found::Done(done)) => self.done(done).await?,
            Ok(Found::Absent) => Came::Absent(asked_at),
            Ok(Found::Awaited { .. } | Found::Unprovable { .. }) if self.may_go_again(&row) => self.again(&row, asked_at),
            Ok(Found::Awaited { after_ms, why }) => {
                tracing::debug!(%why, after_ms, "the other side has not told of it yet");
                if carriage.may_be_passed(asked_at) {
                    self.steps_aside();
                }
                Came::NotDone { after_ms, counts: false }
            }
            Ok(Found::Unprovable { why }) => {
                tracing::warn!(%why, "it cannot be told whether the other side took it");
                Came::Unprovable
            }
            Ok(Found::Later { after_ms, why }) => {
                tracing::info!(%why, after_ms, "the other side cannot be asked now");
                Came::NotDone { after_ms, counts: false }
            }
            Err(why) => {
                tracing::warn!(%why, "the other side cannot be asked now");
                Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false }
            }
        })
    }

    /// `None`: another process owns the effect; what it writes down counts.
    async fn settle(&mut self, end: End) -> Option<Settlement> {
        if matches!(end, End::Dead | End::Expired) && !self.sends_again {
            // Certainly not done, so it may have made nothing that another call's look-up finds.
            self.idle().await?;
        }
        let unsaid = |status| self.ports.counterpart.unsaid(self.job, status);
        let settlement = match (end, self.given.take()) {
            (End::Given, Some(given)) => given,
            (End::Expired, _) => unsaid(CallStatus::Expired),
            (End::Dead, _) => unsaid(CallStatus::Dead),
            (End::Given | End::Unresolved, _) => unsaid(CallStatus::Unresolved),
        };
        // What may be said again, as a fetch, has reached nobody; and what left no record was not taken.
        let reached =
            |row: &PartRow| row.part.rule == Rule::Once && row.done.as_ref().is_some_and(|done| !done.record.is_empty());
        let half_sent = self.parts.iter().any(reached);
        let settlement = match self.job.plan.kind {
            EffectKind::Attachment if half_sent => settlement.of_the_file_alone(),
            EffectKind::Resolution if half_sent => settlement.after_its_closing_message(),
            _ => settlement,
        };
        let settlement = if self.sends_again { settlement.of_a_second_sending() } else { settlement };
        self.ours(|| self.ports.outbox.settle(self.job, &settlement, self.clock.now())).await?;
        let (action, status) = (self.job.call.name, settlement.status.as_str());
        metrics::counter!(telemetry::EFFECTS_SETTLED, "action" => action, "status" => status).increment(1);
        Some(settlement)
    }
}

#[cfg(test)]
mod tests;

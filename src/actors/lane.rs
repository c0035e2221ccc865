//! One effect carried to its end: does what `room::outbox` says, writes down what came of it, and asks again. Every await may be
//! the last one (the process dies, the actor goes): whoever carries the effect next goes on from what the outbox remembers.
//! **Invariant:** a part is sent only after its start is durable, and the room hears of an end only after that is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::catalog::fence::LONGEST_HOLD_MS;
use crate::room::outbox::{Came, Carriage, End, Move, Rule};
use crate::room::{CallStatus, EffectKind, Settlement, Timestamp};
use crate::telemetry::{self, span};

use super::outside::{Counterpart, EffectJob, Found, Outbox, Part, PartDone, PartRow, Permitted, Planned, Sent, Started};
use super::ports::Clock;

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

/// The store could not write; it is asked again after this time.
const STORE_AGAIN: Duration = Duration::from_millis(200);
/// A rest is cut in pieces, so that a clock that jumps is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// A permit is given back when there is no place for its request within this time.
const PLACE_WITHIN: Duration = Duration::from_secs(2);
/// The other side failed inside, or could not be reached to be read.
const ASK_AGAIN_MS: i64 = 1_000;

/// What the room says to a message that is about to leave.
#[derive(Debug)]
pub enum Submission {
    Go,
    No(Box<Settlement>),
    /// Not while a person types; the end, if they type for too long.
    Held(Box<Settlement>),
    /// The room cannot say now.
    Later,
}

/// Carries `job` to its end. `doubted` is called when its outcome becomes unknown; `submits` asks the room before a message to the
/// customer is marked. `None`: another process owns it now.
pub async fn carry(
    ports: &LanePorts,
    clock: &dyn Clock,
    at_once: &Semaphore,
    job: &EffectJob,
    doubted: impl Fn(),
    submits: impl AsyncFn(&Part) -> Submission,
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
        at_once,
        job,
        doubted,
        submits,
        parts: vec![],
        outdated: false,
        given: None,
        attempt_ms: i64::MAX,
        held_since: None,
    };
    lane.run().instrument(span).await
}

struct Lane<'a, D, S> {
    ports: &'a LanePorts,
    clock: &'a dyn Clock,
    at_once: &'a Semaphore,
    job: &'a EffectJob,
    doubted: D,
    submits: S,
    /// Those that were started, in order; the last one may be under way.
    parts: Vec<PartRow>,
    /// The open part must be planned anew: what it would change has changed.
    outdated: bool,
    /// The end, as the other side said it.
    given: Option<Settlement>,
    /// After this time a request that was marked must not leave any more.
    attempt_ms: i64,
    /// Since when a person types while the message waits.
    held_since: Option<Timestamp>,
}

impl<D: Fn(), S: AsyncFn(&Part) -> Submission> Lane<'_, D, S> {
    async fn run(mut self) -> Option<Settlement> {
        let recalled = self.ask(|| self.ports.outbox.recall(self.job.key)).await;
        if let Some((retries, settlement)) = recalled.settlement
            && retries >= self.job.retries
        {
            return Some(settlement);
        }
        self.parts = recalled.parts;
        let patience = self.ask(|| self.ports.counterpart.patience(self.job.address.company)).await;
        let begun = self.parts.iter().any(|row| row.done.is_some() || !row.idle);
        self.attempt_ms = patience.attempt_ms;
        let mut carriage = Carriage::new(patience, self.job.since, begun);
        // A part that is named but not started yet.
        let mut named: Option<Part> = None;
        loop {
            let now = self.clock.now();
            let came = match carriage.next(now) {
                Move::Rest(until) => {
                    let nap = Duration::from_millis(u64::try_from(until.ms_since(now)).unwrap_or(0).max(1));
                    tokio::time::sleep(nap.min(LONGEST_NAP)).await;
                    continue;
                }
                Move::Plan => self.plan(&mut named).await,
                Move::Send => match self.send(&mut carriage, &mut named).await {
                    Some(came) => came,
                    None => return None,
                },
                Move::LookUp => match self.look_up().await {
                    Some(came) => came,
                    None => return None,
                },
                Move::Settle(end) => return self.settle(end).await,
            };
            carriage.came(came, self.clock.now());
            if came == Came::Doubtful || matches!(came, Came::PartStarted(..)) {
                (self.doubted)();
            }
        }
    }

    async fn plan(&mut self, named: &mut Option<Part>) -> Came {
        if let Some(row) = self.open_row().filter(|_| !self.outdated) {
            let rule = row.part.rule;
            if !row.idle {
                return Came::PartStarted(rule, row.started_at);
            }
            *named = Some(row.part.clone());
            return Came::Part(rule);
        }
        let _turn = self.at_once.acquire().await;
        let done = self.parts.partition_point(|row| row.done.is_some());
        match self.ports.counterpart.plan(self.job, &self.parts[..done]).await {
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
        if let Some(came) = self.asked(&part).await {
            return Some(came);
        }
        let asked_at = self.clock.now();
        // Before a place is taken: lanes that wait for an open circuit must not keep others from looking theirs up.
        let permit = match self.ports.counterpart.permit(self.job, &part, attempt).await {
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
        // Not for long: the permit may be the probe that all who have a place wait for.
        let Ok(_turn) = tokio::time::timeout(PLACE_WITHIN, self.at_once.acquire()).await else {
            tracing::info!("too many requests are under way at once");
            return Some(Came::NotDone { after_ms: 0, counts: false });
        };
        let at = self.clock.now();
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
        let sent = self.ports.counterpart.write(self.job, &part, permit).await;
        Some(match sent {
            Ok(Sent::Done(done)) => self.done(done).await?,
            Ok(Sent::NotDone { after_ms, counts, why }) => {
                tracing::info!(%why, after_ms, "the other side did not take it");
                self.idle().await?;
                Came::NotDone { after_ms, counts }
            }
            Ok(Sent::Refused(settlement)) => {
                self.idle().await?;
                self.given = Some(settlement);
                Came::End
            }
            Ok(Sent::Doubtful { why }) | Err(why) => {
                tracing::warn!(%why, "it is not known whether the other side took it");
                Came::Doubtful
            }
        })
    }

    /// Asks the room whether a message to the customer, the end of their conversation, or somebody new in it, may go now; `None`:
    /// it may.
    async fn asked(&mut self, part: &Part) -> Option<Came> {
        if !matches!(self.job.plan.kind, EffectKind::Attachment | EffectKind::Resolution | EffectKind::Assignment) {
            return None;
        }
        let end = match (self.submits)(part).await {
            Submission::Go => {
                self.held_since = None;
                return None;
            }
            Submission::Later => return Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false }),
            Submission::Held(end) => {
                let now = self.clock.now();
                if now.ms_since(*self.held_since.get_or_insert(now)) < LONGEST_HOLD_MS {
                    return Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false });
                }
                end
            }
            Submission::No(end) => end,
        };
        self.given = Some(*end);
        Some(Came::End)
    }

    /// `None`: another process owns the effect.
    async fn look_up(&mut self) -> Option<Came> {
        let Some(row) = self.open_row().cloned() else { return Some(Came::Done) };
        let _turn = self.at_once.acquire().await;
        let asked_at = self.clock.now();
        Some(match self.ports.counterpart.look_up(self.job, &row.part, row.started_at).await {
            Ok(Found::Done(done)) => self.done(done).await?,
            Ok(Found::Absent) => Came::Absent(asked_at),
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
        if end == End::Dead {
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
        self.ours(|| self.ports.outbox.settle(self.job, &settlement, self.clock.now())).await?;
        let (action, status) = (self.job.call.name, settlement.status.as_str());
        metrics::counter!(telemetry::EFFECTS_SETTLED, "action" => action, "status" => status).increment(1);
        Some(settlement)
    }

    fn open_row(&self) -> Option<&PartRow> {
        self.parts.iter().find(|row| row.done.is_none())
    }

    fn row_started(&mut self, part: &Part, at: Timestamp) {
        match self.parts.iter_mut().find(|row| row.part.no == part.no) {
            Some(row) => {
                (row.part, row.started_at, row.idle) = (part.clone(), at, false);
                row.attempts += 1;
            }
            None => self.parts.push(PartRow { part: part.clone(), started_at: at, attempts: 1, done: None, idle: false }),
        }
    }

    async fn done(&mut self, done: PartDone) -> Option<Came> {
        let Some(no) = self.open_row().map(|row| row.part.no) else { return Some(Came::Done) };
        self.ours(|| self.ports.outbox.finish(self.job.key, no, Some(&done), self.clock.now())).await?;
        if let Some(row) = self.parts.iter_mut().find(|row| row.part.no == no) {
            row.done = Some(done);
        }
        Some(Came::Done)
    }

    async fn idle(&mut self) -> Option<()> {
        let Some(no) = self.open_row().map(|row| row.part.no) else { return Some(()) };
        self.ours(|| self.ports.outbox.finish(self.job.key, no, None, self.clock.now())).await?;
        if let Some(row) = self.parts.iter_mut().find(|row| row.part.no == no) {
            row.idle = true;
        }
        Some(())
    }

    /// As `ask`, for a write. `None`: another process owns the effect, and asking again would never end.
    async fn ours<'f, F>(&self, write: impl FnMut() -> F) -> Option<()>
    where
        F: Future<Output = Result<Started, Arc<str>>> + 'f,
    {
        (self.ask(write).await == Started::Yes).then_some(())
    }

    /// Asks the store until it answers: nothing may go on before it has.
    async fn ask<'f, T, F>(&self, mut question: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, Arc<str>>> + 'f,
    {
        loop {
            match question().await {
                Ok(answer) => return answer,
                Err(why) => tracing::warn!(%why, "the store cannot be reached"),
            }
            tokio::time::sleep(STORE_AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests;

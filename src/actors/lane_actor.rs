//! One actor per company and outside system (its CrmActor, its ChannelActor) that carries its rooms' effects there: one lane per room, in order; many rooms at once. A lane
//! outlives its room's actor. It keeps nothing on disk itself: rooms hand their open effects over again whenever they wake, and
//! when the clock has seen that this actor died.
//! **Invariant:** of one room, the next effect begins only when the one before it is settled, or can do nothing more than be told
//! of by the other side; and never two of them send.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::catalog::fence;
use crate::room::deliveries::HUMAN_TYPING;
use crate::room::delivery::Prepared;
use crate::room::{By, CallKey, CallStatus, Cause, Command, CompanyNo, RoomId, Settlement};

use super::backlog::{Backlog, Standing};
use super::lane::{Beside, LanePorts, Submission, Word, carry};
use super::outside::EffectJob;
use super::patience::CommandOutcome;
use super::ports::Caller;
use super::router::{Inner, RoomRouter};

/// A settlement the room has not applied is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(2);
/// An effect whose carrying panicked so often is left to people.
const MAX_PANICS: u8 = 3;

/// What rooms tell the CRM's actor. Each may come twice.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum LaneWord {
    Carry(Box<EffectJob>),
    /// The room wrote the effect's end down.
    Applied {
        room: RoomId,
        key: CallKey,
    },
    /// The room's effect under way only waits to be told of: the next one begins.
    Aside {
        room: RoomId,
        key: CallKey,
    },
    /// One that stepped aside goes on when nothing else of its room is under way.
    Back {
        room: RoomId,
        key: CallKey,
        turn: oneshot::Sender<()>,
    },
    /// Panic here and now: how the tests kill an actor.
    Die,
}

#[derive(Default)]
struct RoomLane {
    waiting: VecDeque<Arc<EffectJob>>,
    current: Option<Arc<EffectJob>>,
    /// Begun before it, and waiting to be told whether their message was taken.
    aside: Vec<Arc<EffectJob>>,
    /// Of these, those that were told and go on before what waits.
    back: VecDeque<(CallKey, oneshot::Sender<()>)>,
    /// Settled, but the room has not said that it knows.
    unapplied: Vec<(Arc<EffectJob>, Settlement)>,
}

impl RoomLane {
    fn has(&self, key: CallKey, retries: u32) -> bool {
        let same = |job: &Arc<EffectJob>| job.key == key && job.retries >= retries;
        self.current.iter().chain(&self.aside).any(same) || self.waiting.iter().any(same)
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none() && self.aside.is_empty() && self.unapplied.is_empty()
    }

    /// It is under way no longer.
    fn leave(&mut self, job: &Arc<EffectJob>) {
        self.current.take_if(|current| Arc::ptr_eq(current, job));
        self.aside.retain(|aside| !Arc::ptr_eq(aside, job));
    }

    /// One that stepped aside has its turn, if any wants it.
    fn comes_back(&mut self) -> bool {
        while let Some((key, turn)) = self.back.pop_front() {
            let Some(place) = self.aside.iter().position(|aside| aside.key == key) else { continue };
            if turn.send(()).is_ok() {
                self.current = Some(self.aside.remove(place));
                return true;
            }
        }
        false
    }
}

pub struct LaneActor {
    company: CompanyNo,
    router: Weak<Inner>,
    ports: LanePorts,
    lanes: HashMap<RoomId, RoomLane>,
    panics: HashMap<CallKey, u8>,
    backlog: Arc<Backlog>,
}

impl std::fmt::Debug for LaneActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneActor").field("company", &self.company).finish_non_exhaustive()
    }
}

impl LaneActor {
    pub(super) fn new(company: CompanyNo, router: &Arc<Inner>, ports: LanePorts, backlog: Arc<Backlog>) -> Self {
        Self { company, router: Arc::downgrade(router), ports, lanes: HashMap::new(), panics: HashMap::new(), backlog }
    }

    fn take(&mut self, job: EffectJob, ctx: &mut Context<Self>) {
        let room = job.address.room.clone();
        let lane = self.lanes.entry(room.clone()).or_default();
        if lane.has(job.key, job.retries) {
            return;
        }
        if let Some((job, settlement)) =
            lane.unapplied.iter().find(|(known, _)| known.key == job.key && known.retries >= job.retries)
        {
            let (job, settlement) = (job.clone(), settlement.clone());
            self.tell(&job, settlement);
            return;
        }
        // What an earlier try came to is outdated.
        lane.unapplied.retain(|(known, _)| known.key != job.key);
        self.backlog.stands(job.key, job.since, Standing::Behind);
        lane.waiting.push_back(Arc::new(job));
        self.go_on(&room, ctx);
    }

    /// Begins the room's next effect if none is under way.
    fn go_on(&mut self, room: &RoomId, ctx: &mut Context<Self>) {
        let (Some(lane), Some(router)) = (self.lanes.get_mut(room), self.router.upgrade()) else { return };
        if lane.current.is_some() || lane.comes_back() {
            return;
        }
        let Some(job) = lane.waiting.pop_front() else { return };
        lane.current = Some(job.clone());
        let (ports, clock, backlog) = (self.ports.clone(), router.clock.clone(), self.backlog.clone());
        let (router, lane) = (self.router.clone(), ctx.address());
        let carried = async move {
            let beside = Neighbours { router, lane, job: &job };
            let end = AssertUnwindSafe(carry(&ports, &clock, &backlog, &job, &beside)).catch_unwind().await;
            (job.clone(), end)
        };
        ctx.spawn(carried.into_actor(self).map(|(job, end), actor, ctx| match end {
            Ok(end) => actor.carried(&job, end, ctx),
            Err(_) => actor.panicked(job, ctx),
        }));
    }

    fn carried(&mut self, job: &Arc<EffectJob>, end: Option<Settlement>, ctx: &mut Context<Self>) {
        let room = job.address.room.clone();
        let Some(lane) = self.lanes.get_mut(&room) else { return };
        lane.leave(job);
        self.backlog.ended(job.key);
        match end {
            Some(settlement) => {
                self.panics.remove(&job.key);
                lane.unapplied.retain(|(known, _)| known.key != job.key);
                lane.unapplied.push((job.clone(), settlement.clone()));
                self.tell(job, settlement);
            }
            // Another process owns the rooms; it carries what is left.
            None => {
                lane.waiting.drain(..).for_each(|left| self.backlog.ended(left.key));
                if lane.is_empty() {
                    self.lanes.remove(&room);
                }
            }
        }
        self.go_on(&room, ctx);
    }

    /// Carried again from what the outbox remembers; the third time it is left to people, for what it did is not known.
    fn panicked(&mut self, job: Arc<EffectJob>, ctx: &mut Context<Self>) {
        metrics::counter!(crate::telemetry::PANICS).increment(1);
        let panics = self.panics.entry(job.key).or_default();
        *panics += 1;
        tracing::error!(call_id = %job.call.call_id, panics = *panics, "an effect panicked while it was carried");
        if *panics >= MAX_PANICS {
            let settlement = self.ports.counterpart.unsaid(&job, CallStatus::Unresolved);
            self.carried(&job, Some(settlement), ctx);
            return;
        }
        let room = job.address.room.clone();
        if let Some(lane) = self.lanes.get_mut(&room) {
            lane.leave(&job);
            lane.waiting.push_front(job);
        }
        self.go_on(&room, ctx);
    }

    fn tell(&self, job: &EffectJob, settlement: Settlement) {
        let Some(router) = self.router.upgrade() else { return };
        let (call_id, attempt) = (job.call.call_id.clone(), job.retries);
        let settled = Command::EffectSettled { call_id: call_id.clone(), attempt, settlement };
        router.notify(&job.address, settled, Cause::Call(call_id));
    }

    fn applied(&mut self, room: &RoomId, key: CallKey) {
        let Some(lane) = self.lanes.get_mut(room) else { return };
        lane.unapplied.retain(|(job, _)| job.key != key);
        if lane.is_empty() {
            self.lanes.remove(room);
        }
    }
}

/// The room and the lane of an effect that is being carried.
struct Neighbours<'a> {
    router: Weak<Inner>,
    lane: Addr<LaneActor>,
    job: &'a EffectJob,
}

impl Beside for Neighbours<'_> {
    fn doubts(&self) {
        let Some(router) = self.router.upgrade() else { return };
        let (call_id, attempt) = (self.job.call.call_id.clone(), self.job.retries);
        let doubted = Command::EffectDoubted { call_id: call_id.clone(), attempt };
        router.notify(&self.job.address, doubted, Cause::Call(call_id));
    }

    async fn asks(&self, word: Word) -> Submission {
        let Some(router) = self.router.upgrade() else { return Submission::Later };
        let (call_id, attempt) = (self.job.call.call_id.clone(), self.job.retries);
        let caller = Caller { company: self.job.address.company, by: By::System, key_id: Arc::from("lane") };
        let command = match word {
            Word::Submit(hands_to) => Command::Submit { call_id: call_id.clone(), attempt, hands_to },
            Word::Prepared(stage, file) => {
                Command::Prepared(Box::new(Prepared { call_id: call_id.clone(), attempt, stage, file }))
            }
        };
        match RoomRouter(router).command(self.job.address.clone(), command, caller, Cause::Call(call_id)).await {
            CommandOutcome::Done { .. } => Submission::Go,
            CommandOutcome::Refused(refusal) if refusal.code == HUMAN_TYPING => {
                Submission::Held(Box::new(Settlement::error(CallStatus::Refused, &fence::human_active())))
            }
            CommandOutcome::Refused(refusal) => Submission::No(Box::new(Settlement::error(CallStatus::Refused, &refusal))),
            CommandOutcome::Busy | CommandOutcome::Draining | CommandOutcome::Unavailable | CommandOutcome::OutcomeUnknown => {
                Submission::Later
            }
        }
    }

    fn lets_pass(&self) {
        self.lane.do_send(LaneWord::Aside { room: self.job.address.room.clone(), key: self.job.key });
    }

    async fn comes_back(&self) -> bool {
        let (turn, its_turn) = oneshot::channel();
        self.lane.do_send(LaneWord::Back { room: self.job.address.room.clone(), key: self.job.key, turn });
        its_turn.await.is_ok()
    }
}

impl Actor for LaneActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(1_024);
        ctx.run_interval(TELL_AGAIN, |actor, _| {
            let unapplied = actor.lanes.values().flat_map(|lane| &lane.unapplied);
            for (job, settlement) in unapplied {
                actor.tell(job, settlement.clone());
            }
        });
    }
}

impl Handler<LaneWord> for LaneActor {
    type Result = ();

    fn handle(&mut self, word: LaneWord, ctx: &mut Context<Self>) {
        match word {
            LaneWord::Carry(job) => self.take(*job, ctx),
            LaneWord::Applied { room, key } => self.applied(&room, key),
            LaneWord::Aside { room, key } => {
                if let Some(lane) = self.lanes.get_mut(&room) {
                    lane.aside.extend(lane.current.take_if(|job| job.key == key));
                }
                self.go_on(&room, ctx);
            }
            LaneWord::Back { room, key, turn } => {
                if let Some(lane) = self.lanes.get_mut(&room) {
                    lane.back.push_back((key, turn));
                }
                self.go_on(&room, ctx);
            }
            LaneWord::Die => panic!("told to die"),
        }
    }
}

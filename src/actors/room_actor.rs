//! The actor of one room: takes what waits, one step at a time, and answers when the step is durable. What a step decides is
//! in `turn`, what comes back from the journal in `settle`; here is only whose turn it is.
//! **Invariant:** one commit under way at most; memory moves only when it landed.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};

use crate::catalog::Admitted;
use crate::room::{CallId, CallKey, CommandAnswer, Ground, MessageKey, Refusal, Room, RoomAddress, RoomKey, Timestamp};
use crate::store::Committed;

use super::batch::{Answers, Waiter};
use super::faults::FaultPoint;
use super::inspect::Live;
use super::messages::{Die, Invoke, Settle, Sleep, Tell};
use super::ports::{Job, KnownCall};
use super::repeats;
use super::router::Inner;
use super::turn::barrier::is_resolve;
use super::turn::{Kept, MOST_PARKED, OpenCalls, Slot, Turn};

/// A step takes at most so many calls.
pub const MAX_STEP_CALLS: usize = 256;
/// A call that panicked so often is set aside.
const MAX_PANICS: u8 = 3;

#[derive(Debug)]
pub(super) enum Work {
    Calls(Invoke),
    Command(Tell),
}

impl Work {
    fn at(&self) -> Timestamp {
        match self {
            Self::Calls(invoke) => invoke.at,
            Self::Command(tell) => tell.at,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Calls(invoke) => invoke.waiter.batch.calls.len(),
            Self::Command(_) => 1,
        }
    }

    pub(super) fn has(&self, key: CallKey) -> bool {
        matches!(self, Self::Calls(invoke) if invoke.waiter.batch.calls.iter().any(|call| call.call.key == key))
    }
}

/// What a work is to be told once its step is durable.
#[derive(Debug)]
pub(super) enum Plan {
    Answer(Vec<Slot>),
    Reused(CallId),
    UnknownRoom,
    /// It waits for nothing here: the room has no place for calls that wait.
    Full,
    Withdrawn,
    Command(Result<CommandAnswer, Refusal>),
}

/// A step on its way to the disk.
#[derive(Debug)]
pub(super) struct Step {
    pub works: Vec<(Work, Plan)>,
    pub room: Room,
    pub opened: OpenCalls,
    pub ask_roster: bool,
}

/// A caller whose calls are durable but not all final.
#[derive(Debug)]
pub(super) struct Pending {
    pub waiter: Waiter,
    pub answers: Answers,
}

#[derive(Debug)]
pub(super) enum Memory {
    Unloaded,
    Loading,
    /// `durable` vouches that `room` is what the store holds.
    Loaded {
        key: RoomKey,
        room: Box<Room>,
        durable: Committed<()>,
    },
}

#[derive(Debug)]
pub struct RoomActor {
    pub(super) address: RoomAddress,
    pub(super) thread: usize,
    pub(super) inner: Arc<Inner>,
    pub(super) live: Arc<Live>,
    pub(super) memory: Memory,
    pub(super) work: VecDeque<Work>,
    pub(super) step: Option<Step>,
    pub(super) open: OpenCalls,
    pub(super) pending: Vec<Pending>,
    /// Works at the front that were in a step before. They go again before anything new, or the rows that were looked up for
    /// them would be outdated by whatever joins, wave after wave.
    pub(super) again: usize,
    /// Rows the store gave after a duplicate, until those works are answered: no more than a step has calls.
    pub(super) known: Option<Committed<HashMap<CallKey, KnownCall>>>,
    pub(super) known_messages: HashSet<MessageKey>,
    pub(super) finding: bool,
    /// How often in a row the journal refused this step.
    pub(super) refusals: u32,
    panics: HashMap<CallKey, u8>,
    condemned: HashSet<CallKey>,
    suspect: Option<CallKey>,
    /// Per side, the number of the actor that knows every open effect of this room; 0: none does.
    pub(super) handed_to: [Cell<u64>; 2],
}

impl RoomActor {
    pub(super) fn new(address: RoomAddress, thread: usize, inner: Arc<Inner>, live: Arc<Live>) -> Self {
        Self {
            address,
            thread,
            inner,
            live,
            memory: Memory::Unloaded,
            work: VecDeque::new(),
            step: None,
            open: OpenCalls::new(),
            pending: vec![],
            again: 0,
            known: None,
            known_messages: HashSet::new(),
            finding: false,
            refusals: 0,
            panics: HashMap::new(),
            condemned: HashSet::new(),
            suspect: None,
            handed_to: [Cell::new(0), Cell::new(0)],
        }
    }

    /// Begins a step if none is under way and something waits.
    pub(super) fn pump(&mut self, ctx: &mut Context<Self>) {
        while self.step.is_none() && !self.finding && !self.work.is_empty() {
            match &self.memory {
                Memory::Loading => return,
                Memory::Unloaded => {
                    let job = Job::Load { address: self.address.clone(), thread: self.thread, room: Some(ctx.address()) };
                    if self.inner.journal.submit(job).is_ok() {
                        self.memory = Memory::Loading;
                        return;
                    }
                    self.refuse_waiting();
                }
                Memory::Loaded { .. } => self.begin(ctx),
            }
        }
        if self.step.is_none() {
            self.live.oldest_is(self.work.front().map(Work::at));
            // One that drains has waited for this; of a room that is none, or could not be read, nothing is worth keeping.
            if self.work.is_empty() && self.live.is_unneeded() {
                self.inner.put_to_sleep(&self.address, Live::is_unneeded);
            }
        }
    }

    fn take_work(&mut self) -> Vec<Work> {
        let (mut taken, mut weight) = (vec![], 0);
        let most = if self.again > 0 { self.again } else { usize::MAX };
        while taken.len() < most
            && let Some(work) = self.work.front()
        {
            let suspected = self.suspect.is_some_and(|key| work.has(key));
            if !taken.is_empty() && (suspected || weight + work.weight() > MAX_STEP_CALLS) {
                break;
            }
            weight += work.weight();
            taken.extend(self.work.pop_front());
            if suspected {
                break;
            }
        }
        self.again = self.again.saturating_sub(taken.len());
        taken
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        let works = self.take_work();
        let Memory::Loaded { key, room: before, .. } = &self.memory else { return };
        let key = *key;
        let now = self.inner.clock.now().max(before.last_event_at);
        let company = self.inner.companies.view(self.address.company);
        let ground = Ground { now, company: &company, approved: false };
        self.live.oldest_is(works.first().map(Work::at));
        let first = works.iter().find_map(|work| match work {
            Work::Calls(invoke) => invoke.waiter.batch.calls.first().map(|call| (call.call.call_id.clone(), now)),
            Work::Command(_) => None,
        });
        self.live.begins(first);

        let mut turn = Turn::begin(&self.address, before, ground, &self.open, &self.condemned);
        let mut placed: HashMap<CallKey, usize> = HashMap::new();
        let mut plans = Vec::with_capacity(works.len());
        for work in &works {
            match catch_unwind(AssertUnwindSafe(|| self.plan(work, &mut turn, &mut placed))) {
                Ok(plan) => plans.push(plan),
                Err(_) => {
                    let blamed = turn.current;
                    let failed_at = plans.len();
                    return self.after_panic(works, blamed, failed_at);
                }
            }
        }
        if turn.is_empty() {
            let Turn { room, ask_roster, .. } = turn;
            let step = Step { works: works.into_iter().zip(plans).collect(), room, opened: OpenCalls::new(), ask_roster };
            return self.nothing_to_commit(step);
        }
        let Ok((mut commit, kept)) = turn.into_commit(key, self.inner.journal.owner_epoch()) else {
            tracing::error!(room = %self.address.room, "a room could not be written as JSON");
            self.work.extend(works);
            return self.refuse_waiting();
        };
        (commit.thread, commit.room) = (self.thread, Some(ctx.address()));
        let Kept { room, opened, ask_roster } = kept;
        self.step = Some(Step { works: works.into_iter().zip(plans).collect(), room, opened, ask_roster });
        if self.inner.journal.submit(Job::Commit(commit)).is_err() {
            self.refuse_step();
        }
    }

    /// Decides one work on the draft and says what it will be told. Nothing of a refused batch is decided.
    fn plan(&self, work: &Work, turn: &mut Turn<'_>, placed: &mut HashMap<CallKey, usize>) -> Plan {
        let invoke = match work {
            Work::Command(tell) => {
                if let Some(message_id) = tell.command.message_id()
                    && self.known_messages.contains(&MessageKey::of(&self.address, message_id))
                {
                    return Plan::Command(Ok(CommandAnswer::default()));
                }
                return Plan::Command(turn.command(&tell.command, &tell.by, &tell.cause));
            }
            Work::Calls(invoke) => invoke,
        };
        if !invoke.waiter.ticket.take() {
            return Plan::Withdrawn;
        }
        if !turn.room.exists() {
            return Plan::UnknownRoom;
        }
        let calls = &invoke.waiter.batch.calls;
        for admitted in calls {
            let call = &admitted.call;
            let earlier = if let Some(known) = self.known_call(call.key) {
                Some(known.room == self.address && known.call.meaning == call.meaning)
            } else if let Some(open) = self.open.get(&call.key) {
                Some(open.call.meaning == call.meaning)
            } else {
                placed.get(&call.key).map(|place| turn.new_calls[*place].call.meaning == call.meaning)
            };
            if earlier == Some(false) {
                return Plan::Reused(call.call_id.clone());
            }
        }
        // Every new one would wait: what does not fit is not taken at all, so that its id is free when there is room again.
        let is_new = |call: &&Admitted| {
            let key = call.call.key;
            self.known_call(key).is_none() && !self.open.contains_key(&key) && !placed.contains_key(&key)
        };
        if turn.room.paused && turn.room.parked.len() + calls.iter().filter(is_new).count() > MOST_PARKED {
            return Plan::Full;
        }
        turn.request_is(calls);
        // Resolves last, whatever the order the model listed them in; the answers stand in its order.
        let (last, first): (Vec<usize>, Vec<usize>) = (0..calls.len()).partition(|at| is_resolve(&calls[*at]));
        let mut slots = vec![Slot::New(0); calls.len()];
        for at in first.into_iter().chain(last) {
            let (admitted, key) = (&calls[at], calls[at].call.key);
            slots[at] = if self.known_call(key).is_some() || self.open.contains_key(&key) {
                Slot::Earlier(key)
            } else if let Some(place) = placed.get(&key) {
                Slot::Again(*place)
            } else {
                turn.current = Some(key);
                if !self.condemned.contains(&key) {
                    self.inner.options.faults.strike(FaultPoint::Decide(&self.address, &admitted.call.call_id));
                }
                let place = turn.call(admitted);
                placed.insert(key, place);
                Slot::New(place)
            };
        }
        turn.request_is(&[]);
        Plan::Answer(slots)
    }

    pub(super) fn known_call(&self, key: CallKey) -> Option<&KnownCall> {
        self.known.as_ref().and_then(|known| known.get().get(&key))
    }

    /// A decision panicked: the draft is gone, everything waits again, and the call to blame will be tried alone.
    fn after_panic(&mut self, works: Vec<Work>, blamed: Option<CallKey>, failed_at: usize) {
        metrics::counter!(crate::telemetry::PANICS).increment(1);
        self.live.restarts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut works: VecDeque<Work> = works.into();
        match blamed {
            Some(key) => {
                let panics = self.panics.entry(key).or_default();
                *panics += 1;
                tracing::error!(room = %self.address.room, panics = *panics, "a call panicked while it was decided");
                if *panics >= MAX_PANICS {
                    self.condemned.insert(key);
                    self.panics.remove(&key);
                }
                self.suspect = Some(key);
            }
            // A command cannot be blamed by id: it is dropped, its sender hears that the outcome is unknown.
            None => drop(works.remove(failed_at)),
        }
        self.again += works.len();
        while let Some(work) = works.pop_back() {
            self.work.push_front(work);
        }
    }

    /// They are tried again as if they had never failed.
    pub(super) fn acquit(&mut self, calls: &[CallKey]) {
        for key in calls {
            self.condemned.remove(key);
            self.panics.remove(key);
            self.suspect.take_if(|suspect| *suspect == *key);
        }
    }

    /// The step with the suspect in it landed.
    pub(super) fn clear_suspicion(&mut self) {
        if let Some(key) =
            self.suspect.take_if(|key| self.step.as_ref().is_some_and(|step| step.works.iter().any(|(work, _)| work.has(*key))))
        {
            self.condemned.remove(&key);
        }
    }
}

impl Actor for RoomActor {
    type Context = Context<Self>;
}

impl Handler<Invoke> for RoomActor {
    type Result = ();

    fn handle(&mut self, invoke: Invoke, ctx: &mut Context<Self>) {
        self.work.push_back(Work::Calls(invoke));
        self.pump(ctx);
    }
}

impl Handler<Tell> for RoomActor {
    type Result = ();

    fn handle(&mut self, tell: Tell, ctx: &mut Context<Self>) {
        repeats::push(&mut self.work, tell);
        self.pump(ctx);
    }
}

impl Handler<Settle> for RoomActor {
    type Result = ();

    fn handle(&mut self, Settle(finished): Settle, ctx: &mut Context<Self>) {
        self.settle(finished, ctx);
        self.pump(ctx);
    }
}

impl Handler<Sleep> for RoomActor {
    type Result = ();

    fn handle(&mut self, _: Sleep, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Die> for RoomActor {
    type Result = ();

    fn handle(&mut self, _: Die, _: &mut Context<Self>) {
        panic!("told to die");
    }
}

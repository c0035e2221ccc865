//! The supervisor: finds or activates a room's actor, bounds what it has in flight, replaces it when it died, and is the only
//! one that puts a room to sleep.
//! **Invariant:** a message is counted in flight under the same lock under which a room may be removed, so none is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, Addr};
use ahash::RandomState;
use dashmap::DashMap;
use tokio::sync::oneshot;

use crate::room::{By, Cause, Command, Company, CompanyNo, RoomAddress, Side, Timestamp};

use super::batch::{Batch, BatchReply, InFlight, Ticket, Waiter};
use super::companies::Companies;
use super::faults::Faults;
use super::inspect::{ActorView, Live};
use super::lane::LanePorts;
use super::lanes::Lanes;
use super::mailbag::Threads;
use super::messages::{CommandReply, Die, Invoke, Sleep, Tell};
use super::outside::LineView;
use super::ports::{Clock, Journal, Memory};
use super::room_actor::RoomActor;
use super::rosters::Rosters;

/// What one process may do with its rooms.
#[derive(Clone, Debug)]
pub struct RouterOptions {
    /// Calls of one room in flight at once (default 1,024).
    pub max_in_flight: u32,
    /// A room with nothing to do leaves memory after this time.
    pub idle_after: Duration,
    pub faults: Faults,
    /// The CRM and the outbox; without them nothing may be asked of it.
    pub crm: Option<LanePorts>,
    pub channel: Option<LanePorts>,
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self { max_in_flight: 1_024, idle_after: Duration::from_secs(300), faults: Faults::default(), crm: None, channel: None }
    }
}

pub(super) struct Inner {
    pub options: RouterOptions,
    pub journal: Arc<dyn Journal>,
    pub memory: Arc<dyn Memory>,
    pub clock: Arc<dyn Clock>,
    pub companies: Companies,
    pub rosters: Rosters,
    pub lanes: Lanes,
    threads: Threads,
    rooms: DashMap<RoomAddress, Entry, RandomState>,
    closing: AtomicBool,
    hurrying: AtomicBool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomRouter").field("rooms", &self.rooms.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Entry {
    actor: Addr<RoomActor>,
    live: Arc<Live>,
}

/// Why a message did not reach its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// The room has too much in flight.
    Busy,
    /// The room, or this process, takes nothing new.
    Draining,
}

/// What `passivate` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passivated {
    Asleep,
    /// Something is in flight; nothing was done.
    Busy,
    WasAsleep,
}

/// Routes to rooms. One per process; clones are the same router.
#[derive(Clone, Debug)]
pub struct RoomRouter(pub(super) Arc<Inner>);

impl RoomRouter {
    pub fn new(
        options: RouterOptions,
        journal: Arc<dyn Journal>,
        memory: Arc<dyn Memory>,
        clock: Arc<dyn Clock>,
        threads: Threads,
    ) -> Self {
        let inner = Inner {
            options,
            journal,
            memory,
            clock,
            companies: Companies::default(),
            rosters: Rosters::default(),
            lanes: Lanes::default(),
            threads,
            rooms: DashMap::with_hasher(RandomState::new()),
            closing: AtomicBool::new(false),
            hurrying: AtomicBool::new(false),
        };
        Self(Arc::new(inner))
    }

    /// Hands calls to their room; the answer comes through the receiver, which is closed if the actor died.
    pub(super) fn invoke(
        &self,
        room: &RoomAddress,
        batch: Arc<Batch>,
        ticket: Arc<Ticket>,
    ) -> Result<oneshot::Receiver<BatchReply>, NotSent> {
        let (reply, answer) = oneshot::channel();
        let count = u32::try_from(batch.calls.len()).unwrap_or(u32::MAX);
        let at = self.0.clock.now();
        self.0.reach(room, count, Pass::Calls, |actor, guard| {
            actor.do_send(Invoke { waiter: Waiter { batch, ticket, reply }, guard, at });
        })?;
        Ok(answer)
    }

    pub(super) fn tell(
        &self,
        room: &RoomAddress,
        command: Arc<Command>,
        by: By,
        cause: Cause,
    ) -> Result<oneshot::Receiver<CommandReply>, NotSent> {
        let (reply, answer) = oneshot::channel();
        let at = self.0.clock.now();
        let pass = if lets_calls_end(&command) { Pass::Decision } else { Pass::Command };
        self.0.reach(room, 1, pass, |actor, guard| {
            actor.do_send(Tell { command, by, cause, reply: Some(reply), guard, at, doubtful: false });
        })?;
        Ok(answer)
    }

    /// The live actor of a room, without touching it; `None` when it is asleep.
    pub fn inspect(&self, room: &RoomAddress) -> Option<ActorView> {
        let live = self.0.rooms.get(room).filter(|entry| entry.actor.connected()).map(|entry| entry.live.clone())?;
        Some(live.view(self.0.clock.now(), self.0.journal.owner_epoch()))
    }

    /// Takes nothing new for this room until it is asleep, only what lets its waiting calls end; `false` when it is asleep
    /// already.
    pub fn drain(&self, room: &RoomAddress) -> bool {
        let Some(live) = self.0.rooms.get(room).map(|entry| entry.live.clone()) else { return false };
        live.draining.store(true, Ordering::Release);
        self.0.put_to_sleep(room, |_| true);
        true
    }

    /// Puts the room to sleep now if nothing is in flight.
    pub fn passivate(&self, room: &RoomAddress) -> Passivated {
        if !self.0.rooms.contains_key(room) {
            Passivated::WasAsleep
        } else if self.0.put_to_sleep(room, |_| true) {
            Passivated::Asleep
        } else {
            Passivated::Busy
        }
    }

    /// Makes the room's actor panic, as a bug would. For the demo and for tests; `false` when it is asleep.
    pub fn kill(&self, room: &RoomAddress) -> bool {
        self.0.rooms.get(room).map(|entry| entry.actor.do_send(Die)).is_some()
    }

    /// Makes the actor of the company's CRM panic. For tests; `false` when there is none.
    pub fn kill_crm(&self, company: CompanyNo) -> bool {
        self.0.lanes.kill(company, Side::Crm)
    }

    /// As `kill_crm`, of its channel.
    pub fn kill_channel(&self, company: CompanyNo) -> bool {
        self.0.lanes.kill(company, Side::Channel)
    }

    /// How the company's CRM stands; `None`: this process has none.
    pub fn crm(&self, company: CompanyNo) -> Option<LineView> {
        self.0.options.crm.as_ref().map(|ports| self.line(ports, (company, Side::Crm)))
    }

    /// The same of its channel.
    pub fn channel(&self, company: CompanyNo) -> Option<LineView> {
        self.0.options.channel.as_ref().map(|ports| self.line(ports, (company, Side::Channel)))
    }

    fn line(&self, ports: &LanePorts, of: (CompanyNo, Side)) -> LineView {
        LineView { effects: self.0.lanes.backlog(of, self.now()), ..ports.counterpart.view(of.0) }
    }

    /// Rooms in memory.
    pub fn live_rooms(&self) -> usize {
        self.0.rooms.len()
    }

    /// Rooms in memory with calls or commands in flight.
    pub fn busy_rooms(&self) -> usize {
        self.0.rooms.iter().filter(|entry| entry.live.in_flight.load(Ordering::Relaxed) > 0).count()
    }

    /// The company as decisions see it, loaded at first need.
    pub async fn company(&self, company: CompanyNo) -> Result<Arc<Company>, Arc<str>> {
        match self.0.companies.get(company) {
            Some(view) => Ok(view),
            None => self.company_changed(company).await,
        }
    }

    /// Something in the company's directory changed: read it again and let its roster know.
    pub async fn company_changed(&self, company: CompanyNo) -> Result<Arc<Company>, Arc<str>> {
        let reading = self.0.companies.reading();
        let view = self.0.companies.set(self.0.memory.company(company).await?, reading);
        self.0.rosters.directory(&self.0, &view);
        Ok(view)
    }

    /// Reads every known company again, after a change made beside this process.
    pub async fn companies_changed(&self) -> Result<(), Arc<str>> {
        for company in self.0.companies.numbers() {
            self.company_changed(company).await?;
        }
        Ok(())
    }

    /// Puts idle rooms to sleep; returns how many.
    pub fn sweep(&self) -> usize {
        let now = self.0.clock.now();
        let idle_us = i64::try_from(self.0.options.idle_after.as_micros()).unwrap_or(i64::MAX);
        let idle = |live: &Live| now.0 - live.last_active.load(Ordering::Relaxed) >= idle_us;
        let sleepy = self.0.rooms.iter().filter(|entry| entry.live.draining.load(Ordering::Relaxed) || idle(&entry.live));
        let sleepy: Vec<RoomAddress> = sleepy.map(|entry| entry.key().clone()).collect();
        sleepy.iter().filter(|room| self.0.put_to_sleep(room, |live| live.draining.load(Ordering::Relaxed) || idle(live))).count()
    }

    /// From now on nobody waits for the end of calls that are durable: they hear where those stand.
    pub fn hurries(&self) {
        self.0.hurrying.store(true, Ordering::Release);
    }

    /// Takes nothing new from now on.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Release);
    }

    /// Lets go of every actor; what was in flight is in the store or was never accepted.
    pub fn clear(&self) {
        self.0.rooms.clear();
        self.0.rosters.clear();
        self.0.lanes.clear();
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl Inner {
    /// A word from the roster or a timer: not bounded, because it was asked for.
    pub(super) fn notify(self: &Arc<Self>, room: &RoomAddress, command: Command, cause: Cause) {
        let at = self.clock.now();
        let _ = self.reach(room, 1, Pass::Word, |actor, guard| {
            let command = Arc::new(command);
            actor.do_send(Tell { command, by: By::System, cause, reply: None, guard, at, doubtful: false });
        });
    }

    /// Has the room wake and go on with what is open; its answer says whether it could. `None`: it did not even get there.
    pub(super) fn nudge(self: &Arc<Self>, room: &RoomAddress, why: &'static str) -> Option<oneshot::Receiver<CommandReply>> {
        let ((reply, answer), at) = (oneshot::channel(), self.clock.now());
        let (command, cause) = (Arc::new(Command::Nudge), Cause::Timer(why));
        let sent = self.reach(room, 1, Pass::Word, |actor, guard| {
            actor.do_send(Tell { command, by: By::System, cause, reply: Some(reply), guard, at, doubtful: false });
        });
        sent.ok().map(|()| answer)
    }

    pub(super) fn is_hurrying(&self) -> bool {
        self.hurrying.load(Ordering::Acquire)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn spawn_place(&self) -> Option<&actix::ArbiterHandle> {
        self.threads.arbiter(0)
    }

    fn reach(
        self: &Arc<Self>,
        room: &RoomAddress,
        count: u32,
        pass: Pass,
        send: impl FnOnce(&Addr<RoomActor>, InFlight),
    ) -> Result<(), NotSent> {
        if pass != Pass::Word && self.is_closing() {
            return Err(NotSent::Draining);
        }
        let bound = self.options.max_in_flight;
        if let Some(entry) = self.rooms.get(room)
            && entry.actor.connected()
        {
            return entry.hand(count, pass, bound, send);
        }
        let mut entry = self.rooms.entry(room.clone()).or_insert_with(|| self.activate(room, Arc::default()));
        if !entry.actor.connected() {
            // It died. Its place in flight died with its messages; what it had accepted is in the store.
            entry.live.restarts.fetch_add(1, Ordering::Relaxed);
            metrics::counter!(crate::telemetry::ROOM_RESTARTS).increment(1);
            let live = entry.live.clone();
            *entry = self.activate(room, live);
        }
        entry.hand(count, pass, bound, send)
    }

    fn activate(self: &Arc<Self>, room: &RoomAddress, live: Arc<Live>) -> Entry {
        live.last_active.store(self.clock.now().0, Ordering::Relaxed);
        metrics::counter!(crate::telemetry::ROOM_ACTIVATIONS).increment(1);
        let hash = self.rooms.hasher().hash_one(room);
        let thread = usize::try_from(hash >> 32).unwrap_or(0) % self.threads.count();
        let core = RoomActor::new(room.clone(), thread, self.clone(), live.clone());
        let actor = match self.threads.arbiter(thread) {
            Some(arbiter) => RoomActor::start_in_arbiter(arbiter, move |_| core),
            None => core.start(),
        };
        Entry { actor, live }
    }

    /// Removes the room if nothing is in flight, nobody waits at the door and `wish` still holds, under the lock that admits
    /// messages. Calls that wait are durable and hold nobody awake.
    pub(super) fn put_to_sleep(&self, room: &RoomAddress, wish: impl Fn(&Live) -> bool) -> bool {
        let removed = self.rooms.remove_if(room, |_, entry| {
            let free = entry.live.in_flight.load(Ordering::Acquire) == 0 && entry.live.waiting.load(Ordering::Acquire) == 0;
            !entry.actor.connected() || (free && wish(&entry.live))
        });
        let Some((_, entry)) = removed else { return false };
        metrics::counter!(crate::telemetry::ROOM_PASSIVATIONS).increment(1);
        entry.actor.do_send(Sleep);
        true
    }
}

/// What a message may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Calls,
    Command,
    /// A command that lets calls end: a draining room waits for nothing else.
    Decision,
    /// From ourselves: it was asked for.
    Word,
}

/// Whether calls that wait end by it, or may. The others begin something.
fn lets_calls_end(command: &Command) -> bool {
    matches!(
        command,
        Command::Resume
            | Command::CancelCall { .. }
            | Command::Approve { .. }
            | Command::Reject { .. }
            | Command::SettleEffect { .. }
            | Command::TakeOver { .. }
            | Command::GiveBack { .. }
            | Command::Resolve { .. }
    )
}

impl Entry {
    /// `bound`: of what is in flight, and of callers who wait for parked calls.
    fn hand(&self, count: u32, pass: Pass, bound: u32, send: impl FnOnce(&Addr<RoomActor>, InFlight)) -> Result<(), NotSent> {
        if matches!(pass, Pass::Calls | Pass::Command) && self.live.draining.load(Ordering::Acquire) {
            return Err(NotSent::Draining);
        }
        if pass == Pass::Calls && self.live.waiting.load(Ordering::Acquire) >= bound {
            return Err(NotSent::Busy);
        }
        let bound = if pass == Pass::Word { u32::MAX } else { bound };
        let guard = InFlight::admit(&self.live.in_flight, count, bound).ok_or(NotSent::Busy)?;
        send(&self.actor, guard);
        Ok(())
    }
}

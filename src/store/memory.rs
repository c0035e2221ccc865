//! The store without a database, for simulations: the same answers as the real one, and faults told commit by commit. It has no
//! thread and no clock; what happens when is the test's to say.

mod lists;
mod outbox;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::committed::Committed;
use super::group::misshapen;
use crate::actors::ports::{
    Commit, Finished, Job, Journal, KnownCall, LoadedRoom, Mailbags, OpenCall, Rejection, RoomColumns, StoredAnswer, TimerChange,
    TimerKind,
};
use crate::room::{
    CallKey, CallStatus, Company, CompanyNo, FunctionCall, MessageKey, RoomAddress, RoomEvent, RoomKey, Timestamp,
};

pub use outbox::{Mark, OutboxFault, OutboxWrite};

/// What happens to one commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// `Rejection::Unavailable`: certainly not written.
    NotWritten,
    /// `Rejection::Unclear`, and it was or was not written.
    MaybeWritten { written: bool },
    /// `Rejection::Stale`, as if another writer had been there. Nothing is written.
    Conflict,
    /// It and everything behind it waits until `release`.
    Slow,
}

/// When submitted jobs are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Inside `submit`.
    AtOnce,
    /// At `pump`.
    Pumped,
}

/// A stored call, for assertions.
#[derive(Clone, Debug)]
pub struct StoredCall {
    pub call: FunctionCall,
    pub room: RoomAddress,
    pub answer: StoredAnswer,
    pub at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

struct StoredRoom {
    address: RoomAddress,
    version: i64,
    /// Control epoch.
    epoch: i64,
    owner_epoch: i64,
    columns: RoomColumns,
    snapshot: Vec<u8>,
    events: Vec<RoomEvent>,
}

type Chooser = Box<dyn FnMut(&Commit) -> Fault + Send>;

#[derive(Default)]
struct State {
    rooms: BTreeMap<RoomKey, StoredRoom>,
    names: HashMap<RoomAddress, RoomKey>,
    /// In order of admission.
    calls: Vec<StoredCall>,
    call_keys: HashMap<CallKey, usize>,
    messages: HashSet<MessageKey>,
    timers: BTreeMap<(RoomKey, &'static str), (Timestamp, TimerKind, String)>,
    companies: BTreeMap<CompanyNo, Company>,
    queue: VecDeque<Job>,
    planned: VecDeque<Fault>,
    chooser: Option<Chooser>,
    held: bool,
    released: bool,
    full: bool,
    commits: u64,
    outbox: outbox::Shelf,
    mailbags: Option<Arc<dyn Mailbags>>,
}

/// `Journal` and `Memory` over one mutex. **Invariant:** the same jobs and faults in the same order give the same answers.
pub struct MemoryStore {
    state: Mutex<State>,
    pace: Pace,
    owner: i64,
}

impl MemoryStore {
    /// Answers go nowhere until `deliver_to`.
    pub fn new(pace: Pace) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), pace, owner: 1 })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process over what `self` remembers, with the next owner epoch. What only waited in the old one is lost.
    pub fn reborn(&self) -> Arc<Self> {
        let mut old = self.state();
        old.queue.clear();
        let outbox = old.outbox.hand_over();
        let taken = std::mem::take(&mut old.outbox);
        let state = std::mem::take(&mut *old);
        old.outbox = taken;
        let state = State { outbox, mailbags: None, held: false, planned: VecDeque::new(), chooser: None, ..state };
        Arc::new(Self { state: Mutex::new(state), pace: self.pace, owner: self.owner + 1 })
    }

    pub fn deliver_to(&self, mailbags: Arc<dyn Mailbags>) {
        self.state().mailbags = Some(mailbags);
    }

    pub fn put_company(&self, company: Company) {
        self.state().companies.insert(company.no, company);
    }

    /// The next commit without a planned fault gets this one.
    pub fn plan(&self, fault: Fault) {
        self.state().planned.push_back(fault);
    }

    /// Asked for every commit for which nothing is planned.
    pub fn choose(&self, chooser: impl FnMut(&Commit) -> Fault + Send + 'static) {
        self.state().chooser = Some(Box::new(chooser));
    }

    /// `true`: every `submit` is given back, as by a full queue.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// Does what waits, until the queue is empty or a `Slow` commit is at its head. Answers how many jobs were done.
    pub fn pump(&self) -> usize {
        let mut bags: BTreeMap<usize, Vec<Finished>> = BTreeMap::new();
        let mut state = self.state();
        let mut done = 0;
        while !state.held {
            let Some(job) = state.queue.pop_front() else { break };
            let Some((thread, finished)) = state.work(job) else { break };
            bags.entry(thread).or_default().push(finished);
            done += 1;
        }
        let mailbags = state.mailbags.clone();
        // Rooms may submit again while they take their answers.
        drop(state);
        if let Some(mailbags) = mailbags {
            for (thread, mut bag) in bags {
                mailbags.deliver(thread, &mut bag);
            }
        }
        done
    }

    /// Whether a `Slow` commit holds everything up.
    pub fn is_held(&self) -> bool {
        self.state().held
    }

    /// Lets the held commit land.
    pub fn release(&self) {
        let mut state = self.state();
        state.released |= std::mem::take(&mut state.held);
        drop(state);
        if self.pace == Pace::AtOnce {
            self.pump();
        }
    }

    pub fn waiting(&self) -> usize {
        self.state().queue.len()
    }

    /// Commits that landed.
    pub fn landed(&self) -> u64 {
        self.state().commits
    }

    pub fn addresses(&self) -> Vec<RoomAddress> {
        self.state().rooms.values().map(|room| room.address.clone()).collect()
    }

    /// The room's journal, in order; empty when there is no such room.
    pub fn events(&self, address: &RoomAddress) -> Vec<RoomEvent> {
        let state = self.state();
        state.room(address).map_or_else(Vec::new, |room| room.events.clone())
    }

    pub fn snapshot(&self, address: &RoomAddress) -> Option<Vec<u8>> {
        self.state().room(address).map(|room| room.snapshot.clone())
    }

    /// Every call, in order of admission.
    pub fn calls(&self) -> Vec<StoredCall> {
        self.state().calls.clone()
    }
}

impl State {
    fn room(&self, address: &RoomAddress) -> Option<&StoredRoom> {
        self.names.get(address).and_then(|key| self.rooms.get(key))
    }

    /// `None`: the job went back to the head of the queue and is held.
    fn work(&mut self, job: Job) -> Option<(usize, Finished)> {
        Some(match job {
            Job::Load { address, thread, room } => {
                (thread, Finished::Loaded { room, loaded: Ok(Committed::seal(self.load(&address))) })
            }
            Job::Find { company, keys, thread, room } => {
                let calls = keys.iter().filter_map(|key| self.call_keys.get(key)).map(|i| &self.calls[*i]);
                let known = calls.filter(|stored| stored.room.company == company).map(|stored| KnownCall {
                    call: stored.call.clone(),
                    room: stored.room.clone(),
                    answer: stored.answer.clone(),
                });
                (thread, Finished::Known { room, calls: Ok(Committed::seal(known.collect())) })
            }
            Job::Commit(commit) => {
                let fault = if std::mem::take(&mut self.released) { Fault::None } else { self.fault(&commit) };
                if fault == Fault::Slow {
                    self.held = true;
                    self.queue.push_front(Job::Commit(commit));
                    return None;
                }
                (commit.thread, self.commit(commit, fault))
            }
        })
    }

    fn fault(&mut self, commit: &Commit) -> Fault {
        let chooser = &mut self.chooser;
        self.planned.pop_front().unwrap_or_else(|| chooser.as_mut().map_or(Fault::None, |choose| choose(commit)))
    }

    fn commit(&mut self, commit: Box<Commit>, fault: Fault) -> Finished {
        let told = match fault {
            Fault::None | Fault::Slow => None,
            Fault::NotWritten => {
                return Finished::Rejected(commit, Rejection::Unavailable("the disk is full (simulated)".into()));
            }
            Fault::Conflict => return Finished::Rejected(commit, Rejection::Stale),
            Fault::MaybeWritten { written } => {
                let told = Rejection::Unclear("the answer got lost (simulated)".into());
                if !written {
                    return Finished::Rejected(commit, told);
                }
                Some(told)
            }
        };
        let outcome = self.refused(&commit);
        if outcome.is_none() {
            self.apply(&commit);
        }
        match told.or(outcome) {
            None => Finished::Landed(Committed::seal(commit)),
            Some(rejection) => Finished::Rejected(commit, rejection),
        }
    }

    /// In the order of the real store: ids first, then the room's row.
    fn refused(&self, commit: &Commit) -> Option<Rejection> {
        if let Some(why) = misshapen(commit) {
            return Some(Rejection::Unavailable(why.into()));
        }
        let calls: Vec<_> =
            commit.new_calls.iter().map(|new| new.call.key).filter(|key| self.call_keys.contains_key(key)).collect();
        let messages: Vec<_> = commit.messages.iter().copied().filter(|key| self.messages.contains(key)).collect();
        if !calls.is_empty() || !messages.is_empty() {
            return Some(Rejection::Duplicate { calls, messages });
        }
        let fits = match self.rooms.get(&commit.key) {
            None => commit.expected_version == 0 && !self.names.contains_key(&commit.address),
            Some(room) => {
                commit.expected_version > 0
                    && room.address == commit.address
                    && room.version == commit.expected_version
                    && room.owner_epoch <= commit.owner_epoch
            }
        };
        (!fits).then_some(Rejection::Stale)
    }

    fn apply(&mut self, commit: &Commit) {
        self.commits += 1;
        self.names.insert(commit.address.clone(), commit.key);
        let room = self.rooms.entry(commit.key).or_insert_with(|| StoredRoom {
            address: commit.address.clone(),
            version: 0,
            epoch: 0,
            owner_epoch: 0,
            columns: commit.columns.clone(),
            snapshot: vec![],
            events: vec![],
        });
        (room.version, room.epoch, room.owner_epoch) = (commit.version, commit.epoch, commit.owner_epoch);
        room.columns = commit.columns.clone();
        room.snapshot.clone_from(&commit.snapshot);
        room.events.extend(commit.events.iter().cloned());
        for new in &commit.new_calls {
            self.call_keys.insert(new.call.key, self.calls.len());
            let ended_at = new.answer.status.is_final().then_some(new.at);
            let (call, room, answer) = (new.call.clone(), commit.address.clone(), new.answer.clone());
            self.calls.push(StoredCall { call, room, answer, at: new.at, ended_at });
        }
        for ended in &commit.ended_calls {
            let stored = self.call_keys.get(&ended.key).map(|i| &mut self.calls[*i]);
            let changes = |stored: &&mut StoredCall| {
                let dead = matches!(stored.answer.status, CallStatus::Dead | CallStatus::Unresolved);
                stored.room == commit.address && (stored.ended_at.is_none() || dead)
            };
            if let Some(stored) = stored.filter(changes) {
                stored.answer = ended.answer.clone();
                stored.ended_at = ended.answer.status.is_final().then_some(ended.at);
            }
        }
        commit.decided_effects.iter().for_each(|decided| self.outbox.decided(decided));
        self.messages.extend(commit.messages.iter().copied());
        if let Some(company) = self.companies.get_mut(&commit.address.company) {
            for tag in &commit.new_tags {
                company.tags.entry(tag.folded.as_str().into()).or_insert_with(|| tag.shown.as_str().into());
            }
        }
        for change in &commit.timers {
            match change {
                TimerChange::Set { kind, due, cause } => {
                    self.timers.insert((commit.key, kind.as_str()), (*due, *kind, cause.clone()));
                }
                TimerChange::Clear { kind } => {
                    self.timers.remove(&(commit.key, kind.as_str()));
                }
            }
        }
    }

    fn load(&self, address: &RoomAddress) -> Option<LoadedRoom> {
        let key = *self.names.get(address)?;
        let room = self.rooms.get(&key)?;
        let open = self.calls.iter().filter(|stored| stored.ended_at.is_none() && stored.room == *address);
        let open_calls =
            open.map(|stored| OpenCall { call: stored.call.clone(), status: stored.answer.status, at: stored.at }).collect();
        Some(LoadedRoom { key, version: room.version, snapshot: room.snapshot.clone(), open_calls })
    }
}

impl Journal for MemoryStore {
    fn submit(&self, job: Job) -> Result<(), Job> {
        let mut state = self.state();
        if state.full {
            return Err(job);
        }
        state.queue.push_back(job);
        drop(state);
        if self.pace == Pace::AtOnce {
            self.pump();
        }
        Ok(())
    }

    fn owner_epoch(&self) -> i64 {
        self.owner
    }
}

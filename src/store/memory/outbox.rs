//! The outbox without a database: the same answers as the real one, and faults told write by write. Must not know a lane.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{MemoryStore, State};
use crate::actors::outside::{Claim, EffectJob, Outbox, OutsideFuture, Part, PartDone, PartRow, Recalled, Started};
use crate::actors::ports::DecidedEffect;
use crate::room::{CallKey, CallStatus, CompanyNo, RoomAddress, Settlement, Timestamp};
use crate::store::decided::BY_HAND;
use crate::store::outbox_rows::{MOST_CLAIMS, nothing_happened};

/// What happens to one write of the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutboxFault {
    #[default]
    None,
    /// It fails and was not written.
    NotWritten,
    /// It fails and was written all the same.
    Written,
}

/// The writes of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxWrite {
    Start(CallKey, u32),
    Finish(CallKey, u32),
    Settle(CallKey),
}

/// One start that was marked, with where its room stood at that moment.
#[derive(Clone, Debug)]
pub struct Mark {
    pub address: RoomAddress,
    pub call: CallKey,
    pub fenced: bool,
    /// Of the room, as committed.
    pub version: i64,
}

struct Effect {
    address: RoomAddress,
    retries: u32,
    settlement: Option<Settlement>,
    parts: BTreeMap<u32, PartRow>,
}

type Chooser = Box<dyn FnMut(OutboxWrite) -> OutboxFault + Send>;

#[derive(Default)]
pub(super) struct Shelf {
    effects: BTreeMap<CallKey, Effect>,
    marks: Vec<Mark>,
    chooser: Option<Chooser>,
    /// Another process took what was here over.
    taken: bool,
}

impl Shelf {
    /// What the next process finds; here nothing may be written any more.
    pub fn hand_over(&mut self) -> Self {
        self.taken = true;
        let (effects, marks) = (std::mem::take(&mut self.effects), std::mem::take(&mut self.marks));
        Self { effects, marks, chooser: None, taken: false }
    }

    fn enter(&mut self, job: &EffectJob) -> &mut Effect {
        let effect = self.effects.entry(job.key).or_insert_with(|| Effect {
            address: job.address.clone(),
            retries: job.retries,
            settlement: None,
            parts: BTreeMap::new(),
        });
        if effect.retries < job.retries {
            (effect.retries, effect.settlement) = (job.retries, None);
        }
        effect
    }

    fn start(&mut self, job: &EffectJob, part: &Part, at: Timestamp) -> Result<(), Arc<str>> {
        let effect = self.enter(job);
        if effect.settlement.is_some() || effect.retries != job.retries {
            return Err("the effect has ended already".into());
        }
        let attempts = match effect.parts.get(&part.no) {
            Some(row) if row.done.is_some() => return Err("the part is done already".into()),
            known => known.map_or(0, |row| row.attempts) + 1,
        };
        effect.parts.insert(part.no, PartRow { part: part.clone(), started_at: at, attempts, done: None, idle: false });
        Ok(())
    }

    fn finish(&mut self, effect: CallKey, no: u32, done: Option<&PartDone>) -> Result<(), Arc<str>> {
        let row = self.effects.get_mut(&effect).and_then(|effect| effect.parts.get_mut(&no));
        let row = row.ok_or_else(|| Arc::<str>::from("the part was never started"))?;
        if row.done.is_none() {
            (row.done, row.idle) = (done.cloned(), done.is_none());
        }
        Ok(())
    }

    fn settle(&mut self, job: &EffectJob, settlement: &Settlement) {
        let effect = self.enter(job);
        if effect.retries == job.retries {
            effect.settlement.get_or_insert_with(|| settlement.clone());
        }
        if nothing_happened(settlement.status) {
            effect.parts.values_mut().filter(|row| row.done.is_none()).for_each(|row| row.idle = true);
        }
    }

    /// As a commit says it.
    pub fn decided(&mut self, decided: &DecidedEffect) {
        let Some(effect) = self.effects.get_mut(&decided.key) else { return };
        effect.settlement = Some(decided.settlement.clone());
        for row in effect.parts.values_mut().filter(|row| row.done.is_none()) {
            if decided.settlement.status == CallStatus::Succeeded {
                let record = decided.record.clone().filter(|_| row.part.name == decided.part).unwrap_or_default();
                (row.done, row.idle) = (Some(PartDone { record, answer: BY_HAND.into() }), false);
            } else {
                row.idle = true;
            }
        }
    }

    /// One write with its fault. `None`: not ours.
    fn write(
        &mut self,
        which: OutboxWrite,
        write: impl FnOnce(&mut Self) -> Result<Started, Arc<str>>,
    ) -> Result<Started, Arc<str>> {
        if self.taken {
            return Ok(Started::NotOurs);
        }
        match self.chooser.as_mut().map_or(OutboxFault::None, |choose| choose(which)) {
            OutboxFault::None => write(self),
            OutboxFault::NotWritten => Err("the disk is full (simulated)".into()),
            OutboxFault::Written => {
                write(self)?;
                Err("the answer got lost (simulated)".into())
            }
        }
    }

    fn recall(&self, key: CallKey) -> Recalled {
        self.effects.get(&key).map_or_else(Recalled::default, |effect| Recalled {
            parts: effect.parts.values().cloned().collect(),
            settlement: effect.settlement.clone().map(|settlement| (effect.retries, settlement)),
        })
    }
}

impl MemoryStore {
    /// Asked for every write of the outbox.
    pub fn choose_outbox(&self, chooser: impl FnMut(OutboxWrite) -> OutboxFault + Send + 'static) {
        self.state().outbox.chooser = Some(Box::new(chooser));
    }

    /// Every effect the outbox knows of.
    pub fn effects(&self) -> Vec<(CallKey, Recalled)> {
        let state = self.state();
        state.outbox.effects.keys().map(|key| (*key, state.outbox.recall(*key))).collect()
    }

    /// When it is first asked for, as a database would: a future that nobody polls writes nothing.
    fn later<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut State) -> Result<T, Arc<str>> + Send + 'a,
    ) -> OutsideFuture<'a, T> {
        Box::pin(async move { work(&mut self.state()) })
    }
}

impl MemoryStore {
    /// Every start that was marked, in order.
    pub fn marks(&self) -> Vec<Mark> {
        self.state().outbox.marks.clone()
    }
}

impl Outbox for MemoryStore {
    fn recall(&self, effect: CallKey) -> OutsideFuture<'_, Recalled> {
        self.later(move |state| Ok(state.outbox.recall(effect)))
    }

    fn start<'a>(&'a self, job: &'a EffectJob, part: &'a Part, at: Timestamp) -> OutsideFuture<'a, Started> {
        self.later(move |state| {
            let room = state.room(&job.address);
            let unmoved = room.is_some_and(|room| {
                let leave = job.plan.leave.as_ref().filter(|leave| at <= leave.until);
                let last_word = leave.is_some_and(|leave| i64::try_from(leave.assignment) == Ok(room.columns.assignment));
                room.epoch == job.epoch
                    || (part.hands_to.is_some() && room.columns.assignee == part.hands_to)
                    || (last_word && room.columns.control != "nobody")
            });
            let void = job.plan.fenced && !unmoved;
            let version = room.map_or(0, |room| room.version);
            let (address, call, fenced) = (job.address.clone(), job.key, job.plan.fenced);
            state.outbox.write(OutboxWrite::Start(job.key, part.no), |shelf| match void {
                true => Ok(Started::Void),
                false => {
                    shelf.start(job, part, at)?;
                    shelf.marks.push(Mark { address, call, fenced, version });
                    Ok(Started::Yes)
                }
            })
        })
    }

    fn finish<'a>(
        &'a self,
        effect: CallKey,
        part: u32,
        done: Option<&'a PartDone>,
        _at: Timestamp,
    ) -> OutsideFuture<'a, Started> {
        let write = move |shelf: &mut Shelf| shelf.finish(effect, part, done).map(|()| Started::Yes);
        self.later(move |state| state.outbox.write(OutboxWrite::Finish(effect, part), write))
    }

    fn settle<'a>(&'a self, job: &'a EffectJob, settlement: &'a Settlement, _at: Timestamp) -> OutsideFuture<'a, Started> {
        let write = |shelf: &mut Shelf| {
            shelf.settle(job, settlement);
            Ok(Started::Yes)
        };
        self.later(move |state| state.outbox.write(OutboxWrite::Settle(job.key), write))
    }

    fn claims<'a>(
        &'a self,
        company: CompanyNo,
        name: &'a str,
        record: &'a str,
        shown_name: &'a str,
        but: CallKey,
    ) -> OutsideFuture<'a, Vec<Claim>> {
        self.later(move |state| {
            let ours = state.outbox.effects.iter().filter(|(key, effect)| **key != but && effect.address.company == company);
            let parts: Vec<(CallKey, &PartRow)> = ours
                .flat_map(|(key, effect)| effect.parts.values().map(|row| (*key, row)))
                .filter(|(_, row)| row.part.name == name)
                .collect();
            let made = parts.iter().filter_map(|(effect, row)| {
                let done = row.done.as_ref().filter(|done| done.record == record)?;
                Some(Claim { effect: *effect, record: Some(done.record.clone()) })
            });
            let may_have = parts.iter().filter_map(|(effect, row)| {
                let open = row.done.is_none() && !row.idle && row.part.shown_name.as_deref() == Some(shown_name);
                open.then_some(Claim { effect: *effect, record: None })
            });
            Ok(made.chain(may_have).take(MOST_CLAIMS).collect())
        })
    }
}

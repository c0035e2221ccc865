//! What a room does with what the journal sends back: move memory forward and answer, decide again, or forget and load.
//! **Invariant:** answers are made from a `Committed` or from what the store itself said, never from a draft.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::{AsyncContext, Context};

use crate::catalog::Admitted;
use crate::room::{CallKey, CallStatus, Room, RoomKey};
use crate::store::Committed;

use super::batch::{Answers, BatchReply, CallAnswer, InFlight, RoomSummary, Waiter};
use super::counters;
use super::faults::FaultPoint;
use super::inspect::LastCall;
use super::messages::{CommandReply, Invoke, Tell};
use super::ports::{Commit, EndedCall, Finished, Job, KnownCall, LoadedRoom, NewCall, Rejection, StoredAnswer};
use super::room_actor::{Memory, Pending, Plan, RoomActor, Step, Work};
use super::turn::{OpenCalls, Slot, reread};

/// After so many refusals of one step in a row its callers hear that the store cannot.
const MAX_REFUSALS: u32 = 5;

impl RoomActor {
    pub(super) fn settle(&mut self, finished: Finished, ctx: &mut Context<Self>) {
        match finished {
            Finished::Landed(commit) => {
                self.inner.options.faults.strike(FaultPoint::Landed(&self.address, &commit.get().events));
                self.landed(&commit);
            }
            Finished::Rejected(commit, why) => self.rejected(*commit, why, ctx),
            Finished::Loaded { loaded, .. } => self.loaded(loaded, ctx),
            Finished::Known { calls, .. } => self.found(calls),
        }
    }

    fn landed(&mut self, commit: &Committed<Box<Commit>>) {
        self.clear_suspicion();
        let Some(Step { works, room: after, opened, ask_roster }) = self.step.take() else { return };
        let Memory::Loaded { room, durable, .. } = &mut self.memory else { return };
        let before = std::mem::replace(&mut **room, after);
        *durable = commit.with(|_| ());
        self.refusals = 0;
        let landed: &Commit = commit.get();
        // Of what a person decided later only the first end is known here, and counts.
        let before_them = landed.ended_calls.iter().filter(|ended| ended.answer.status.is_final()).filter_map(|ended| {
            let call = self.open.remove(&ended.key)?.call;
            Some(LastCall { call_id: call.call_id, name: call.name, status: ended.answer.status, at: ended.at })
        });
        let their_own = landed.new_calls.iter().filter(|new| new.answer.status.is_final()).map(|new| {
            let call = &new.call;
            LastCall { call_id: call.call_id.clone(), name: call.name, status: new.answer.status, at: new.at }
        });
        let ended = before_them.chain(their_own);
        self.live.finished(ended.inspect(|call| counters::ended(call.name, call.status)));
        self.open.extend(opened.into_iter().filter(|(_, admitted)| is_parked(room, admitted)));
        if !landed.new_tags.is_empty() {
            self.inner.companies.add_tags(self.address.company, &landed.new_tags);
        }
        self.live.room_is(room);
        let (summary, at) = (RoomSummary::of(&self.address.room, room), room.last_event_at);
        self.live.last_active.store(at.0, Ordering::Relaxed);
        self.tell_roster(&before, ask_roster);
        counters::nobody_answered(&landed.events);
        self.hand_over_new(&landed.events);
        self.answer_pending(&commit.with(|commit| commit.ended_calls.clone()));

        for (work, plan) in works {
            match (work, plan) {
                (Work::Calls(invoke), Plan::Answer(slots)) => {
                    let answers = commit
                        .with(|commit| self.answers(&invoke.waiter, &slots, &summary, &commit.new_calls, &commit.ended_calls));
                    counters::replayed(answers.get());
                    self.answer(invoke, answers);
                }
                (work, plan) => {
                    self.answer_offer(&work);
                    self.answer_lane(&work);
                    self.reply(work, plan, &summary);
                }
            }
        }
        self.live.begins(None);
        self.known = None;
        self.known_messages.clear();
        self.try_again(&landed.events);
    }

    /// A step that changed nothing: all of it was known, withdrawn, or already so.
    pub(super) fn nothing_to_commit(&mut self, step: Step) {
        self.refusals = 0;
        let summary = RoomSummary::of(&self.address.room, &step.room);
        if let (true, Some(asks)) = (step.ask_roster, self.asks(&step.room)) {
            self.inner.rosters.reserve(&self.inner, &self.address, asks);
        }
        let Memory::Loaded { durable, .. } = &self.memory else { return };
        let known = self.known.as_ref();
        let mut answered = vec![];
        for (work, plan) in step.works {
            match (work, plan) {
                (Work::Calls(invoke), Plan::Answer(slots)) => {
                    let write = || self.answers(&invoke.waiter, &slots, &summary, &[], &[]);
                    answered.push((known.map_or_else(|| durable.with(|()| write()), |known| known.with(|_| write())), invoke));
                }
                (work, plan) => {
                    self.answer_offer(&work);
                    self.answer_lane(&work);
                    self.reply(work, plan, &summary);
                }
            }
        }
        for (answers, invoke) in answered {
            counters::replayed(answers.get());
            self.answer(invoke, answers);
        }
        self.known = None;
        self.known_messages.clear();
        self.live.begins(None);
    }

    fn answers(&self, waiter: &Waiter, slots: &[Slot], room: &RoomSummary, new: &[NewCall], ended: &[EndedCall]) -> Answers {
        let calls = waiter.batch.calls.iter().zip(slots).map(|(admitted, slot)| {
            let stored = match slot {
                Slot::New(place) | Slot::Again(place) => new.get(*place).map(|new| new.answer.clone()),
                Slot::Earlier(key) => ended
                    .iter()
                    .find(|ended| ended.key == *key)
                    .map(|ended| ended.answer.clone())
                    .or_else(|| self.known_call(*key).map(|known| known.answer.clone())),
            };
            let stored = stored.unwrap_or_else(|| StoredAnswer {
                status: CallStatus::Parked,
                body: r#"{"parked_on":"earlier_request"}"#.into(),
            });
            CallAnswer {
                call_id: admitted.call.call_id.clone(),
                tool_call_id: admitted.call.tool_call_id.clone(),
                name: admitted.call.name,
                status: stored.status,
                replayed: !matches!(slot, Slot::New(_)),
                body: stored.body,
            }
        });
        Answers { room: room.clone(), calls: calls.collect() }
    }

    /// Sends what is durable; who has open calls left waits on.
    fn answer(&mut self, invoke: Invoke, answers: Committed<Answers>) {
        let Invoke { waiter, guard, .. } = invoke;
        drop(guard);
        if answers.get().all_final() {
            let _ = waiter.reply.send(BatchReply::Final(answers));
            return;
        }
        let pending = Pending { answers: answers.get().clone(), waiter };
        if !pending.waiter.ticket.accepted(answers, InFlight::one(&self.live.waiting)) {
            return;
        }
        // Room is made only for those who are still there: whoever asks for a parked call again and again leaves nothing behind.
        if self.pending.len() == self.pending.capacity() {
            self.pending.retain(|pending| !pending.waiter.ticket.is_left());
        }
        self.pending.push(pending);
    }

    fn answer_pending(&mut self, ended: &Committed<Vec<EndedCall>>) {
        if self.pending.is_empty() || ended.get().is_empty() {
            return;
        }
        for mut pending in std::mem::take(&mut self.pending) {
            for end in ended.get() {
                for (answer, admitted) in pending.answers.calls.iter_mut().zip(&pending.waiter.batch.calls) {
                    if admitted.call.key == end.key {
                        answer.status = end.answer.status;
                        answer.body = end.answer.body.clone();
                    }
                }
            }
            if let Memory::Loaded { room, .. } = &self.memory {
                pending.answers.room = RoomSummary::of(&self.address.room, room);
            }
            if pending.answers.all_final() {
                pending.waiter.ticket.is_over();
                let _ = pending.waiter.reply.send(BatchReply::Final(ended.with(|_| pending.answers.clone())));
            } else if pending.waiter.ticket.goes_on(ended.with(|_| pending.answers.clone())) {
                self.pending.push(pending);
            }
        }
    }

    fn reply(&self, work: Work, plan: Plan, room: &RoomSummary) {
        match (work, plan) {
            (Work::Calls(invoke), Plan::Reused(call_id)) => drop(invoke.waiter.reply.send(BatchReply::KeyReused(call_id))),
            (Work::Calls(invoke), Plan::UnknownRoom) => drop(invoke.waiter.reply.send(BatchReply::UnknownRoom)),
            (Work::Calls(invoke), Plan::Full) => drop(invoke.waiter.reply.send(BatchReply::Full)),
            (Work::Calls(_), _) => {}
            (Work::Command(Tell { reply, doubtful, .. }), Plan::Command(result)) => {
                let Some(reply) = reply else { return };
                let _ = reply.send(match result {
                    Ok(answer) => CommandReply::Done { answer, room: room.clone() },
                    Err(refusal) => CommandReply::Refused { refusal, room: room.clone(), doubtful },
                });
            }
            (Work::Command(_), _) => {}
        }
    }

    fn rejected(&mut self, commit: Commit, why: Rejection, ctx: &mut Context<Self>) {
        self.refusals += 1;
        if let (Rejection::Unclear(_), Some(step)) = (&why, &mut self.step) {
            step.works.iter_mut().for_each(|(work, _)| doubt(work));
        }
        match why {
            _ if self.refusals > MAX_REFUSALS => {
                tracing::error!(room = %self.address.room, "the journal keeps refusing this room's step");
                self.refuse_step();
                self.forget();
            }
            Rejection::Unavailable(why) => {
                tracing::warn!(%why, "the journal cannot write now");
                self.refuse_step();
            }
            Rejection::Stale | Rejection::Unclear(_) => {
                self.wait_again();
                self.forget();
            }
            Rejection::Duplicate { calls, messages } => {
                self.wait_again();
                let knew = self.known_messages.len();
                self.known_messages.extend(messages);
                if calls.is_empty() {
                    self.has_learned(self.known_messages.len() > knew);
                } else {
                    // Whatever becomes of them now, the store has these ids.
                    let known = |work: &&mut Work| calls.iter().any(|key| work.has(*key));
                    self.work.iter_mut().take(self.again).filter(known).for_each(doubt);
                    self.find(calls, ctx);
                }
                let _ = commit;
            }
        }
    }

    /// A refusal that told something new is not one more of the same.
    fn has_learned(&mut self, something: bool) {
        self.refusals -= u32::from(something).min(self.refusals);
    }

    fn find(&mut self, keys: Vec<CallKey>, ctx: &mut Context<Self>) {
        let job = Job::Find { company: self.address.company, keys, thread: self.thread, room: Some(ctx.address()) };
        self.finding = true;
        if self.inner.journal.submit(job).is_err() {
            self.finding = false;
            self.refuse_waiting();
        }
    }

    fn found(&mut self, calls: Result<Committed<Vec<KnownCall>>, Arc<str>>) {
        self.finding = false;
        let Ok(calls) = calls else {
            self.refuse_waiting();
            return;
        };
        self.answer_pending(&calls.with(|calls| {
            let ended = calls.iter().filter(|known| known.answer.status.is_final());
            ended
                .map(|known| EndedCall { key: known.call.key, answer: known.answer.clone(), at: crate::room::Timestamp(0) })
                .collect()
        }));
        // Looked up for a step that waits to go again, or only for callers who have just been answered.
        if self.again > 0 {
            let mut known = self.known.take().map(Committed::into_inner).unwrap_or_default();
            let knew = known.len();
            let known: Committed<HashMap<CallKey, KnownCall>> = calls.with(|calls| {
                known.extend(calls.iter().map(|call| (call.call.key, call.clone())));
                known
            });
            self.has_learned(known.get().len() > knew);
            self.known = Some(known);
        }
    }

    fn loaded(&mut self, loaded: Result<Committed<Option<LoadedRoom>>, Arc<str>>, ctx: &mut Context<Self>) {
        self.memory = Memory::Unloaded;
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(why) => {
                tracing::warn!(%why, "a room could not be loaded");
                self.refuse_waiting();
                return;
            }
        };
        let durable = loaded.with(|_| ());
        let (key, room, open) = match loaded.into_inner() {
            None => (RoomKey(uuid::Uuid::now_v7()), Room::default(), OpenCalls::new()),
            Some(loaded) => {
                let room: Room = match serde_json::from_slice(&loaded.snapshot) {
                    Ok(room) => room,
                    Err(error) => {
                        tracing::error!(room = %self.address.room, %error, "a room's snapshot cannot be read");
                        self.refuse_waiting();
                        return;
                    }
                };
                let open = loaded.open_calls.into_iter().filter_map(|open| reread(open.call, &room));
                let open = open.map(|admitted| (admitted.call.key, admitted)).collect();
                (loaded.key, room, open)
            }
        };
        self.open = open;
        self.live.room_is(&room);
        if let Some(asks) = self.asks(&room) {
            self.inner.rosters.reserve(&self.inner, &self.address, asks);
        }
        self.retries_left(&room);
        self.memory = Memory::Loaded { key, room: Box::new(room), durable };
        self.hand_over_open();
        // Whoever waited for a call that ended while this memory was away hears it from the store.
        self.pending.retain(|pending| !pending.waiter.ticket.is_left());
        let gone: Vec<CallKey> = self
            .pending
            .iter()
            .flat_map(|pending| pending.waiter.batch.calls.iter().zip(&pending.answers.calls))
            .filter(|(admitted, answer)| !answer.status.is_final() && !self.open.contains_key(&admitted.call.key))
            .map(|(admitted, _)| admitted.call.key)
            .collect();
        if !gone.is_empty() {
            self.find(gone, ctx);
        }
    }

    /// The works of the step wait again, first in the queue and in their order.
    fn wait_again(&mut self) {
        let Some(step) = self.step.take() else { return };
        for (work, plan) in step.works.into_iter().rev() {
            if !matches!(plan, Plan::Withdrawn) {
                self.work.push_front(work);
                self.again += 1;
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.memory = Memory::Unloaded;
        self.open.clear();
        self.known = None;
        self.known_messages.clear();
    }

    /// Nothing of this step was written and it is not tried again.
    pub(super) fn refuse_step(&mut self) {
        if let Some(step) = self.step.take() {
            for (work, _) in step.works {
                refuse(work);
            }
        }
        self.known = None;
        self.refusals = 0;
    }

    /// Nobody who waits can be served now.
    pub(super) fn refuse_waiting(&mut self) {
        self.again = 0;
        for work in std::mem::take(&mut self.work) {
            refuse(work);
        }
    }
}

fn is_parked(room: &Room, admitted: &Admitted) -> bool {
    room.parked.iter().any(|parked| parked.call_id == admitted.call.call_id)
}

fn doubt(work: &mut Work) {
    match work {
        Work::Calls(invoke) => invoke.waiter.ticket.doubt(),
        Work::Command(tell) => tell.doubtful = true,
    }
}

fn refuse(work: Work) {
    match work {
        Work::Calls(invoke) => drop(invoke.waiter.reply.send(BatchReply::Unavailable)),
        Work::Command(Tell { reply: Some(reply), doubtful, .. }) => {
            let _ = reply.send(if doubtful { CommandReply::Unclear } else { CommandReply::Unavailable });
        }
        Work::Command(_) => {}
    }
}

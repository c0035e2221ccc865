//! One step of a room on a draft: decide, apply, call after call, until all of it is one commit. No actor, no clock, no
//! store: what it needs is passed in, so the simulation runs it as it is.

mod approval;
mod assignment;
pub mod barrier;
mod by_hand;
mod commit;
mod dead_letter;
mod request;
mod timers;

use std::collections::{HashMap, HashSet};

use crate::catalog::{self, Admitted};
use crate::room::command::{self, Command, CommandAnswer};
use crate::room::dead_letter::POISON;
use crate::room::{
    Agent, By, CallKey, CallStatus, Cause, Control, Decision, Fact, FunctionCall, Ground, MessageKey, ParkedCall, ParkedOn,
    Presence, RecordKind, Refusal, Room, RoomAddress, RoomEvent, deliveries, tag,
};

use super::ports::{DecidedEffect, EndedCall, NewCall, NewTag, StoredAnswer, TimerKind};
use super::stored::{answer_of, cancelled, code_of, crowded, doubted, lost, parked, poison, refused, succeeded};

pub use approval::reread;
pub use commit::Kept;

/// How long a caller's assignment waits for the roster before it is told that the room is queued.
pub const OFFER_PATIENCE_MS: i64 = 1_500;
/// Calls of one room that may wait at once: a parked call is in nobody's mailbox any more, so no other bound holds it.
pub const MOST_PARKED: usize = 1_024;

/// Calls that wait, with their arguments; the room itself only knows their ids.
pub type OpenCalls = HashMap<CallKey, Admitted>;

/// Where an answer of a batch comes from once the step is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The step's own new call, by its place.
    New(usize),
    /// A new call of this step that another batch brought as well.
    Again(usize),
    /// A call that was open before, or that the store knows.
    Earlier(CallKey),
}

/// A draft of a room and everything its commit will hold.
#[derive(Debug)]
pub struct Turn<'a> {
    address: &'a RoomAddress,
    ground: Ground<'a>,
    before: &'a Room,
    open: &'a OpenCalls,
    condemned: &'a HashSet<CallKey>,
    /// The call being decided: whom to blame for a panic.
    pub current: Option<CallKey>,
    pub room: Room,
    pub events: Vec<RoomEvent>,
    pub new_calls: Vec<NewCall>,
    pub ended_calls: Vec<EndedCall>,
    pub messages: Vec<MessageKey>,
    pub new_tags: Vec<NewTag>,
    /// Effects of which a person said how they ended.
    pub decided_effects: Vec<DecidedEffect>,
    /// Calls of this step that wait.
    pub opened: OpenCalls,
    /// A waiting call wants the roster's answer, though the room was in its queue before.
    pub ask_roster: bool,
    /// Timers that were brought. Whatever came of it, they do not stay due.
    judged: Vec<TimerKind>,
    request: request::Request,
}

impl<'a> Turn<'a> {
    pub fn begin(
        address: &'a RoomAddress,
        before: &'a Room,
        ground: Ground<'a>,
        open: &'a OpenCalls,
        condemned: &'a HashSet<CallKey>,
    ) -> Self {
        Self {
            address,
            ground,
            before,
            open,
            condemned,
            current: None,
            room: before.clone(),
            events: vec![],
            new_calls: vec![],
            ended_calls: vec![],
            messages: vec![],
            new_tags: vec![],
            decided_effects: vec![],
            opened: OpenCalls::new(),
            ask_roster: false,
            judged: vec![],
            request: request::Request::default(),
        }
    }

    /// Decides one call that the store does not know yet. Returns its place among the new calls.
    pub fn call(&mut self, admitted: &Admitted) -> usize {
        self.current = Some(admitted.call.key);
        let place = self.new_calls.len();
        let answer = self.decide(admitted, false);
        if !answer.status.is_final() {
            self.opened.insert(admitted.call.key, admitted.clone());
        }
        self.new_calls.push(NewCall { call: admitted.call.clone(), answer, at: self.ground.now });
        self.settle_parked();
        self.current = None;
        place
    }

    /// Carries out a command.
    pub fn command(&mut self, command: &Command, by: &By, cause: &Cause) -> Result<CommandAnswer, Refusal> {
        let created = !self.room.exists();
        if let (Cause::Timer(_), Some(kind), false) = (cause, timers::of(command), created) {
            self.judged.push(kind);
        }
        if let Some(message_id) = command.message_id()
            && self.messages.contains(&MessageKey::of(self.address, message_id))
        {
            return Ok(CommandAnswer::default());
        }
        // How an earlier try ended says nothing of the present one.
        if let Command::EffectSettled { call_id, attempt, .. } | Command::EffectDoubted { call_id, attempt } = command
            && self.room.effect(call_id).is_some_and(|effect| effect.retries != *attempt)
        {
            return Ok(CommandAnswer::default());
        }
        let better = deliveries::known_better(&self.room, command, &self.ground);
        let command = better.as_ref().unwrap_or(command);
        let (events_before, letter, repeats) = (self.events.len(), self.dead_letter(command), self.repeats(command));
        let facts = command::decide(&self.room, command, &self.ground)?;
        let errand = self.errand(command, (by, cause), &facts)?;
        let here = errand.as_ref().is_none_or(|errand| errand.here);
        for fact in facts.into_iter().filter(|_| here) {
            self.record(fact, by, cause);
        }
        let call_id = errand.map(|errand| self.begins(errand, by, cause));
        if let Some(decided) = letter {
            self.decided(decided, by, cause);
        }
        match command {
            Command::Message { message_id, .. } | Command::Heard { message_id, .. } => {
                self.messages.push(MessageKey::of(self.address, message_id));
            }
            Command::CancelCall { call_id } => {
                let Some(parked) = self.room.parked.iter().find(|parked| parked.call_id == *call_id).cloned() else {
                    return Err(Refusal::new(
                        "already_final",
                        crate::room::Next::DoNotRetry,
                        "This call is not waiting any more.",
                    ));
                };
                if parked.on == ParkedOn::Effect {
                    return Err(Refusal::new(
                        "already_running",
                        crate::room::Next::DoNotRetry,
                        "The CRM may already have been told; the call ends by itself.",
                    ));
                }
                self.end(&parked, cancelled(), Some((by, cause)));
            }
            Command::EffectSettled { call_id, settlement, .. } => {
                let waiting = |parked: &&ParkedCall| parked.call_id == *call_id && parked.on == ParkedOn::Effect;
                if let Some(parked) = self.room.parked.iter().find(waiting).cloned() {
                    let otherwise = self.ended_otherwise(call_id, settlement);
                    let (mut answer, pending) =
                        (otherwise.unwrap_or_else(|| answer_of(settlement)), self.room.pending_effects(call_id));
                    if let Some(body) = catalog::resolve_conversation::with_pending(&answer.body, &pending) {
                        answer.body = body.into();
                    }
                    let repeated = assignment::repeated(&answer);
                    self.end(&parked, answer, None);
                    repeats.iter().for_each(|repeat| self.end(repeat, repeated.clone(), None));
                }
            }
            Command::EffectDoubted { call_id, .. } if self.events.len() > events_before => {
                self.finish(CallKey::of(self.address.company, call_id), doubted());
            }
            Command::QueuedAt { assignment, position, opens_at } => {
                self.tell_position(*assignment, Some(*position), *opens_at);
            }
            Command::OfferOverdue { assignment } => self.tell_position(*assignment, None, None),
            Command::Approve { call_id, key_id, arguments } => {
                self.approve(call_id, key_id, arguments.as_ref(), by, cause)?;
            }
            Command::Reject { call_id, reason } => self.reject(call_id, reason, by, cause)?,
            Command::ApprovalOverdue => self.expire_approvals(),
            _ => {}
        }
        self.settle_parked();
        let changed = self.events.len() > events_before;
        Ok(CommandAnswer { created: created && changed, changed, call_id })
    }

    /// Whether there is anything to commit.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.judged.is_empty()
    }

    fn decide(&mut self, admitted: &Admitted, was_parked: bool) -> StoredAnswer {
        let call = &admitted.call;
        let (by, cause) = (by_of(call), Cause::Call(call.call_id.clone()));
        let leave = self.leave_for(call);
        let decision = if self.condemned.contains(&call.key) {
            self.answered(call, CallStatus::Dead, Some(POISON), &by, &cause);
            return poison();
        } else if self.room.paused {
            Decision::Parked { facts: vec![], on: ParkedOn::Pause }
        } else {
            self.judged(admitted, self.with_leave(leave.as_ref()).as_ref())
        };
        let decision = match decision {
            Decision::Parked { .. } if !was_parked && self.room.parked.len() >= MOST_PARKED => Decision::Refused(crowded()),
            decision => decision,
        };
        self.uses_leave(leave, &decision, &by, &cause);
        match decision {
            Decision::Done { facts, result } => {
                let nothing_else = facts.is_empty();
                for fact in facts {
                    self.record(fact, &by, &cause);
                }
                if nothing_else || was_parked {
                    self.answered(call, CallStatus::Succeeded, None, &by, &cause);
                }
                succeeded(&result)
            }
            Decision::Refused(refusal) => {
                self.answered(call, CallStatus::Refused, Some(refusal.code), &by, &cause);
                refused(&refusal)
            }
            Decision::Parked { facts, on } => {
                let hands_over = facts.iter().any(|fact| matches!(fact, Fact::RoomQueued { .. }));
                if hands_over {
                    self.overtake_assignments();
                }
                for fact in facts {
                    self.record(fact, &by, &cause);
                }
                if hands_over {
                    self.handed_over(call, &by, &cause);
                }
                self.ask_roster |= on == ParkedOn::Offer;
                let (call_id, name, beside) = (call.call_id.clone(), call.name.into(), self.beside(admitted, on));
                let asked = self.asked(admitted, on);
                self.record(Fact::CallParked { call_id, name, on, beside, asked }, &by, &cause);
                let waits = parked(on);
                if was_parked {
                    self.finish(call.key, waits.clone());
                }
                waits
            }
        }
    }

    /// What the catalog says, for a resolve at its barrier. `seen_as`: the room with what this call alone may do in it.
    fn judged(&self, admitted: &Admitted, seen_as: Option<&Room>) -> Decision {
        let call = &admitted.call;
        let parked = self.room.parked.iter().find(|parked| parked.call_id == call.call_id);
        let ground = Ground { approved: parked.is_some_and(|parked| parked.approved), ..self.ground };
        if let Some(refusal) = parked.and_then(|parked| self.voided(parked, admitted)) {
            return Decision::Refused(refusal);
        }
        if !barrier::is_resolve(admitted) {
            return catalog::decide(seen_as.unwrap_or(&self.room), call, &admitted.request, &ground);
        }
        match barrier::passed(&self.room, call) {
            Ok(call) => self.at_barrier(&call, catalog::decide(&self.room, &call, &admitted.request, &ground)),
            Err(decision) => decision,
        }
    }

    /// Lets every call go on that no longer has anything to wait for, in order of admission.
    fn settle_parked(&mut self) {
        loop {
            let ready = |parked: &&ParkedCall| match parked.on {
                ParkedOn::Pause => !self.room.paused,
                ParkedOn::Offer => !self.room.is_assigning(),
                ParkedOn::Effect => false,
                ParkedOn::Deal => !self.room.is_making(RecordKind::Deal),
                ParkedOn::Ticket => !self.room.is_making(RecordKind::Ticket),
                ParkedOn::Barrier => barrier::is_open(&self.room, &parked.call_id),
                ParkedOn::Approval => parked.approved,
                ParkedOn::Attachment => !self.room.is_sending(),
                ParkedOn::Typing => catalog::fence::typing_is_over(&self.room, parked, &self.ground),
                // Its row is final until this decision has landed; only then is it read again.
                ParkedOn::Retry => self.open.contains_key(&CallKey::of(self.address.company, &parked.call_id)),
            };
            let Some(parked) = self.room.parked.iter().find(ready).cloned() else { return };
            match parked.on {
                ParkedOn::Offer => {
                    let answer = match &self.room.control {
                        Control::Person { agent, .. } => {
                            let agent = self.ground.company.agent(agent).cloned().unwrap_or_else(|| stranger(agent));
                            succeeded(&catalog::assign_agent::assigned(&agent, &self.room, &self.ground))
                        }
                        _ => refused(&catalog::assign_agent::superseded()),
                    };
                    self.end(&parked, answer, None);
                }
                _ => self.resume(&parked),
            }
        }
    }

    fn resume(&mut self, parked: &ParkedCall) {
        let key = CallKey::of(self.address.company, &parked.call_id);
        let Some(admitted) = self.opened.get(&key).or_else(|| self.open.get(&key)).cloned() else {
            self.end(parked, lost(), None);
            return;
        };
        let blamed = self.current.replace(key);
        let other = self.goes_on(parked, &admitted);
        let answer = self.decide(&admitted, true);
        if let Some(other) = other {
            self.request = other;
        }
        if answer.status.is_final() {
            self.finish(key, answer);
        }
        self.current = blamed;
    }

    /// Ends a waiting call with this answer.
    fn end(&mut self, parked: &ParkedCall, answer: StoredAnswer, asked: Option<(&By, &Cause)>) {
        let key = CallKey::of(self.address.company, &parked.call_id);
        let admitted = self.opened.get(&key).or_else(|| self.open.get(&key)).cloned();
        let name = admitted.as_ref().map_or("", |admitted| admitted.call.name);
        let own = (By::System, Cause::Call(parked.call_id.clone()));
        let (by, cause) = asked.unwrap_or((&own.0, &own.1));
        let fact = Fact::CallAnswered {
            call_id: parked.call_id.clone(),
            name: name.into(),
            status: answer.status,
            code: code_of(&answer),
        };
        self.record(fact, by, cause);
        self.finish(key, answer);
    }

    /// Once a call: one that waits for something else and then ends in the same step has only its end written.
    fn finish(&mut self, key: CallKey, answer: StoredAnswer) {
        if let Some(new) = self.new_calls.iter_mut().find(|new| new.call.key == key) {
            new.answer = answer;
        } else if let Some(ended) = self.ended_calls.iter_mut().find(|ended| ended.key == key) {
            ended.answer = answer;
        } else {
            self.ended_calls.push(EndedCall { key, answer, at: self.ground.now });
        }
    }

    fn answered(&mut self, call: &FunctionCall, status: CallStatus, code: Option<&str>, by: &By, cause: &Cause) {
        let fact =
            Fact::CallAnswered { call_id: call.call_id.clone(), name: call.name.into(), status, code: code.map(str::to_owned) };
        self.record(fact, by, cause);
    }

    fn record(&mut self, fact: Fact, by: &By, cause: &Cause) {
        if let Fact::TagsAdded { created, .. } = &fact {
            self.new_tags.extend(created.iter().map(|shown| NewTag { folded: tag::fold(shown), shown: shown.clone() }));
        }
        let at = self.ground.now.max(self.room.last_event_at);
        let event = RoomEvent { seq: self.room.version + 1, at, by: by.clone(), cause: cause.clone(), fact };
        self.room.apply(&event);
        self.events.push(event);
    }
}

fn by_of(call: &FunctionCall) -> By {
    match &call.ai_agent {
        Some(ai_agent) => By::AiAgent(ai_agent.clone()),
        None => By::Person((*call.key_id).into()),
    }
}

fn stranger(id: &crate::room::AgentId) -> Agent {
    Agent {
        id: id.clone(),
        name: id.to_string(),
        email: String::new(),
        divisions: vec![],
        status: Presence::Offline,
        capacity: 0,
    }
}

#[cfg(test)]
mod tests;

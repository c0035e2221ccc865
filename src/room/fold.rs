//! How a fact changes a room: the only place that does.

use std::sync::Arc;

use super::dead_letter::{POISON, Poisoned};
use super::delivery::Delivery;
use super::effect::{EffectPlan, OpenEffect, Outside, Sent};
use super::event::{By, Customer, Fact, RoomEvent, Writer};
use super::goodbye::{Goodbye, Leave};
use super::ids::{AgentId, Timestamp};
use super::link::Link;
use super::parked::{Barrier, ParkedCall, ParkedOn, Stood};
use super::state::{Begun, CallStatus, Control, Lifecycle, Resolution, Room, Tag, Wanted};

impl Room {
    /// An earlier snapshot with the events since; those that it has already change nothing. `Err`: it cannot be read, or an event
    /// is missing.
    pub fn caught_up(snapshot: &[u8], events: impl IntoIterator<Item = RoomEvent>) -> Result<Self, serde_json::Error> {
        let mut room: Self = serde_json::from_slice(snapshot)?;
        for event in events {
            if event.seq > room.version + 1 {
                return Err(serde::de::Error::custom(format!("event {} follows event {}", event.seq, room.version)));
            }
            if event.seq > room.version {
                room.apply(&event);
            }
        }
        Ok(room)
    }

    /// Folds the next event in. `event.seq` must be `version + 1`.
    pub fn apply(&mut self, event: &RoomEvent) {
        debug_assert_eq!(event.seq, self.version + 1, "a journal has no gaps");
        self.version = event.seq;
        self.last_event_at = event.at;
        if let Fact::MessageReceived { from: Writer::Customer, said_at, aside: false, .. } = &event.fact {
            self.customer_wrote_at = self.customer_wrote_at.max(said_at.unwrap_or(event.at));
        }
        match &event.fact {
            Fact::RoomCreated { channel, customer } | Fact::RoomDescribed { channel, customer } => {
                self.channel.clone_from(channel);
                if !is_same(&self.customer, customer) {
                    self.becomes_anothers();
                }
                self.customer = Arc::new(customer.clone());
            }
            Fact::MessageReceived { aside: true, .. } => {}
            // Nobody has read it yet, however late it comes.
            Fact::MessageReceived { from: Writer::Customer, late: true, text, .. } => self.customer_said(text, event.seq),
            Fact::MessageReceived { late: true, .. } => {}
            Fact::MessageReceived { from: Writer::Customer, text, .. } => {
                self.customer_said(text, event.seq);
                self.resolved_there = false;
                if matches!(self.lifecycle, Lifecycle::Waiting { .. } | Lifecycle::Snoozed { .. }) {
                    self.lifecycle = Lifecycle::Open;
                }
                if let (Control::Person { .. }, Some(staffed)) = (&self.control, &mut self.staffed) {
                    staffed.awaited_since.get_or_insert(event.at);
                }
            }
            Fact::MessageReceived { from, text, .. } => {
                if *from == Writer::Agent {
                    // What was being typed is written; and nobody speaks after a person for whoever handed over.
                    self.typing_until = None;
                    self.end_leave(|_| true);
                    self.person_said(text);
                }
                if let (Writer::Agent, Some(staffed)) = (from, &mut self.staffed) {
                    (staffed.active_at, staffed.awaited_since, staffed.idle_moves) = (event.at, None, 0);
                }
                if self.lifecycle == Lifecycle::Open {
                    self.lifecycle = Lifecycle::Waiting { since: event.at };
                }
            }
            Fact::RoomReopened { episode, anew, keeps_tags } => {
                self.episode = *episode;
                self.hand_overs = 0;
                if *anew {
                    self.leave_behind(*keeps_tags);
                }
                self.lifecycle = Lifecycle::Open;
                (self.resolution, self.resolved_there) = (None, false);
                self.reassigning = None;
                self.move_control(Control::Bot);
            }
            Fact::TagsAdded { tags, .. } => {
                for shown in tags {
                    let folded = super::tag::fold(shown);
                    if !self.tags.iter().any(|tag| tag.folded == folded) {
                        Arc::make_mut(&mut self.tags).push(Tag { folded, shown: shown.clone(), episode: self.episode });
                    }
                }
            }
            Fact::ConversationResolved { reason_code, note, handled_by, .. } => {
                self.lifecycle = Lifecycle::Resolved { at: event.at };
                self.resolution = Some(Box::new(Resolution {
                    reason_code: reason_code.clone(),
                    note: note.clone(),
                    by: event.by.to_text(),
                    at: event.at,
                    handled_by: handled_by.clone(),
                }));
                (self.reassigning, self.typing_until, self.resolved_there) = (None, None, false);
                self.move_control(Control::Nobody);
            }
            Fact::ResolvedThere => self.resolved_there = true,
            Fact::RoomQueued { target, assignment, leaves, but, there, .. } => {
                let counted = match (&event.by, &self.control) {
                    (By::AiAgent(_), Control::Bot) => {
                        self.hand_overs += 1;
                        true
                    }
                    // Whoever is looked for now stands for whoever was looked for then.
                    (_, Control::Queue(before)) => before.counted,
                    _ => false,
                };
                self.assignment = *assignment;
                let (target, but) = (target.clone(), but.clone());
                let since = event.at;
                let wanted = Wanted { target, since, assignment: *assignment, but, there: *there, counted, begun: None };
                let wanted = Box::new(wanted);
                if wanted.but.is_some()
                    && !leaves
                    && let Some(staffed) = &mut self.staffed
                {
                    staffed.idle_moves += 1;
                    staffed.awaited_since = Some(event.at);
                }
                if matches!(self.control, Control::Person { .. }) && !leaves {
                    self.reassigning = Some(wanted);
                } else {
                    // Whoever was looked for beside the person who had it is what the queue looks for now.
                    self.reassigning = None;
                    self.move_control(Control::Queue(wanted));
                }
            }
            Fact::AssignmentBegun { assignment, agent } => {
                let wanted = match &mut self.control {
                    Control::Queue(wanted) => Some(wanted),
                    _ => self.reassigning.as_mut(),
                };
                if let Some(wanted) = wanted.filter(|wanted| wanted.assignment == *assignment) {
                    wanted.begun = Some(Begun { agent: agent.clone() });
                }
            }
            Fact::AssignmentDropped { assignment } => {
                self.reassigning.take_if(|wanted| wanted.assignment == *assignment);
                if let Control::Queue(wanted) = &self.control
                    && wanted.assignment == *assignment
                {
                    self.hand_overs = self.hand_overs.saturating_sub(u32::from(wanted.counted));
                    self.move_control(Control::Bot);
                }
            }
            Fact::AgentAssigned { agent_id, agent_name, assignment, .. } => {
                self.person_has((agent_id, agent_name), *assignment, event.at);
                self.staffed.get_or_insert_default().awaited_since = Some(event.at);
            }
            Fact::RoomTaken { agent_id, agent_name, assignment, .. } => {
                self.person_has((agent_id, agent_name), *assignment, event.at);
                let staffed = self.staffed.get_or_insert_default();
                (staffed.awaited_since, staffed.idle_moves) = (None, 0);
            }
            Fact::PersonTyping { agent_id, until } => {
                self.typing_until = Some(*until);
                let own = self.assignee().is_some_and(|holder| agent_id.as_ref().is_none_or(|agent| agent == holder));
                if let Some(staffed) = self.staffed.as_mut().filter(|_| own) {
                    staffed.active_at = event.at;
                }
            }
            Fact::RoomReturned { .. } => {
                (self.reassigning, self.typing_until) = (None, None);
                self.comes_back(event.at);
                self.move_control(Control::Bot);
            }
            Fact::GoodbyeGranted { call_id, assignment, until } => {
                let leave = Leave { assignment: *assignment, until: *until };
                self.effects_of(call_id).for_each(|effect| effect.plan.leave = Some(leave.clone()));
                self.goodbye = Some(Box::new(Goodbye { call_id: call_id.clone(), leave }));
            }
            Fact::AttachmentPrepared(prepared) => self.delivery_is_prepared(prepared, event.at),
            Fact::AttachmentSubmitting { call_id, attempt } => self.delivery_submits(call_id, *attempt, event.at),
            Fact::DeliveryMoved { call_id, word } => self.delivery_moves(call_id.as_ref(), word, event.at),
            Fact::AttachmentSent { call_id, file, message_id, result, .. } => {
                self.delivery_is_accepted(call_id, file, message_id.as_deref(), event.at);
                self.goodbye.take_if(|goodbye| goodbye.call_id == *call_id);
                let (sha256, last_inbound_seq) = (file.sha256.clone(), self.last_inbound_seq);
                let outside = self.outside.get_or_insert_default();
                let intent =
                    outside.effect(call_id).and_then(|effect| effect.plan.intent.clone().filter(|intent| *intent != sha256));
                outside.sent.push(Sent { sha256, intent, at: event.at, last_inbound_seq, result: result.clone() });
                let surplus = outside.sent.len().saturating_sub(Outside::MOST_SENT);
                outside.sent.drain(..surplus);
                if self.lifecycle == Lifecycle::Open {
                    self.lifecycle = Lifecycle::Waiting { since: event.at };
                }
            }
            Fact::TagsRemoved { tags } => {
                let gone: Vec<String> = tags.iter().map(|shown| super::tag::fold(shown)).collect();
                Arc::make_mut(&mut self.tags).retain(|tag| !gone.contains(&tag.folded));
            }
            Fact::BarrierRaised { call_id, waits_for, until } => {
                let (call_id, waits_for) = (call_id.clone(), waits_for.clone());
                let (last_inbound_seq, epoch) = (self.last_inbound_seq, self.epoch);
                self.barrier =
                    Some(Box::new(Barrier { call_id, waits_for, lifted: false, until: *until, last_inbound_seq, epoch }));
            }
            Fact::BarrierLifted { call_id } => {
                if let Some(barrier) = self.barrier.as_mut().filter(|barrier| barrier.call_id == *call_id) {
                    barrier.lifted = true;
                }
            }
            Fact::CallApproved { call_id, arguments, asked } => {
                if let Some(parked) = self.parked.iter_mut().find(|parked| parked.call_id == *call_id) {
                    parked.approved = true;
                    parked.edited = arguments.as_deref().map(Arc::from);
                    if asked.is_some() {
                        parked.asked.clone_from(asked);
                    }
                }
            }
            Fact::RoomPaused { .. } => self.paused = true,
            Fact::RoomResumed => self.paused = false,
            Fact::RoomSnoozed { until } => self.lifecycle = Lifecycle::Snoozed { until: *until },
            Fact::RoomWoken => {
                if matches!(self.lifecycle, Lifecycle::Snoozed { .. }) {
                    self.lifecycle = Lifecycle::Open;
                }
            }
            Fact::CallParked { call_id, on, beside, asked, .. } => {
                match self.parked.iter_mut().find(|parked| parked.call_id == *call_id) {
                    Some(parked) => {
                        (parked.on, parked.since, parked.beside) = (*on, event.at, beside.clone());
                        // What it waits for now leaves what was asked before as it is.
                        if asked.is_some() {
                            parked.asked.clone_from(asked);
                        }
                    }
                    None => {
                        let stood = Stood { last_inbound_seq: self.last_inbound_seq, epoch: self.epoch };
                        self.parked.push(ParkedCall {
                            call_id: call_id.clone(),
                            on: *on,
                            approved: false,
                            // What a person made of it is what is tried again.
                            edited: self.effect(call_id).and_then(|effect| effect.edited.clone()),
                            since: event.at,
                            beside: beside.clone(),
                            stood: (*on == ParkedOn::Pause).then_some(stood),
                            asked: asked.clone(),
                        });
                    }
                }
            }
            Fact::CallAnswered { call_id, name, status, code } => {
                self.is_told_there(call_id, *status, code.as_deref());
                self.poisoned.retain(|poisoned| poisoned.call_id != *call_id);
                if code.as_deref() == Some(POISON) {
                    self.poisoned.push(Poisoned { call_id: call_id.clone(), name: name.clone() });
                    let surplus = self.poisoned.len().saturating_sub(Self::MOST_POISONED);
                    self.poisoned.drain(..surplus);
                }
                self.parked.retain(|parked| parked.call_id != *call_id);
                self.barrier.take_if(|barrier| barrier.call_id == *call_id);
                self.goodbye.take_if(|goodbye| goodbye.call_id == *call_id);
                let stranded = matches!(status, CallStatus::Unresolved | CallStatus::Dead);
                if !stranded {
                    self.delivery_ends(call_id);
                }
                if let Some(outside) = self.outside.as_mut().filter(|_| !stranded) {
                    outside.effects.retain(|effect| effect.call_id != *call_id);
                }
                self.effects_of(call_id).for_each(|effect| effect.stranded = true);
            }
            Fact::EffectRequested { call_id, name, plan } => {
                let leave = self.goodbye.as_ref().filter(|goodbye| goodbye.call_id == *call_id);
                let effect = OpenEffect {
                    call_id: call_id.clone(),
                    name: name.clone(),
                    // Decided after the hand-over, and yet not by right of who has control since: only its leave lets it go.
                    epoch: if leave.is_some() { 0 } else { self.epoch },
                    plan: EffectPlan { leave: leave.map(|goodbye| goodbye.leave.clone()), ..plan.clone() },
                    episode: self.episode,
                    customer: None,
                    since: event.at,
                    seq: event.seq,
                    stranded: false,
                    doubtful: false,
                    retries: 0,
                    send_again: false,
                    edited: self.parked.iter().find(|parked| parked.call_id == *call_id).and_then(|parked| parked.edited.clone()),
                };
                if let Some(delivery) = Delivery::asked(call_id, plan, event.at) {
                    self.delivery_begins(delivery);
                }
                self.outside.get_or_insert_default().effects.push(effect);
            }
            Fact::EffectDoubted { call_id, .. } => self.effects_of(call_id).for_each(|effect| effect.doubtful = true),
            Fact::EffectRetried { call_id, send_again, .. } => {
                self.delivery_begins_again(call_id, event.at);
                for effect in self.effects_of(call_id) {
                    (effect.stranded, effect.doubtful, effect.send_again) = (false, false, *send_again);
                    effect.retries += 1;
                    (effect.since, effect.seq) = (event.at, event.seq);
                }
            }
            Fact::CallRetried { call_id, .. } => self.poisoned.retain(|poisoned| poisoned.call_id != *call_id),
            Fact::RecordLinked { call_id, link } => {
                // What the conversation before this one still had on its way is not this one's own.
                if self.effect(call_id).is_none_or(|effect| effect.episode >= self.began) {
                    self.outside.get_or_insert_default().link(Link { at: event.at, ..link.clone() });
                }
            }
        }
        self.keep_leave();
    }

    fn customer_said(&mut self, text: &str, seq: i64) {
        self.last_inbound_seq = seq;
        self.last_inbound_preview = text.chars().take(Self::PREVIEW_CHARACTERS).collect();
    }

    /// The conversation begins anew: tags, people and records of the one before are not its own. What is on its way goes on.
    fn leave_behind(&mut self, keeps_tags: bool) {
        (self.staffed, self.began) = (None, self.episode);
        if !keeps_tags {
            self.tags = Arc::default();
        }
        if let Some(outside) = &mut self.outside {
            outside.links.clear();
            outside.sent.clear();
        }
    }

    /// The conversation is another customer's from now on: what the former one has in the CRM and was sent is not theirs, and what
    /// is on its way for the former one goes on as theirs.
    fn becomes_anothers(&mut self) {
        self.episode += 1;
        self.began = self.episode;
        let former = &self.customer;
        if let Some(outside) = &mut self.outside {
            outside.links.clear();
            outside.sent.clear();
            for effect in &mut outside.effects {
                effect.customer.get_or_insert_with(|| Box::new(Customer::clone(former)));
            }
        }
    }

    fn move_control(&mut self, to: Control) {
        if self.control == to {
            return;
        }
        if let Control::Person { agent, .. } = &self.control {
            let staffed = self.staffed.get_or_insert_default();
            staffed.last_agent = Some(agent.clone());
            (staffed.awaited_since, staffed.active_at) = (None, Timestamp(0));
        }
        if let (Control::Bot, Some(staffed)) = (&self.control, &mut self.staffed) {
            staffed.came_back = None;
        }
        // Whoever has it next may be asked as often again.
        if let (Control::Bot | Control::Nobody, Some(staffed)) = (&to, &mut self.staffed) {
            staffed.idle_moves = 0;
        }
        self.control = to;
        self.epoch += 1;
    }

    fn person_has(&mut self, (agent, name): (&AgentId, &str), assignment: u64, at: Timestamp) {
        self.assignment = self.assignment.max(assignment);
        self.reassigning = None;
        let had_it = self.assignee() == Some(agent);
        self.move_control(Control::Person { agent: agent.clone(), assignment });
        let staffed = self.staffed.get_or_insert_default();
        (staffed.since, staffed.active_at) = (at, at);
        if !had_it {
            staffed.said = String::new();
        }
        // Where it is told without a name, the id stands for it.
        if !had_it || name != agent.as_str() {
            name.clone_into(&mut staffed.name);
        }
    }
}

/// Whether they are one person, as far as handles tell; one that nothing was known of may be anybody.
fn is_same(former: &Customer, now: &Customer) -> bool {
    let handle = former.handle.trim();
    handle.is_empty() || handle.to_lowercase() == now.handle.trim().to_lowercase()
}

//! The files of one room: what becomes of them as facts, and how these change the room. Pure.

use super::closing;
use super::command::Command;
use super::company::Ground;
use super::delivery::{Delivery, DeliveryWord, Prepared, Stage, Step, accepted_later, not_delivered};
use super::effect::{EffectKind, OpenEffect, Outside, SentFile};
use super::event::Fact;
use super::hand_over;
use super::ids::{AgentId, CallId, Timestamp};
use super::refusal::{Next, Refusal};
use super::settlement::{CameAbout, Settlement};
use super::state::{CallStatus, Lifecycle, Room};
use super::window;

/// Code of a "not now": whoever asks, asks again.
pub const HUMAN_TYPING: &str = "human_typing";
/// So long a file that did not arrive is told to the model: 24 hours.
const NOTICED_MS: i64 = 24 * 3_600_000;

/// That a file got so far, if that is news. What comes late moves nothing back.
pub fn prepared(room: &Room, word: &Prepared) -> Vec<Fact> {
    let is_open = |effect: &&OpenEffect| !effect.stranded && effect.retries == word.attempt;
    let Some(effect) = room.effect(&word.call_id).filter(is_open) else { return vec![] };
    let mut deliveries = room.outside.iter().flat_map(|outside| &outside.deliveries).rev();
    let moves = deliveries.find(|one| one.call_id == word.call_id).is_some_and(|one| word.stage > one.reached);
    let new_file = word.file.as_ref().filter(|_| effect.plan.file.is_none());
    if word.stage > Stage::Uploaded || (!moves && new_file.is_none()) {
        return vec![];
    }
    vec![Fact::AttachmentPrepared(Prepared { file: new_file.cloned(), ..word.clone() })]
}

/// That a file's message leaves now, or why it must not: the last look before what cannot be called back. Whether control moved
/// is looked at again by the mark itself (`EffectPlan::fenced`).
pub fn submitted(
    room: &Room,
    call_id: &CallId,
    (attempt, hands_to): (u32, Option<&AgentId>),
    ground: &Ground<'_>,
) -> Result<Vec<Fact>, Refusal> {
    let is_open = |effect: &&OpenEffect| !effect.stranded && effect.retries == attempt;
    let Some(effect) = room.effect(call_id).filter(is_open) else {
        return Err(Refusal::new("call_ended", Next::DoNotRetry, "This call has ended. Nothing was sent."));
    };
    if effect.plan.kind == EffectKind::Resolution {
        return closing::may_go_on(room, effect, ground).map(|()| vec![]);
    }
    if effect.plan.kind == EffectKind::Assignment {
        return hand_over::begun(room, effect, hands_to);
    }
    if matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        let message = "The conversation was resolved meanwhile, so nothing was sent. It opens again when the customer writes.";
        return Err(Refusal::new("room_resolved", Next::DoNotRetry, message));
    }
    if let Some(refusal) = window::closed(room, ground) {
        return Err(refusal);
    }
    // Archiving is how a wrong price list is taken back at once, also from those that wait for their turn.
    if effect.plan.attachment().is_some_and(|key| ground.company.withdrawn.contains(key)) {
        let message =
            "A colleague withdrew this file meanwhile, so it was not sent. Do not send it again; use another one, or none.";
        return Err(Refusal::new("unknown_attachment", Next::DoNotRetry, message));
    }
    if effect.plan.fenced && room.typing_until.is_some_and(|until| until > ground.now) {
        return Err(Refusal::new(HUMAN_TYPING, Next::RetryLater, "A human agent is writing to the customer just now."));
    }
    let deliveries = room.outside.iter().flat_map(|outside| &outside.deliveries);
    let begun = deliveries.filter(|one| one.call_id == *call_id).any(|one| one.reached >= Stage::Submitting);
    Ok(if begun { vec![] } else { vec![Fact::AttachmentSubmitting { call_id: call_id.clone(), attempt }] })
}

/// What the channel said, as facts; none, if it is not news or not ours.
pub fn heard(room: &Room, word: &DeliveryWord, ground: &Ground<'_>) -> Vec<Fact> {
    let Some(outside) = &room.outside else { return vec![] };
    let Some(delivery) = outside.deliveries.iter().rev().find(|one| one.is_meant(word, ground.company.no)) else {
        if let Some(older) = forgotten(outside, word, ground) {
            return vec![Fact::DeliveryMoved { call_id: Some(older.call_id.clone()), word: word.clone() }];
        }
        // It may be of a message whose answer is still on its way.
        let awaited = word.effect.is_none() && outside.is_under_way(EffectKind::Attachment);
        let word = DeliveryWord { older: None, ..word.clone() };
        let new = !outside.early.contains(&word);
        return if awaited && new { vec![Fact::DeliveryMoved { call_id: None, word }] } else { vec![] };
    };
    if !delivery.moves(&word.step) {
        return vec![];
    }
    let call_id = delivery.call_id.clone();
    let sent = room.effect(&call_id).filter(|effect| effect.stranded).and_then(|effect| sent(effect, delivery, word, ground));
    let word = DeliveryWord { older: None, ..word.clone() };
    sent.into_iter().chain([Fact::DeliveryMoved { call_id: Some(call_id), word }]).collect()
}

/// What the channel gave up of which the room knows nothing more; that others went on in their lives is not worth a place of newer
/// ones.
fn forgotten<'a>(outside: &Outside, word: &'a DeliveryWord, ground: &Ground<'_>) -> Option<&'a Delivery> {
    let older = word.older.as_deref().filter(|older| older.is_meant(word, ground.company.no))?;
    let known = outside.deliveries.iter().any(|one| one.call_id == older.call_id);
    (!known && matches!(word.step, Step::Failed(_))).then_some(older)
}

/// That the file of a call that was given up is there after all; of one that was never fetched the room does not know what it is.
fn sent(effect: &OpenEffect, delivery: &Delivery, word: &DeliveryWord, ground: &Ground<'_>) -> Option<Fact> {
    let file = effect.plan.file.clone().filter(|_| !matches!(word.step, Step::Failed(_)))?;
    let result = accepted_later(delivery, Some(&file), ground.now).0.as_str().into();
    let (call_id, message_id) = (effect.call_id.clone(), Some(word.message_id.clone()));
    Some(Fact::AttachmentSent { call_id, file, caption: None, message_id, result })
}

/// The end of a call whose outcome nobody knew, now that the channel speaks of it; `None`: it speaks of none such.
pub fn late<'a>(room: &'a Room, word: &DeliveryWord, ground: &Ground<'_>) -> Option<(&'a OpenEffect, Settlement)> {
    let deliveries = &room.outside.as_ref()?.deliveries;
    let delivery = deliveries.iter().rev().find(|one| one.is_meant(word, ground.company.no))?;
    let effect = room.effect(&delivery.call_id).filter(|effect| effect.stranded && delivery.moves(&word.step))?;
    let settlement = match &word.step {
        Step::Failed(failure) => Settlement::error(CallStatus::Failed, &not_delivered(failure)),
        _ => Settlement::succeeded(&accepted_later(delivery, effect.plan.file.as_deref(), ground.now), None),
    };
    Some((effect, settlement))
}

/// The lane gave up to know what the room has heard meanwhile: its word with that knowledge in it.
pub fn known_better(room: &Room, command: &Command, ground: &Ground<'_>) -> Option<Command> {
    let Command::EffectSettled { call_id, attempt, settlement } = command else { return None };
    let effect = room.effect(call_id).filter(|_| settlement.status == CallStatus::Unresolved)?;
    let deliveries = &room.outside.as_ref()?.deliveries;
    let is_there = |one: &&Delivery| one.call_id == *call_id && one.reached >= Stage::Accepted;
    let delivery = deliveries.iter().rev().find(is_there)?;
    if let Some(failure) = delivery.failed.as_ref().filter(|_| delivery.reached == Stage::Accepted) {
        let settlement = Settlement::error(CallStatus::Failed, &not_delivered(failure));
        return Some(Command::EffectSettled { call_id: call_id.clone(), attempt: *attempt, settlement });
    }
    let file = effect.plan.file.clone();
    let result = accepted_later(delivery, file.as_deref(), ground.now);
    let (message_id, told) = (delivery.message_id.clone(), result.0.as_str().into());
    let settlement = match file {
        Some(file) => Settlement::done(&result, CameAbout::Sent { file, caption: None, message_id, result: told }),
        None => Settlement::succeeded(&result, None),
    };
    Some(Command::EffectSettled { call_id: call_id.clone(), attempt: *attempt, settlement })
}

/// What the model has to know on its next turn: files that did not arrive and were not sent again since.
pub fn notices(room: &Room) -> Vec<String> {
    let Some(outside) = &room.outside else { return vec![] };
    let lately = |delivery: &&Delivery| room.last_event_at.ms_since(delivery.at) < NOTICED_MS;
    let is_last =
        |at: usize, one: &Delivery| !outside.deliveries[at + 1..].iter().any(|later| later.attachment == one.attachment);
    let last = outside.deliveries.iter().enumerate().filter(|(at, one)| is_last(*at, one)).map(|(_, one)| one);
    last.filter(lately).filter_map(Delivery::notice).collect()
}

impl Room {
    fn delivery(&mut self, call_id: &CallId) -> Option<&mut Delivery> {
        self.outside.as_mut()?.deliveries.iter_mut().rev().find(|delivery| delivery.call_id == *call_id)
    }

    pub(super) fn delivery_begins(&mut self, delivery: Delivery) {
        let deliveries = &mut self.outside.get_or_insert_default().deliveries;
        let now = delivery.at;
        deliveries.push(delivery);
        make_room(deliveries, now);
    }

    /// The channel speaks of one that was forgotten: it is older than all that are known.
    fn delivery_is_recalled(&mut self, older: &Delivery, at: Timestamp) {
        let deliveries = &mut self.outside.get_or_insert_default().deliveries;
        deliveries.insert(0, Delivery { at, ..older.clone() });
    }

    /// Another try has a life of its own.
    pub(super) fn delivery_begins_again(&mut self, call_id: &CallId, at: Timestamp) {
        let lies_here = self.effect(call_id).is_some_and(|effect| effect.plan.file.is_some());
        let reached = if lies_here { Stage::Scanned } else { Stage::Resolved };
        if let Some(delivery) = self.delivery(call_id) {
            delivery.attempt += 1;
            (delivery.reached, delivery.failed, delivery.message_id, delivery.at) = (reached, None, None, at);
        }
    }

    pub(super) fn delivery_is_prepared(&mut self, word: &Prepared, at: Timestamp) {
        if let Some(file) = &word.file {
            self.effects_of(&word.call_id).for_each(|effect| effect.plan.file = Some(file.clone()));
        }
        if let Some(delivery) = self.delivery(&word.call_id).filter(|delivery| delivery.attempt == word.attempt) {
            (delivery.reached, delivery.at) = (delivery.reached.max(word.stage), at);
            if let Some(file) = &word.file {
                delivery.filename.clone_from(&file.filename);
            }
        }
    }

    pub(super) fn delivery_submits(&mut self, call_id: &CallId, attempt: u32, at: Timestamp) {
        // Asked for before such files were followed.
        if self.delivery(call_id).is_none()
            && let Some(delivery) = self.effect(call_id).and_then(|effect| Delivery::asked(call_id, &effect.plan, at))
        {
            self.delivery_begins(Delivery { attempt, ..delivery });
        }
        if let Some(delivery) = self.delivery(call_id).filter(|delivery| delivery.attempt == attempt) {
            (delivery.reached, delivery.at) = (delivery.reached.max(Stage::Submitting), at);
        }
    }

    /// In a room that lives here that is the first that is known of it.
    pub(super) fn delivery_is_accepted(&mut self, call_id: &CallId, file: &SentFile, message_id: Option<&str>, at: Timestamp) {
        if self.delivery(call_id).is_none() {
            let attempt = self.effect(call_id).map_or(0, |effect| effect.retries);
            self.delivery_begins(Delivery { attempt, ..Delivery::of(call_id, file, Stage::Scanned, at) });
        }
        let Some(outside) = &mut self.outside else { return };
        let said = outside.early.extract_if(.., |word| Some(word.message_id.as_str()) == message_id);
        let said: Vec<DeliveryWord> = said.collect();
        let Some(delivery) = self.delivery(call_id) else { return };
        (delivery.reached, delivery.at) = (delivery.reached.max(Stage::Accepted), at);
        delivery.filename.clone_from(&file.filename);
        delivery.message_id = message_id.map(str::to_owned).or(delivery.message_id.take());
        said.iter().for_each(|word| delivery.hear(&word.step));
    }

    pub(super) fn delivery_moves(&mut self, call_id: Option<&CallId>, word: &DeliveryWord, at: Timestamp) {
        let Some(call_id) = call_id else {
            let early = &mut self.outside.get_or_insert_default().early;
            early.push(word.clone());
            let surplus = early.len().saturating_sub(Delivery::MOST);
            early.drain(..surplus);
            return;
        };
        if let Some(older) = word.older.as_ref().filter(|_| self.delivery(call_id).is_none()) {
            self.delivery_is_recalled(older, at);
        }
        if let Some(delivery) = self.delivery(call_id).filter(|delivery| delivery.takes(word)) {
            delivery.hear(&word.step);
            delivery.message_id.get_or_insert_with(|| word.message_id.clone());
            delivery.at = at;
        }
        if let Some(outside) = &mut self.outside {
            make_room(&mut outside.deliveries, at);
        }
    }

    /// Its call ended: what never left is no delivery any more.
    pub(super) fn delivery_ends(&mut self, call_id: &CallId) {
        if let Some(outside) = &mut self.outside {
            outside.deliveries.retain(|delivery| delivery.call_id != *call_id || delivery.reached >= Stage::Accepted);
        }
    }
}

/// The oldest go first; what failed lately stays as long as there is any other, because the model is yet to be told.
fn make_room(deliveries: &mut Vec<Delivery>, now: Timestamp) {
    while deliveries.len() > Delivery::MOST {
        let goes = deliveries.iter().position(|one| one.failed.is_none() || now.ms_since(one.at) >= NOTICED_MS);
        deliveries.remove(goes.unwrap_or_default());
    }
}

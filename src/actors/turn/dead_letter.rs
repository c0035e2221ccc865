//! What a person's decision about a dead letter does to its call: it is parked again, or it ends, and then the outbox is told
//! in the same commit, so that nothing waits on a part that was decided.

use crate::room::command::Command;
use crate::room::{By, CallKey, Cause, DeadLetter, Fact, deliveries};

use super::super::ports::{DecidedEffect, StoredAnswer};
use super::super::stored::{answer_of, code_of, parked};
use super::Turn;

/// The part that a file's message is, as every channel calls it: what its channel says of it belongs to no other.
const THE_FILE: &str = "file";

impl Turn<'_> {
    /// A dead letter's call goes on, or ends. To be called before the command's own facts are recorded, for what the letter was.
    pub(super) fn dead_letter(&self, command: &Command) -> Option<Decided> {
        match command {
            Command::RetryEffect { call_id, .. } => {
                let letter = self.room.dead_letter(call_id).ok()?;
                let key = CallKey::of(self.address.company, call_id);
                Some(Decided { key, answer: parked(letter.waits_for()), end: None, effect: None })
            }
            Command::SettleEffect { call_id, succeeded, record, reason } => {
                let letter = self.room.dead_letter(call_id).ok()?;
                let key = CallKey::of(self.address.company, call_id);
                let settlement = letter.settled(*succeeded, record.as_deref(), reason);
                let answer = answer_of(&settlement);
                let (call_id, name) = (call_id.clone(), letter.name().to_owned());
                let end = Fact::CallAnswered { call_id, name, status: answer.status, code: code_of(&answer) };
                let effect = match letter {
                    DeadLetter::Effect(effect) => Some(DecidedEffect {
                        key,
                        part: effect.plan.kind.as_str(),
                        record: record.clone(),
                        settlement,
                        at: self.ground.now,
                    }),
                    DeadLetter::Poisoned(_) => None,
                };
                Some(Decided { key, answer, end: Some(end), effect })
            }
            Command::DeliveryTold(word) => {
                let (effect, settlement) = deliveries::late(&self.room, word, &self.ground)?;
                let (call_id, name, answer) = (effect.call_id.clone(), effect.name.clone(), answer_of(&settlement));
                let key = CallKey::of(self.address.company, &call_id);
                let end = Fact::CallAnswered { call_id, name, status: answer.status, code: code_of(&answer) };
                let (part, record, at) = (THE_FILE, Some(word.message_id.clone()), self.ground.now);
                let effect = Some(DecidedEffect { key, part, record, settlement, at });
                Some(Decided { key, answer, end: Some(end), effect })
            }
            _ => None,
        }
    }

    pub(super) fn decided(&mut self, decided: Decided, by: &By, cause: &Cause) {
        let Decided { key, answer, end, effect } = decided;
        if let Some(end) = end {
            self.record(end, by, cause);
        }
        self.decided_effects.extend(effect);
        self.finish(key, answer);
    }
}

/// A decision that holds.
pub(super) struct Decided {
    key: CallKey,
    answer: StoredAnswer,
    /// `None`: it is tried again.
    end: Option<Fact>,
    /// What the outbox is told.
    effect: Option<DecidedEffect>,
}

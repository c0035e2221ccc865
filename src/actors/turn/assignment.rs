//! Calls that wait for somebody to be found, by the roster or in the channel, and what they are answered when a later assignment
//! overtakes them, when they keep their place in a queue, or when the one they repeat ends without anybody.

use crate::catalog::assign_agent;
use crate::room::command::Command;
use crate::room::{CallStatus, EffectKind, ParkedCall, ParkedOn, Timestamp};

use super::super::ports::StoredAnswer;
use super::super::stored::{refused, succeeded};
use super::Turn;

/// What a call is answered that asked for the very assignment that ended with `answer`, unless somebody was found.
pub(super) fn repeated(answer: &StoredAnswer) -> StoredAnswer {
    match answer.status {
        // People look after the first one; of a second they would know nothing.
        CallStatus::Unresolved | CallStatus::Dead => refused(&assign_agent::left_to_people()),
        _ => answer.clone(),
    }
}

impl Turn<'_> {
    /// Those that wait for the assignment which this command says did not come about. To be called before its facts are recorded.
    pub(super) fn repeats(&self, command: &Command) -> Vec<ParkedCall> {
        let Command::EffectSettled { call_id, settlement, .. } = command else { return vec![] };
        let asked = self.room.effect(call_id).filter(|effect| effect.plan.kind == EffectKind::Assignment && !effect.stranded);
        let same = asked.is_some_and(|effect| effect.is_for(self.room.assignment));
        if same && settlement.status != CallStatus::Succeeded { self.waiting_for_offer() } else { vec![] }
    }

    /// A new assignment: those that still wait for the roster are answered now.
    pub(super) fn overtake_assignments(&mut self) {
        for parked in self.waiting_for_offer() {
            self.end(&parked, refused(&assign_agent::superseded()), None);
        }
    }

    pub(super) fn tell_position(&mut self, assignment: u64, position: Option<u64>, opens_at: Option<Timestamp>) {
        if self.room.wanted().is_none_or(|wanted| wanted.assignment != assignment) {
            return;
        }
        for parked in self.waiting_for_offer() {
            let answer = succeeded(&assign_agent::queued(position, opens_at, &self.room, &self.ground));
            self.end(&parked, answer, None);
        }
    }

    fn waiting_for_offer(&self) -> Vec<ParkedCall> {
        self.room.parked.iter().filter(|parked| parked.on == ParkedOn::Offer).cloned().collect()
    }
}

//! The barrier of a resolve: it is decided after the other calls of its request and waits for those that move the conversation
//! or reach the customer, at most ten seconds. It parks the call, never the room.

use crate::catalog::{Admitted, Request, fence, resolve_conversation};
use crate::room::{
    Barrier, CallId, CallStatus, CameAbout, ClosingOutcome, Control, Decision, EffectKind, Fact, FunctionCall, Lifecycle,
    ParkedCall, ParkedOn, Room, Settlement, Stood,
};

use super::super::ports::StoredAnswer;
use super::super::stored::{answer_of, succeeded};
use super::Turn;

/// So long a resolve waits for the other calls of its request.
pub const BARRIER_MS: i64 = 10_000;

/// Whether this call is decided after the others of its request.
pub fn is_resolve(admitted: &Admitted) -> bool {
    matches!(admitted.request, Request::ResolveConversation(_))
}

/// Whether a resolve of the same request waits for this call.
pub(super) fn is_waited_for(name: &str) -> bool {
    matches!(name, "assign_agent" | "send_attachment")
}

impl Turn<'_> {
    /// The decision of a resolve, given what its own request is still doing. It waits once.
    pub(super) fn at_barrier(&self, call: &FunctionCall, decision: Decision) -> Decision {
        let assigns = |id: &CallId| self.room.parked.iter().any(|parked| parked.call_id == *id && hands_over(&self.room, parked));
        let resolves = match &decision {
            Decision::Done { facts, .. } => !facts.is_empty(),
            Decision::Parked { on, .. } => *on == ParkedOn::Effect,
            // Whether its own request really hands over is what it waits for. Of two resolves one waits: a second barrier would
            // take the place of the first, and each let the other go.
            Decision::Refused(_) => self.room.barrier.is_none() && self.request.waited_for.iter().any(assigns),
        };
        let waits_for: Vec<CallId> = self.request.waited_for.iter().filter(|id| is_under_way(&self.room, id)).cloned().collect();
        if !resolves || waits_for.is_empty() || raised(&self.room, &call.call_id).is_some() {
            return decision;
        }
        let until = self.ground.now.plus_ms(BARRIER_MS);
        let raised = Fact::BarrierRaised { call_id: call.call_id.clone(), waits_for, until };
        Decision::Parked { facts: vec![raised], on: ParkedOn::Barrier }
    }

    /// The answer of a resolve whose effect ended so, where the room knows better: it moved on meanwhile, or somebody else
    /// resolved it. To be asked after what came about is recorded.
    pub(super) fn ended_otherwise(&self, call_id: &CallId, settlement: &Settlement) -> Option<StoredAnswer> {
        self.room.effect(call_id).filter(|effect| effect.plan.kind == EffectKind::Resolution)?;
        let by_others = resolve_conversation::resolved_by_others(&self.room);
        match (&settlement.came_about, by_others) {
            (Some(CameAbout::Resolved { closing, .. }), None) => {
                let told = Settlement::error(CallStatus::Refused, &resolve_conversation::overtaken(&self.room));
                let said = closing.as_ref().is_some_and(|outcome| !matches!(outcome, ClosingOutcome::NotSent { .. }));
                Some(answer_of(&if said { told.after_its_closing_message() } else { told }))
            }
            (None, Some(resolved)) if settlement.status == CallStatus::Refused => Some(succeeded(&resolved)),
            _ => None,
        }
    }
}

/// It has neither ended nor become doubtful: what may never be known holds nobody up.
fn is_under_way(room: &Room, call_id: &CallId) -> bool {
    let doubtful = room.effect(call_id).is_some_and(|effect| effect.doubtful);
    !doubtful && room.parked.iter().any(|parked| parked.call_id == *call_id && parked.on != ParkedOn::Approval)
}

/// A call that has asked for a person, and nobody has the conversation yet.
fn hands_over(room: &Room, parked: &ParkedCall) -> bool {
    let effect = || room.effect(&parked.call_id).is_some_and(|effect| effect.plan.kind == EffectKind::Assignment);
    matches!(room.control, Control::Queue(_)) && (parked.on == ParkedOn::Offer || (parked.on == ParkedOn::Effect && effect()))
}

fn raised<'a>(room: &'a Room, call_id: &CallId) -> Option<&'a Barrier> {
    room.barrier.as_deref().filter(|barrier| barrier.call_id == *call_id)
}

/// How the conversation stood when this resolve came, if it could not be decided then.
fn stood(room: &Room, call: &FunctionCall) -> Option<Stood> {
    room.parked.iter().find(|parked| parked.call_id == call.call_id)?.stood
}

/// Whether the resolve at the barrier may go on.
pub(super) fn is_open(room: &Room, call_id: &CallId) -> bool {
    raised(room, call_id).is_none_or(|barrier| barrier.lifted || !barrier.waits_for.iter().any(|other| is_under_way(room, other)))
}

/// What became of the room while the resolve waited: its own request may have handed it to a person or their queue, and the
/// customer may have written.
pub(super) fn passed(room: &Room, call: &FunctionCall) -> Result<FunctionCall, Decision> {
    let raised = raised(room, &call.call_id);
    let handed_over = matches!(room.control, Control::Person { .. } | Control::Queue(_));
    if raised.is_some() && handed_over && !matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        return Err(Decision::Refused(fence::human_in_control()));
    }
    let at_barrier = |barrier: &Barrier| Stood { last_inbound_seq: barrier.last_inbound_seq, epoch: barrier.epoch };
    let stood = stood(room, call).or_else(|| raised.map(at_barrier));
    let mut call = call.clone();
    // A person who has it decided sees for themselves.
    if let Some(stood) = stood.filter(|_| raised.is_some() || call.ai_agent.is_some()) {
        call.seen.seq = call.seen.seq.or(Some(stood.last_inbound_seq));
        call.seen.epoch = call.seen.epoch.or(Some(stood.epoch));
    }
    Ok(call)
}

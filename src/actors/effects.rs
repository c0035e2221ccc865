//! A room and its lane: which effects are handed over, and when the lane may forget one.
//! **Invariant:** an effect is handed over only when the commit that asked for it is durable.

use std::sync::Arc;

use crate::room::{CallKey, Command, Fact, OpenEffect, Room, RoomEvent};

use super::outside::EffectJob;
use super::room_actor::{Memory, RoomActor, Work};

impl RoomActor {
    /// What this commit asked for goes to its lane; to a lane that is new goes all that is open, or it would overtake.
    pub(super) fn hand_over_new(&self, events: &[RoomEvent]) {
        let Memory::Loaded { room, .. } = &self.memory else { return };
        let asked = events.iter().filter_map(|event| match &event.fact {
            Fact::EffectRequested { call_id, .. } => room.effect(call_id),
            _ => None,
        });
        let jobs: Vec<EffectJob> = asked.filter_map(|effect| self.job(room, effect)).collect();
        if jobs.is_empty() {
            return;
        }
        let known_to = Some(self.handed_to.get());
        if self.inner.crms.carry(&self.inner, self.address.company, jobs, known_to).is_none() {
            self.hand_over_open();
        }
    }

    /// A room that wakes does not know what its lane knows: everything open is handed over again, in order.
    pub(super) fn hand_over_open(&self) {
        let Memory::Loaded { room, .. } = &self.memory else { return };
        let open = room.outside.iter().flat_map(|outside| &outside.effects).filter(|effect| !effect.stranded);
        let jobs: Vec<EffectJob> = open.filter_map(|effect| self.job(room, effect)).collect();
        if !jobs.is_empty() {
            let to = self.inner.crms.carry(&self.inner, self.address.company, jobs, None);
            self.handed_to.set(to.unwrap_or_default());
        }
    }

    fn job(&self, room: &Room, effect: &OpenEffect) -> Option<EffectJob> {
        let key = CallKey::of(self.address.company, &effect.call_id);
        let Some(admitted) = self.open.get(&key) else {
            tracing::error!(call_id = %effect.call_id, "an effect's call is not open");
            return None;
        };
        Some(EffectJob {
            key,
            address: self.address.clone(),
            call: admitted.call.clone(),
            request: admitted.request.clone(),
            customer: room.customer.clone(),
            channel: Arc::from(room.channel.as_str()),
            plan: effect.plan.clone(),
            episode: effect.episode,
            epoch: effect.epoch,
            since: effect.since,
            retries: effect.retries,
        })
    }

    /// The room knows the effect's end, whether it just wrote it down or had done so before. One that is nudged may be awake
    /// while its lane is gone: what is open is handed over again, which a lane that knows it takes for nothing new.
    pub(super) fn answer_lane(&self, work: &Work) {
        let Work::Command(tell) = work else { return };
        match &*tell.command {
            Command::EffectSettled { call_id, .. } => {
                self.inner.crms.applied(&self.inner, &self.address, CallKey::of(self.address.company, call_id));
            }
            Command::Nudge => self.hand_over_open(),
            _ => {}
        }
    }
}

//! A room and its lane: which effects are handed over, and when the lane may forget one.
//! **Invariant:** an effect is handed over only when the commit that asked for it is durable.

use std::sync::Arc;

use crate::room::{CallKey, Command, Fact, OpenEffect, Room, RoomEvent};

use super::outside::EffectJob;
use super::room_actor::{Memory, RoomActor, Work};

impl RoomActor {
    /// What this commit asked for goes to its lane.
    pub(super) fn hand_over_new(&self, events: &[RoomEvent]) {
        let Memory::Loaded { room, .. } = &self.memory else { return };
        for event in events {
            if let Fact::EffectRequested { call_id, .. } = &event.fact
                && let Some(effect) = room.effect(call_id)
            {
                self.hand_over(room, effect);
            }
        }
    }

    /// A room that wakes does not know what its lane knows: everything open is handed over again, in order.
    pub(super) fn hand_over_open(&self) {
        let Memory::Loaded { room, .. } = &self.memory else { return };
        let open = room.outside.iter().flat_map(|outside| &outside.effects).filter(|effect| !effect.stranded);
        open.for_each(|effect| self.hand_over(room, effect));
    }

    fn hand_over(&self, room: &Room, effect: &OpenEffect) {
        let key = CallKey::of(self.address.company, &effect.call_id);
        let Some(admitted) = self.open.get(&key) else {
            tracing::error!(call_id = %effect.call_id, "an effect's call is not open");
            return;
        };
        let job = EffectJob {
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
        };
        self.inner.crms.carry(&self.inner, job);
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

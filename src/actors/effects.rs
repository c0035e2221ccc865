//! A room and its lane: which effects are handed over, and when the lane may forget one.
//! **Invariant:** an effect is handed over only when the commit that asked for it is durable.

use std::cell::Cell;
use std::sync::Arc;

use crate::room::{CallKey, Command, Customer, Fact, OpenEffect, ParkedOn, Room, RoomEvent, Side};

use super::outside::EffectJob;
use super::room_actor::{Memory, RoomActor, Work};

/// Every side there is.
const SIDES: [Side; 2] = [Side::Crm, Side::Channel];

impl RoomActor {
    /// What this commit asked for goes to its lanes; to a lane that is new goes all that is open, or it would overtake.
    pub(super) fn hand_over_new(&self, events: &[RoomEvent]) {
        let Memory::Loaded { room, .. } = &self.memory else { return };
        if !events.iter().any(|event| matches!(event.fact, Fact::EffectRequested { .. })) {
            return;
        }
        for side in SIDES {
            let asked = events.iter().filter_map(|event| match &event.fact {
                Fact::EffectRequested { call_id, plan, .. } if plan.kind.side() == side => room.effect(call_id),
                _ => None,
            });
            let jobs: Vec<EffectJob> = asked.filter_map(|effect| self.job(room, effect)).collect();
            let known_to = Some(self.known_to(side).get());
            let to = (self.address.company, side);
            if !jobs.is_empty() && self.inner.lanes.carry(&self.inner, to, jobs, known_to).is_none() {
                self.hand_over_open_to(room, side);
            }
        }
    }

    /// A room that wakes does not know what its lanes know: everything open is handed over again, in order.
    pub(super) fn hand_over_open(&self) {
        let Memory::Loaded { room, .. } = &self.memory else { return };
        if room.outside.is_some() {
            SIDES.into_iter().for_each(|side| self.hand_over_open_to(room, side));
        }
    }

    fn hand_over_open_to(&self, room: &Room, side: Side) {
        let open = room.outside.iter().flat_map(|outside| &outside.effects);
        let open = open.filter(|effect| !effect.stranded && effect.plan.kind.side() == side);
        let jobs: Vec<EffectJob> = open.filter_map(|effect| self.job(room, effect)).collect();
        if !jobs.is_empty() {
            let to = self.inner.lanes.carry(&self.inner, (self.address.company, side), jobs, None);
            self.known_to(side).set(to.unwrap_or_default());
        }
    }

    fn known_to(&self, side: Side) -> &Cell<u64> {
        match side {
            Side::Crm => &self.handed_to[0],
            Side::Channel => &self.handed_to[1],
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
            customer: effect.customer.as_ref().map_or_else(|| room.customer.clone(), |former| Arc::new(Customer::clone(former))),
            channel: Arc::from(room.channel.as_str()),
            plan: effect.plan.clone(),
            episode: effect.episode,
            epoch: effect.epoch,
            since: effect.since,
            retries: effect.retries,
            send_again: effect.send_again,
            link: None,
        })
    }

    /// What a person has tried again begins now: the call's arguments are in its row, so the room is read anew.
    pub(super) fn try_again(&mut self, events: &[RoomEvent]) {
        let again: Vec<CallKey> = events
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::EffectRetried { call_id, .. } | Fact::CallRetried { call_id, .. } => Some(call_id),
                _ => None,
            })
            .map(|call_id| CallKey::of(self.address.company, call_id))
            .collect();
        if again.is_empty() {
            return;
        }
        self.acquit(&again);
        self.forget();
        // Nobody else has to come for it.
        self.inner.insist(&self.address, "retry");
    }

    /// As `try_again`, for a room whose retry landed unheard.
    pub(super) fn retries_left(&mut self, room: &Room) {
        let left = room.parked.iter().filter(|parked| parked.on == ParkedOn::Retry);
        let left: Vec<CallKey> = left.map(|parked| CallKey::of(self.address.company, &parked.call_id)).collect();
        if !left.is_empty() {
            self.acquit(&left);
            self.inner.insist(&self.address, "retry");
        }
    }

    /// The room knows the effect's end, whether it just wrote it down or had done so before. One that is nudged may be awake
    /// while its lane is gone: what is open is handed over again, which a lane that knows it takes for nothing new.
    pub(super) fn answer_lane(&self, work: &Work) {
        let Work::Command(tell) = work else { return };
        match &*tell.command {
            Command::EffectSettled { call_id, .. } => {
                // Which of them it was is no longer in the room; one that does not know it has nothing to forget.
                let key = CallKey::of(self.address.company, call_id);
                SIDES.into_iter().for_each(|side| self.inner.lanes.applied(&self.address, side, key));
            }
            Command::Nudge => self.hand_over_open(),
            _ => {}
        }
    }
}

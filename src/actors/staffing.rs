//! What a room tells its company's roster: whom it asks for, who has it, what it no longer holds. Only what is durable is told,
//! and everything may be told twice.

use crate::room::{Command, Room};

use super::room_actor::{Memory, RoomActor, Work};
use super::roster::{Ask, Holding};

impl RoomActor {
    /// Every offer is confirmed or given back, even one that changed nothing. One of somebody whom the room may not have any
    /// more is declined: the room waits on.
    pub(super) fn answer_offer(&self, work: &Work) {
        let Memory::Loaded { room, .. } = &self.memory else { return };
        let Work::Command(tell) = work else { return };
        let (assignment, agent) = match (&*tell.command, Holding::of(room)) {
            (Command::Offer { assignment, agent, .. }, _) => (assignment, agent),
            // Whoever is woken says how it stands.
            (Command::Nudge, Some(holding)) => return self.inner.rosters.confirm(&self.inner, &self.address, holding),
            _ => return,
        };
        match Holding::of(room) {
            // Whoever has it, and not whom this offer named: it may have come after another one.
            Some(holding) if holding.assignment == *assignment => {
                self.inner.rosters.confirm(&self.inner, &self.address, holding);
            }
            _ => match self.asks(room).filter(|ask| ask.assignment == *assignment) {
                Some(ask) => self.inner.rosters.decline(&self.inner, &self.address, ask, agent.clone()),
                None => self.inner.rosters.release(&self.inner, &self.address, *assignment),
            },
        }
    }

    pub(super) fn asks(&self, room: &Room) -> Option<Ask> {
        Ask::of(&self.address.room, room)
    }

    pub(super) fn tell_roster(&self, before: &Room, ask: bool) {
        let Memory::Loaded { room: after, .. } = &self.memory else { return };
        let (held, holding) = (Holding::of(before), Holding::of(after));
        let (was, is) = (held.as_ref().map(|held| held.assignment), holding.as_ref().map(|holding| holding.assignment));
        if let (Some(asks), true) = (self.asks(after), ask || after.wanted() != before.wanted()) {
            self.inner.rosters.reserve(&self.inner, &self.address, asks);
        }
        // Also when only its weight changed.
        if let Some(holding) = holding.filter(|holding| held.as_ref() != Some(holding)) {
            self.inner.rosters.confirm(&self.inner, &self.address, holding);
        }
        if let Some(held) = was.filter(|_| was != is) {
            self.inner.rosters.release(&self.inner, &self.address, held);
        }
        if let Some(wanted) = before.wanted().filter(|wanted| {
            after.wanted().is_none_or(|now| now.assignment != wanted.assignment) && is != Some(wanted.assignment)
        }) {
            self.inner.rosters.release(&self.inner, &self.address, wanted.assignment);
        }
    }
}

//! One person of the roster and the places taken with them. A place is a room: while it moves from one assignment to another
//! of the same person it weighs once.

use std::collections::{HashMap, VecDeque};

use crate::room::{AgentId, Because, DivisionId, People, RoomId, Timestamp};

use super::{Ask, Holding, Word};

/// The burst guard counts this long back.
const BURST_MS: i64 = 60_000;

/// Whose console was silent for longer is given nothing new: a page that is loaded again, or a telephone in a pocket, is not (room-ops.md
/// 2.3).
pub(super) const PRESENCE_GRACE_MS: i64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Person {
    pub name: String,
    /// In the company's directory.
    pub known: bool,
    pub online: bool,
    /// When they came online; 0 when they were already when the roster was made.
    pub online_since: Timestamp,
    /// The last sign of their console; `None`: it gives none, and their status is all that is known.
    pub seen_at: Option<Timestamp>,
    /// Since when they are not online, as far as this roster saw.
    pub away_since: Option<Timestamp>,
    /// They were in the directory and no longer are.
    pub removed: bool,
    pub capacity: u32,
    pub divisions: Vec<DivisionId>,
    pub places: HashMap<RoomId, Place>,
    /// When they last got a room, by whomever; the smallest has waited longest.
    pub last: (Timestamp, u64),
    /// Picks of the last minute, where a company guards against bursts.
    pub picks: VecDeque<Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct Place {
    pub channel: String,
    pub snoozed: bool,
    pub since: Timestamp,
    /// Offered, the room has not said yet.
    pub offered: Option<Offered>,
    /// Held under this assignment.
    pub occupied: Option<u64>,
    /// When the room was last told that its person is gone.
    pub told_gone: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Offered {
    pub since: Timestamp,
    pub because: Because,
    pub ask: Ask,
}

impl Offered {
    pub fn word(&self, agent: &AgentId, name: &str) -> Word {
        Word::Offer {
            room: self.ask.room.clone(),
            assignment: self.ask.assignment,
            agent: agent.clone(),
            agent_name: name.to_owned(),
            because: self.because.clone(),
        }
    }
}

impl Place {
    pub fn assignments(&self) -> impl Iterator<Item = u64> {
        self.occupied.into_iter().chain(self.offered.as_ref().map(|offered| offered.ask.assignment))
    }

    pub fn occupy(&mut self, holding: &Holding) {
        if self.occupied != Some(holding.assignment) {
            (self.since, self.told_gone) = (holding.since, None);
        }
        self.occupied = Some(holding.assignment);
        self.offered.take_if(|offered| offered.ask.assignment <= holding.assignment);
        self.channel.clone_from(&holding.channel);
        self.snoozed = holding.snoozed;
    }

    /// A snoozed room weighs nothing; when it wakes, its person may for once have too much.
    fn weight(&self, policy: &People) -> u32 {
        if self.snoozed { 0 } else { policy.weight(&self.channel) }
    }
}

impl Person {
    pub fn load(&self, policy: &People) -> u32 {
        self.places.values().map(|place| place.weight(policy)).sum()
    }

    /// Without what this room weighs with them already.
    pub fn load_beside(&self, room: &RoomId, policy: &People) -> u32 {
        self.load(policy) - self.places.get(room).map_or(0, |place| place.weight(policy))
    }

    pub fn place(&mut self, room: &RoomId, channel: &str) -> &mut Place {
        let new = || Place { channel: channel.to_owned(), ..Place::default() };
        self.places.entry(room.clone()).or_insert_with(new)
    }

    /// A place that is neither held nor offered is none.
    pub fn tidy(&mut self, room: &RoomId) {
        if self.places.get(room).is_some_and(|place| place.assignments().next().is_none()) {
            self.places.remove(room);
        }
    }

    /// Online by their own word, and by their console's if that ever spoke: one that was closed says nothing.
    pub fn is_there(&self, now: Timestamp) -> bool {
        self.online && self.seen_at.is_none_or(|at| now.ms_since(at) < PRESENCE_GRACE_MS)
    }

    /// Whether one more pick stays within the guard.
    pub fn may_be_picked(&self, policy: &People, now: Timestamp) -> bool {
        let most = usize::try_from(policy.burst_per_minute).unwrap_or(usize::MAX);
        most == 0 || self.picks.iter().filter(|at| now.ms_since(**at) < BURST_MS).count() < most
    }

    /// Forgets picks the guard no longer counts.
    pub fn forget_picks(&mut self, now: Timestamp) {
        while self.picks.front().is_some_and(|at| now.ms_since(*at) >= BURST_MS) {
            self.picks.pop_front();
        }
    }
}

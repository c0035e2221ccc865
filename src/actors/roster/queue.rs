//! Rooms that wait for a person, in order of waiting time. One ask a room.

use std::collections::{BTreeMap, HashMap};

use crate::room::{RoomId, Timestamp};

use super::Ask;

#[derive(Debug, Default)]
pub(super) struct Queue {
    by_wait: BTreeMap<(Timestamp, RoomId), Ask>,
    since: HashMap<RoomId, Timestamp>,
}

impl Queue {
    /// In place of what the room asked for before. Its own waiting time counts, not when it said so: nobody is overtaken after
    /// a restart either.
    pub fn put(&mut self, ask: Ask) {
        let _ = self.take_if(&ask.room, |_| true);
        self.since.insert(ask.room.clone(), ask.since);
        self.by_wait.insert((ask.since, ask.room.clone()), ask);
    }

    pub fn get(&self, room: &RoomId) -> Option<&Ask> {
        self.by_wait.get(&(*self.since.get(room)?, room.clone()))
    }

    pub fn take_if(&mut self, room: &RoomId, wish: impl Fn(&Ask) -> bool) -> Option<Ask> {
        let key = (*self.since.get(room)?, room.clone());
        self.by_wait.get(&key).filter(|ask| wish(ask))?;
        self.since.remove(room);
        self.by_wait.remove(&key)
    }

    pub fn len(&self) -> usize {
        self.by_wait.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Ask> {
        self.by_wait.values()
    }

    /// Who waited longest comes first.
    pub fn in_order(&self) -> Vec<RoomId> {
        self.by_wait.values().map(|ask| ask.room.clone()).collect()
    }

    /// 1 is next, among those who wait for the same target.
    pub fn position(&self, ask: &Ask) -> u64 {
        let ahead = self.by_wait.range(..(ask.since, ask.room.clone())).filter(|(_, other)| other.target == ask.target);
        u64::try_from(ahead.count()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

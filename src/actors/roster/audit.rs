//! The roster against the store: who holds what. They may differ for as long as a word is under way, so a difference counts
//! only when two audits in a row see the very same one; then the store is right.

use std::collections::HashSet;

use crate::room::{AgentId, RoomId};

use super::Roster;

/// A room held, and by whom.
pub type Held = (RoomId, AgentId);

/// What an audit found, and put right where it can.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub wrong: usize,
    /// Rooms that must say again who has them: the roster did not know.
    pub unheard: Vec<RoomId>,
}

impl Roster {
    pub fn audit(&mut self, stored: &HashSet<Held>) -> Audit {
        let places = self.people.iter().flat_map(|(id, person)| {
            let held = person.places.iter().filter(|(_, place)| place.occupied.is_some());
            held.map(|(room, _)| (room.clone(), id.clone()))
        });
        let known: HashSet<Held> = places.collect();
        let differences: HashSet<Held> = known.symmetric_difference(stored).cloned().collect();
        let mut audit = Audit::default();
        for held in differences.intersection(&self.suspects) {
            audit.wrong += 1;
            let (room, agent) = held;
            match self.people.get_mut(agent).filter(|_| known.contains(held)) {
                Some(person) => {
                    if let Some(place) = person.places.get_mut(room) {
                        place.occupied = None;
                    }
                    person.tidy(room);
                }
                None => audit.unheard.push(room.clone()),
            }
        }
        self.suspects = differences;
        audit
    }
}

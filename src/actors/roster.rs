//! Who holds which rooms and who waits for a person, as a plain value: no actor, no clock. Load is the set of rooms held,
//! never a counter. Not stored: made again from the rooms themselves, and the room is right whenever the two differ.
//!
//! A room asks (`reserve`), is offered a person, commits, and says so (`confirm`), or says that it does not want them any more
//! (`release`), or that it may not have them any more and asks on (`decline`). What may be lost on the way, and why no place is given twice:
//!
//! | Lost | Then |
//! |---|---|
//! | the process, after an offer | the offer was in memory like the room's mailbox; the room is in the queue and asks anew |
//! | the process, after the room's commit | the store says who holds it |
//! | the process, after a resolve's commit | the store does not name the room, so nobody holds a place for it |
//! | a room's answer to an offer | the offer is made again; a place is never freed on silence |
//! | this value alone (its actor died) | its offers may still lie in mailboxes and be committed later, so the actor keeps them outside of itself and the next roster begins with them (`recall_offer`): waiting for an offer's lifetime would only make it unlikely |
//!
//! Two offers for one assignment cannot both be taken: the room takes one only while it wants that very number.
//!
//! **Invariant:** a pick never brings anybody's load above their capacity (people may take more by themselves), and among
//! rooms that wait for the same target none is served before one that has waited longer.

mod ask;
mod audit;
mod person;
mod pick;
mod presence;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use crate::room::{AgentId, AssignTarget, Because, Division, DivisionId, People, Room, RoomId, Timestamp};

pub use ask::{Ask, Holding};
use person::{Offered, Person};
use queue::Queue;

/// What a room is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    Offer {
        room: RoomId,
        assignment: u64,
        agent: AgentId,
        agent_name: String,
        because: Because,
    },
    QueuedAt {
        room: RoomId,
        assignment: u64,
        position: u64,
        opens_at: Option<Timestamp>,
    },
    /// Whoever has it, or is waited for, is gone.
    Requeue {
        room: RoomId,
        agent: AgentId,
        why: &'static str,
    },
}

/// How one person stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the rooms held and offered weigh together.
    pub load: u32,
    /// Rooms held, in order of their ids.
    pub rooms: Vec<RoomId>,
}

/// One company's people and their rooms.
#[derive(Debug, Default)]
pub struct Roster {
    people: HashMap<AgentId, Person>,
    queue: Queue,
    policy: People,
    divisions: Vec<Division>,
    /// Nobody but the directory knows this company's people.
    embedded: bool,
    /// The directory was read once.
    staffed: bool,
    /// Tells two assignments of one moment apart.
    stamps: u64,
    suspects: HashSet<audit::Held>,
}

/// An offer that was not answered for so long is made again; it is never freed on silence alone.
pub const OFFER_REPEAT_MS: i64 = 5_000;

impl Roster {
    /// A room as the store has it, while the roster is made again.
    pub fn recall(&mut self, id: &RoomId, room: &Room) {
        if let Some(holding) = Holding::of(room) {
            let person = self.people.entry(holding.agent.clone()).or_default();
            person.last = person.last.max((holding.since, 0));
            person.place(id, &holding.channel).occupy(&holding);
        }
        if let Some(ask) = Ask::of(id, room) {
            self.queue.put(ask);
        }
    }

    /// An offer that the roster before this one made and that nobody answered: if the room still wants it, it stands.
    pub fn recall_offer(&mut self, room: &RoomId, agent: &AgentId, assignment: u64, because: Because, now: Timestamp) {
        let Some(ask) = self.queue.take_if(room, |ask| ask.assignment == assignment) else { return };
        self.stamps += 1;
        let person = self.people.entry(agent.clone()).or_default();
        person.last = (now, self.stamps);
        // It is made again at the next opportunity.
        let offered = Offered { since: Timestamp(0), because, ask: ask.clone() };
        person.place(room, &ask.channel).offered = Some(offered);
    }

    /// A room asks for a person. Asking again changes nothing and is answered again.
    pub fn reserve(&mut self, ask: Ask, now: Timestamp) -> Vec<Word> {
        for (id, person) in &mut self.people {
            let Some(place) = person.places.get_mut(&ask.room) else { continue };
            if place.assignments().any(|known| known > ask.assignment) {
                return vec![];
            }
            if let Some(offered) = place.offered.as_ref().filter(|offered| offered.ask.assignment == ask.assignment) {
                return vec![offered.word(id, &person.name)];
            }
            // The room is right: what it asks for it does not have.
            place.occupied.take_if(|assignment| *assignment == ask.assignment);
            place.offered = None;
            person.tidy(&ask.room);
        }
        if self.queue.get(&ask.room).is_some_and(|waiting| waiting.assignment > ask.assignment) {
            return vec![];
        }
        let room = ask.room.clone();
        self.queue.put(ask);
        let mut words = self.drain(now);
        words.extend(self.told_place(&room, now));
        words
    }

    /// The room committed the assignment, or somebody took it, or its weight changed; the room is right even if the roster
    /// did not know.
    pub fn confirm(&mut self, room: &RoomId, holding: &Holding, now: Timestamp) -> Vec<Word> {
        let outdated = |person: &Person| {
            person.places.get(room).is_some_and(|place| place.occupied.is_some_and(|known| known > holding.assignment))
        };
        if self.people.values().any(outdated) {
            return vec![];
        }
        let _ = self.queue.take_if(room, |ask| ask.assignment <= holding.assignment);
        for (_, person) in self.people.iter_mut().filter(|(id, _)| **id != holding.agent) {
            if let Some(place) = person.places.get_mut(room) {
                place.occupied = None;
                place.offered.take_if(|offered| offered.ask.assignment <= holding.assignment);
                person.tidy(room);
            }
        }
        self.stamps += 1;
        let person = self.people.entry(holding.agent.clone()).or_default();
        let load = person.load(&self.policy);
        let place = person.place(room, &holding.channel);
        let is_news = !place.assignments().any(|known| known == holding.assignment);
        place.occupy(holding);
        if is_news {
            person.last = (now, self.stamps);
        }
        let freed = person.load(&self.policy) < load;
        if freed { self.drain(now) } else { vec![] }
    }

    /// The room no longer holds or wants this assignment.
    pub fn release(&mut self, room: &RoomId, assignment: u64, now: Timestamp) -> Vec<Word> {
        let _ = self.queue.take_if(room, |ask| ask.assignment == assignment);
        for person in self.people.values_mut() {
            if let Some(place) = person.places.get_mut(room) {
                place.occupied.take_if(|held| *held == assignment);
                place.offered.take_if(|offered| offered.ask.assignment == assignment);
                person.tidy(room);
            }
        }
        self.drain(now)
    }

    /// The room asks on, and may not have this person, whom it was offered: they are gone, or may hold less than when they were
    /// chosen.
    pub fn decline(&mut self, ask: Ask, agent: &AgentId, now: Timestamp) -> Vec<Word> {
        let offered =
            |place: &mut person::Place| place.offered.take_if(|offered| offered.ask.assignment == ask.assignment).is_some();
        let person = self.people.get_mut(agent);
        let known = person.is_some_and(|person| {
            let was_offered = person.places.get_mut(&ask.room).is_some_and(offered);
            person.tidy(&ask.room);
            was_offered
        });
        if !known {
            return self.reserve(ask, now);
        }
        let room = ask.room.clone();
        let chosen = self.choose(&ask, &self.closed(now), now);
        self.queue.put(ask);
        // The room reads a newer directory; what it says is on its way here. Until then they would only be offered again.
        if chosen.is_some_and(|(chosen, _)| chosen == *agent) {
            return vec![];
        }
        let mut words = self.drain(now);
        words.extend(self.told_place(&room, now));
        words
    }

    /// What time alone brings: offers without an answer, people who stay away, divisions that open.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Word> {
        let mut words = self.repeat_offers(now);
        words.extend(self.those_gone(now));
        words.extend(self.drain(now));
        words
    }

    /// Offers without an answer, made again.
    pub fn repeat_offers(&mut self, now: Timestamp) -> Vec<Word> {
        let mut words = vec![];
        for (id, person) in &mut self.people {
            for offered in person.places.values_mut().filter_map(|place| place.offered.as_mut()) {
                if now.ms_since(offered.since) >= OFFER_REPEAT_MS {
                    offered.since = now;
                    words.push(offered.word(id, &person.name));
                }
            }
        }
        words
    }

    /// How much this agent holds and was offered.
    pub fn load(&self, agent: &AgentId) -> usize {
        self.people.get(agent).map_or(0, |person| usize::try_from(person.load(&self.policy)).unwrap_or(usize::MAX))
    }

    /// How this agent stands; somebody nobody ever spoke of holds nothing.
    pub fn standing(&self, agent: &AgentId) -> Standing {
        let Some(person) = self.people.get(agent) else { return Standing { load: 0, rooms: vec![] } };
        let held = person.places.iter().filter(|(_, place)| place.occupied.is_some());
        let mut rooms: Vec<RoomId> = held.map(|(room, _)| room.clone()).collect();
        rooms.sort();
        Standing { load: person.load(&self.policy), rooms }
    }

    /// Rooms that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn told_place(&self, room: &RoomId, now: Timestamp) -> Option<Word> {
        let ask = self.queue.get(room)?;
        let (position, opens_at) = (self.queue.position(ask), self.opens_at(&ask.target, now));
        Some(Word::QueuedAt { room: room.clone(), assignment: ask.assignment, position, opens_at })
    }

    /// Gives every free place to whoever waited longest for it.
    fn drain(&mut self, now: Timestamp) -> Vec<Word> {
        if self.queue.len() == 0 {
            return vec![];
        }
        let closed = self.closed(now);
        let mut words = vec![];
        // Whoever comes behind a room that cannot be served waits too, even with less weight: nobody is overtaken.
        let mut blocked: HashSet<AssignTarget> = HashSet::new();
        for room in self.queue.in_order() {
            let Some(ask) = self.queue.get(&room).filter(|ask| !blocked.contains(&ask.target)).cloned() else { continue };
            match self.choose(&ask, &closed, now) {
                Some((agent, because)) => words.extend(self.offer(ask, agent, because, now)),
                // Nobody new is there for it, or nobody could ever take it: that holds no one else up.
                None if ask.rests || !self.could_ever(&ask) => {}
                None => drop(blocked.insert(ask.target)),
            }
        }
        words
    }

    /// Divisions outside of their hours.
    fn closed(&self, now: Timestamp) -> HashSet<DivisionId> {
        self.divisions.iter().filter(|division| !division.is_open(now)).map(|division| division.id.clone()).collect()
    }

    fn offer(&mut self, ask: Ask, agent: AgentId, because: Because, now: Timestamp) -> Option<Word> {
        self.stamps += 1;
        let guarded = self.policy.burst_per_minute > 0 && !matches!(ask.target, AssignTarget::Agent { .. });
        let person = self.people.get_mut(&agent)?;
        let _ = self.queue.take_if(&ask.room, |_| true);
        person.last = (now, self.stamps);
        if guarded {
            person.picks.push_back(now);
        }
        let (room, channel) = (ask.room.clone(), ask.channel.clone());
        let offered = Offered { since: now, because, ask };
        let word = offered.word(&agent, &person.name);
        person.place(&room, &channel).offered = Some(offered);
        Some(word)
    }
}

//! Who holds which rooms and who waits for a person, as a plain value: no actor, no clock. Load is the set of rooms held,
//! never a counter.
//! **Invariant:** an agent's set is never larger than the capacity because of a pick (a person may hold more by other ways).

use std::collections::HashMap;

use crate::room::{AgentId, AssignTarget, Company, Control, DivisionId, Presence, Room, RoomId, Timestamp};

/// A place reserved or taken: the room, and the number of the assignment it is for.
pub type SlotKey = (RoomId, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Offered, the room has not said yet; since when.
    Held(Timestamp),
    Occupied,
}

#[derive(Debug, Default)]
struct Person {
    name: String,
    online: bool,
    capacity: usize,
    divisions: Vec<DivisionId>,
    slots: HashMap<SlotKey, Slot>,
    /// Turn of the last pick; the smallest has waited longest.
    last_pick: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    room: RoomId,
    assignment: u64,
    target: AssignTarget,
    since: Timestamp,
}

/// What a room is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    Offer { room: RoomId, assignment: u64, agent: AgentId, agent_name: String },
    QueuedAt { room: RoomId, assignment: u64, position: u64 },
}

/// One company's people and their rooms. Not stored: made again from the rooms themselves.
#[derive(Debug, Default)]
pub struct Roster {
    people: HashMap<AgentId, Person>,
    queue: Vec<Waiting>,
    picks: u64,
}

/// An offer that was not answered for so long is made again; it is never freed on silence alone.
pub const OFFER_REPEAT_MS: i64 = 5_000;

impl Roster {
    /// The people as the directory has them now. Those who left keep their rooms but get no more.
    pub fn directory(&mut self, company: &Company, now: Timestamp) -> Vec<Word> {
        for person in self.people.values_mut() {
            person.online = false;
        }
        for agent in &company.agents {
            let person = self.people.entry(agent.id.clone()).or_default();
            person.name.clone_from(&agent.name);
            person.online = agent.status == Presence::Online;
            person.capacity = usize::try_from(agent.capacity).unwrap_or(usize::MAX);
            person.divisions.clone_from(&agent.divisions);
        }
        self.drain(now)
    }

    /// A room as the store has it, while the roster is made again.
    pub fn recall(&mut self, id: &RoomId, room: &Room) {
        if let Control::Person { agent, assignment } = &room.control {
            self.occupy(id, agent, *assignment);
        }
        if let Some(wanted) = room.wanted() {
            self.wait(Waiting {
                room: id.clone(),
                assignment: wanted.assignment,
                target: wanted.target.clone(),
                since: wanted.since,
            });
        }
    }

    /// A room asks for a person. Asking again changes nothing and is answered again.
    pub fn reserve(
        &mut self,
        room: &RoomId,
        assignment: u64,
        target: &AssignTarget,
        since: Timestamp,
        now: Timestamp,
    ) -> Vec<Word> {
        let key = (room.clone(), assignment);
        if let Some((id, person)) = self.people.iter_mut().find(|(_, person)| person.slots.contains_key(&key)) {
            let (agent, agent_name) = (id.clone(), person.name.clone());
            return vec![Word::Offer { room: room.clone(), assignment, agent, agent_name }];
        }
        self.queue.retain(|waiting| waiting.room != *room || waiting.assignment == assignment);
        if !self.queue.iter().any(|waiting| waiting.room == *room) {
            self.wait(Waiting { room: room.clone(), assignment, target: target.clone(), since });
        }
        let mut words = self.drain(now);
        if let Some(position) = self.position(room) {
            words.push(Word::QueuedAt { room: room.clone(), assignment, position });
        }
        words
    }

    /// The room committed the assignment; the room is right even if the roster did not know.
    pub fn confirm(&mut self, room: &RoomId, agent: &AgentId, assignment: u64) {
        self.queue.retain(|waiting| waiting.room != *room || waiting.assignment > assignment);
        self.occupy(room, agent, assignment);
    }

    /// The room no longer holds or wants this assignment.
    pub fn release(&mut self, room: &RoomId, assignment: u64, now: Timestamp) -> Vec<Word> {
        let key = (room.clone(), assignment);
        self.queue.retain(|waiting| waiting.room != *room || waiting.assignment != assignment);
        for person in self.people.values_mut() {
            person.slots.remove(&key);
        }
        self.drain(now)
    }

    /// Offers without an answer, made again.
    pub fn repeat_offers(&mut self, now: Timestamp) -> Vec<Word> {
        let mut words = vec![];
        for (id, person) in &mut self.people {
            for ((room, assignment), slot) in &mut person.slots {
                if let Slot::Held(since) = slot
                    && now.ms_since(*since) >= OFFER_REPEAT_MS
                {
                    *slot = Slot::Held(now);
                    words.push(Word::Offer {
                        room: room.clone(),
                        assignment: *assignment,
                        agent: id.clone(),
                        agent_name: person.name.clone(),
                    });
                }
            }
        }
        words
    }

    /// How many rooms this agent holds or was offered.
    pub fn load(&self, agent: &AgentId) -> usize {
        self.people.get(agent).map_or(0, |person| person.slots.len())
    }

    /// Rooms that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn occupy(&mut self, room: &RoomId, agent: &AgentId, assignment: u64) {
        let key = (room.clone(), assignment);
        for (id, person) in &mut self.people {
            if id != agent {
                person.slots.remove(&key);
            }
        }
        self.people.entry(agent.clone()).or_default().slots.insert(key, Slot::Occupied);
    }

    /// In order of waiting time, so that nobody is overtaken after a restart either.
    fn wait(&mut self, waiting: Waiting) {
        let place = self.queue.partition_point(|other| (other.since, &other.room) <= (waiting.since, &waiting.room));
        self.queue.insert(place, waiting);
    }

    /// 1 is next, among those who wait for the same target.
    fn position(&self, room: &RoomId) -> Option<u64> {
        let own = self.queue.iter().find(|waiting| waiting.room == *room)?;
        let ahead =
            self.queue.iter().take_while(|waiting| waiting.room != *room).filter(|waiting| waiting.target == own.target).count();
        u64::try_from(ahead + 1).ok()
    }

    /// Gives every free place to whoever waited longest for it.
    fn drain(&mut self, now: Timestamp) -> Vec<Word> {
        let mut words = vec![];
        let mut still = vec![];
        for waiting in std::mem::take(&mut self.queue) {
            let Some(id) = self.pick(&waiting) else {
                still.push(waiting);
                continue;
            };
            self.picks += 1;
            let Some(person) = self.people.get_mut(&id) else { continue };
            person.last_pick = self.picks;
            person.slots.insert((waiting.room.clone(), waiting.assignment), Slot::Held(now));
            words.push(Word::Offer {
                room: waiting.room,
                assignment: waiting.assignment,
                agent: id,
                agent_name: person.name.clone(),
            });
        }
        self.queue = still;
        words
    }

    /// The available person with the fewest rooms; among equals the one who has waited longest.
    fn pick(&self, waiting: &Waiting) -> Option<AgentId> {
        let wanted = |id: &AgentId, person: &Person| match &waiting.target {
            AssignTarget::Agent { agent } => agent == id,
            AssignTarget::Division { division } => person.divisions.contains(division),
            AssignTarget::Auto => true,
        };
        self.people
            .iter()
            .filter(|(id, person)| person.online && person.slots.len() < person.capacity && wanted(id, person))
            .min_by_key(|(id, person)| (person.slots.len(), person.last_pick, (*id).clone()))
            .map(|(id, _)| id.clone())
    }
}

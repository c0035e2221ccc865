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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{Agent, CompanyNo};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn company(capacities: &[u32]) -> Company {
        let agents = capacities.iter().enumerate().map(|(n, capacity)| Agent {
            id: AgentId::trusted(&format!("agt_{n}")),
            name: format!("Agent {n}"),
            email: String::new(),
            divisions: vec![],
            status: Presence::Online,
            capacity: *capacity,
        });
        Company { agents: agents.collect(), ..Company::empty(CompanyNo(1)) }
    }

    fn staffed(capacities: &[u32]) -> Roster {
        let mut roster = Roster::default();
        assert_eq!(roster.directory(&company(capacities), NOW), vec![]);
        roster
    }

    fn room(n: usize) -> RoomId {
        RoomId::trusted(&format!("room-{n:03}"))
    }

    fn ask(roster: &mut Roster, n: usize) -> Vec<Word> {
        let since = NOW.plus_ms(n as i64);
        roster.reserve(&room(n), 1, &AssignTarget::Auto, since, NOW)
    }

    #[test]
    fn two_hundred_rooms_and_a_hundred_places() {
        let mut roster = staffed(&[5; 20]);
        let words: Vec<Word> = (0..200).flat_map(|n| ask(&mut roster, n)).collect();
        let offers = words.iter().filter(|word| matches!(word, Word::Offer { .. })).count();
        assert_eq!(offers, 100);
        assert_eq!(roster.waiting(), 100);
        for n in 0..20 {
            assert_eq!(roster.load(&AgentId::trusted(&format!("agt_{n}"))), 5);
        }
        assert_eq!(words.last(), Some(&Word::QueuedAt { room: room(199), assignment: 1, position: 100 }));
    }

    #[test]
    fn asking_again_is_answered_again_and_takes_no_second_place() {
        let mut roster = staffed(&[2]);
        let first = ask(&mut roster, 1);
        assert_eq!(ask(&mut roster, 1), first);
        assert_eq!(roster.load(&AgentId::trusted("agt_0")), 1);
    }

    #[test]
    fn a_free_place_goes_to_whoever_waited_longest() {
        let mut roster = staffed(&[1]);
        let _ = ask(&mut roster, 0);
        roster.confirm(&room(0), &AgentId::trusted("agt_0"), 1);
        // The later room asks first: its own waiting time counts, not the order of asking.
        for n in [2, 1] {
            let _ = ask(&mut roster, n);
        }
        let words = roster.release(&room(0), 1, NOW);
        assert!(matches!(&words[..], [Word::Offer { room, .. }] if *room == self::room(1)), "{words:?}");
    }

    #[test]
    fn release_of_something_unknown_and_confirm_of_something_unknown() {
        let mut roster = staffed(&[1]);
        assert_eq!(roster.release(&room(7), 3, NOW), vec![]);
        roster.confirm(&room(8), &AgentId::trusted("agt_0"), 1);
        assert_eq!(roster.load(&AgentId::trusted("agt_0")), 1, "the room is right");
        assert!(matches!(ask(&mut roster, 1)[..], [Word::QueuedAt { position: 1, .. }]));
    }

    #[test]
    fn a_roster_made_again_from_the_rooms_knows_what_the_old_one_knew() {
        let control = Control::Person { agent: AgentId::trusted("agt_0"), assignment: 4 };
        let held = Room { control, ..Room::default() };
        let mut roster = Roster::default();
        roster.recall(&room(1), &held);
        let _ = roster.directory(&company(&[1]), NOW);
        assert!(matches!(ask(&mut roster, 2)[..], [Word::QueuedAt { .. }]), "the only place is taken");
    }

    #[test]
    fn an_unanswered_offer_is_made_again_and_never_freed() {
        let mut roster = staffed(&[1]);
        let offer = ask(&mut roster, 1);
        assert_eq!(roster.repeat_offers(NOW.plus_ms(OFFER_REPEAT_MS - 1)), vec![]);
        assert_eq!(roster.repeat_offers(NOW.plus_ms(OFFER_REPEAT_MS)), offer);
        assert_eq!(roster.load(&AgentId::trusted("agt_0")), 1);
        roster.confirm(&room(1), &AgentId::trusted("agt_0"), 1);
        assert_eq!(roster.repeat_offers(NOW.plus_ms(9 * OFFER_REPEAT_MS)), vec![]);
    }

    #[test]
    fn going_offline_stops_new_rooms_and_coming_back_takes_the_waiting() {
        let mut roster = staffed(&[2]);
        let mut away = company(&[2]);
        away.agents[0].status = Presence::Away;
        let _ = roster.directory(&away, NOW);
        assert!(matches!(ask(&mut roster, 1)[..], [Word::QueuedAt { .. }]));
        assert!(matches!(roster.directory(&company(&[2]), NOW)[..], [Word::Offer { .. }]));
    }
}

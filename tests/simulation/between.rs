//! What rooms and their roster say to each other in the pure core, and what they must agree on: words are late, come twice and
//! overtake those of other rooms, and the directory changes meanwhile.

use bellhop::actors::roster::{Ask, Holding, Roster, Word};
use bellhop::room::{AgentId, Command, Fact, Room};

use super::core::{Kept, Play, Work};
use super::others::the_staff_changes;
use super::world::{AGENTS, CAPACITY};

pub enum Said {
    ToRoom(Word),
    Reserve(u64),
    Confirm(u64, Holding),
    Release(u64, u64),
    Decline(u64, Ask, AgentId),
    /// The people changed, and are as they are when this is heard.
    Directory,
}

impl Play {
    /// What the shell says after a commit, in any order and sometimes twice.
    pub fn tell_roster(&mut self, index: u64, before: &Room, ask: bool, offers: &[(u64, AgentId)]) {
        let after = &self.rooms[index as usize].room;
        let (held, holding) = (Holding::of(before), Holding::of(after));
        let number = |holding: &Option<Holding>| holding.as_ref().map(|holding| holding.assignment);
        let (was, is) = (number(&held), number(&holding));
        let mut said = vec![];
        if after.wanted().is_some() && (ask || after.wanted() != before.wanted()) {
            said.push(Said::Reserve(index));
        }
        if let Some(holding) = holding.clone().filter(|_| holding != held) {
            said.push(Said::Confirm(index, holding));
        }
        if let Some(assignment) = was.filter(|_| was != is) {
            said.push(Said::Release(index, assignment));
        }
        if let Some(wanted) = before.wanted()
            && after.wanted().is_none_or(|now| now.assignment != wanted.assignment)
            && is != Some(wanted.assignment)
        {
            said.push(Said::Release(index, wanted.assignment));
        }
        for (assignment, agent) in offers {
            let ask = Ask::of(&self.rooms[index as usize].address.room, after).filter(|ask| ask.assignment == *assignment);
            said.push(match (&holding, ask) {
                (Some(holding), _) if holding.assignment == *assignment => Said::Confirm(index, holding.clone()),
                (_, Some(ask)) => Said::Decline(index, ask, agent.clone()),
                _ => Said::Release(index, *assignment),
            });
        }
        self.told.declined += said.iter().filter(|said| matches!(said, Said::Decline(..))).count();
        self.said.extend(said);
    }

    pub fn carry_word(&mut self) {
        if self.said.is_empty() {
            return;
        }
        // Words of one room to the roster keep their order, as messages of one actor do; different rooms overtake.
        let pick = self.dice.roll(self.said.len() as u64) as usize;
        let room = self.room_of(&self.said[pick]);
        let first = self.said.iter().position(|said| self.room_of(said) == room).unwrap_or(pick);
        let words = match self.said.remove(first) {
            Said::ToRoom(word) => return self.hear(word),
            Said::Reserve(room) => {
                let kept = &self.rooms[room as usize];
                let Some(ask) = Ask::of(&kept.address.room, &kept.room) else { return };
                self.roster.reserve(ask, self.now)
            }
            Said::Confirm(room, holding) => self.roster.confirm(&self.rooms[room as usize].address.room, &holding, self.now),
            Said::Release(room, assignment) => self.roster.release(&self.rooms[room as usize].address.room, assignment, self.now),
            Said::Decline(_, ask, agent) => self.roster.decline(ask, &agent, self.now),
            Said::Directory => self.roster.directory(&self.company, self.now),
        };
        self.said.extend(words.into_iter().map(Said::ToRoom));
    }

    fn room_of(&self, said: &Said) -> (bool, usize) {
        let find = |id: &bellhop::room::RoomId| self.rooms.iter().position(|kept| kept.address.room == *id).unwrap_or(0);
        match said {
            Said::ToRoom(Word::Offer { room, .. } | Word::QueuedAt { room, .. } | Word::Requeue { room, .. }) => {
                (true, find(room))
            }
            Said::Reserve(room) | Said::Confirm(room, ..) | Said::Release(room, _) | Said::Decline(room, ..) => {
                (false, *room as usize)
            }
            Said::Directory => (false, usize::MAX),
        }
    }

    fn hear(&mut self, word: Word) {
        let (room, command) = match word {
            Word::Offer { room, assignment, agent, agent_name, because } => {
                (room, Command::Offer { agent, agent_name, assignment, because: Some(because) })
            }
            Word::QueuedAt { room, assignment, position, opens_at } => {
                (room, Command::QueuedAt { assignment, position, opens_at })
            }
            Word::Requeue { room, agent, why } => (room, Command::Requeue { agent, why }),
        };
        let index = self.rooms.iter().position(|kept| kept.address.room == room).expect("a room of this play") as u64;
        let offer = matches!(command, Command::Offer { .. });
        let before = self.rooms[index as usize].journal.len();
        let said = self.said.len();
        self.take(index, &[Work::tell(command)]);
        if offer && self.rooms[index as usize].journal.len() == before && self.said.len() == said {
            // The step got lost and the room said nothing: the roster makes the offer again after a while.
            let later = self.now.plus_ms(bellhop::actors::roster::OFFER_REPEAT_MS);
            self.now = later;
            let words = self.roster.repeat_offers(later);
            self.said.extend(words.into_iter().map(Said::ToRoom));
        }
    }

    /// Rooms read the new directory from now on; the roster has yet to hear of it.
    pub fn the_people_change(&mut self) {
        the_staff_changes(&mut self.dice, &mut self.company);
        self.said.push(Said::Directory);
    }

    pub fn roster_dies_sometimes(&mut self) {
        if !self.dice.rarely(3) {
            return;
        }
        // With the roster die the words on the way to it. Its own may lie in the rooms' mailboxes; its offers are kept for the
        // next one, until they were answered. Only with the whole process do all of them die.
        let process = self.dice.rarely(3);
        self.said.retain(|said| !process && matches!(said, Said::ToRoom(_)));
        self.roster = Roster::default();
        for kept in &self.rooms {
            self.roster.recall(&kept.address.room, &kept.room);
        }
        for said in &self.said {
            if let Said::ToRoom(Word::Offer { room, assignment, agent, because, .. }) = said {
                self.roster.recall_offer(room, agent, *assignment, because.clone(), self.now);
            }
        }
        let words = self.roster.directory(&self.company, self.now);
        self.said.extend(words.into_iter().map(Said::ToRoom));
        for index in 0..self.rooms.len() {
            if self.rooms[index].room.wanted().is_some() {
                self.said.push(Said::Reserve(index as u64));
            }
        }
    }

    pub fn check_roster(&self) {
        for n in 0..AGENTS {
            let agent = AgentId::trusted(&format!("agt_{n}"));
            // Whoever takes a conversation may hold more; what the roster gives never leads there.
            let most = CAPACITY as usize + self.takeovers;
            assert!(self.roster.load(&agent) <= most, "I3: an agent holds more than the capacity");
            let held = self.rooms.iter().filter(|kept| given_to(kept) == Some(&agent)).count();
            assert!(held <= CAPACITY as usize, "I3: the rooms say that an agent was given more than the capacity");
        }
    }

    /// When everything was said, the rooms and the roster agree (room-ops I2).
    pub fn check_agreement(&self) {
        for n in 0..AGENTS {
            let agent = AgentId::trusted(&format!("agt_{n}"));
            let held = self.rooms.iter().filter(|kept| kept.room.assignee() == Some(&agent)).count();
            assert_eq!(self.roster.load(&agent), held, "I2: slots are exactly the rooms held");
        }
        let waiting = self.rooms.iter().filter(|kept| kept.room.wanted().is_some()).count();
        assert_eq!(self.roster.waiting(), waiting, "I2: who waits is in the queue");
    }
}

/// Who has the room because the roster gave it to them.
fn given_to(kept: &Kept) -> Option<&AgentId> {
    let came = kept.journal.iter().rev().find(|event| matches!(event.fact, Fact::AgentAssigned { .. } | Fact::RoomTaken { .. }));
    kept.room.assignee().filter(|_| came.is_some_and(|event| matches!(event.fact, Fact::AgentAssigned { .. })))
}

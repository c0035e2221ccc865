//! The pure core: `Turn`, `Room` and `Roster` with no actor and no store around them. Commits land, get lost or are refused; words
//! to and from the roster are delayed, repeated and reordered; memory is thrown away and made again from the journal.

use std::collections::{HashMap, HashSet};

use bellhop::actors::ports::{NewCall, StoredAnswer};
use bellhop::actors::roster::{Ask, Holding, Roster, Word};
use bellhop::actors::turn::barrier::is_resolve;
use bellhop::actors::turn::{OpenCalls, Turn};
use bellhop::catalog::{Admitted, Has};
use bellhop::room::{
    AgentId, By, CallKey, Cause, Command, Company, Customer, Fact, Ground, Room, RoomAddress, RoomEvent, TakenBy, Timestamp,
    Writer,
};

use super::dice::Dice;
use super::events::{check_events, check_journal};
use super::others::{a_person_acts, the_channel_tells};
use super::world::{self, AGENTS, CAPACITY};

const ROOMS: u64 = 8;
const STEPS: u64 = 60;

/// One room with what the store would hold of it.
struct Kept {
    address: RoomAddress,
    room: Room,
    journal: Vec<RoomEvent>,
    calls: HashMap<CallKey, (Admitted, StoredAnswer)>,
    open: OpenCalls,
}

enum Said {
    ToRoom(Word),
    Reserve(u64),
    Confirm(u64, Holding),
    Release(u64, u64),
}

struct Play {
    dice: Dice,
    now: Timestamp,
    company: Company,
    rooms: Vec<Kept>,
    roster: Roster,
    said: Vec<Said>,
    messages: u64,
    takeovers: usize,
}

pub fn play(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut company = world::company();
    // In half of the plays a tag's first letters are known to the company already.
    if dice.rarely(2) {
        company.tags.insert("tag 1".into(), "Tag 1".into());
    }
    let rooms = (0..ROOMS).map(|n| Kept {
        address: world::address(n),
        room: Room::default(),
        journal: vec![],
        calls: HashMap::new(),
        open: OpenCalls::new(),
    });
    let mut play = Play {
        dice,
        now: Timestamp(1_000_000),
        rooms: rooms.collect(),
        roster: Roster::default(),
        said: vec![],
        messages: 0,
        takeovers: 0,
        company,
    };
    let _ = play.roster.directory(&play.company, play.now);
    for room in 0..ROOMS {
        play.step(room, true);
    }
    // In a third of the plays more rooms ask for somebody than there are places.
    if play.dice.rarely(3) {
        for room in 0..ROOMS {
            let address = world::address(room);
            let asks = world::named_call(&address, 900, "assign_agent", r#"{"mode":"auto"}"#, Has::default());
            play.take(room, &[Work::Post(vec![asks])]);
            play.carry_word();
        }
    }
    for _ in 0..STEPS {
        // Time may stand still or jump; the ground's promise is only that it is not before the room's last event.
        play.now = Timestamp(play.now.0 + (play.dice.roll(3) * 700_000) as i64);
        match play.dice.roll(8) {
            0..=3 => {
                let room = play.dice.roll(ROOMS);
                play.step(room, false);
            }
            4 | 5 => play.carry_word(),
            6 => play.forget_and_reload(),
            _ => play.roster_dies_sometimes(),
        }
        play.check_roster();
    }
    while !play.said.is_empty() {
        play.carry_word();
    }
    play.check_agreement();
}

impl Play {
    /// One room takes a step with some works; it lands in three of four cases.
    fn step(&mut self, index: u64, create: bool) {
        let kept = &self.rooms[index as usize];
        let mut works: Vec<Work> = vec![];
        if create {
            works.push(Work::tell(Command::Describe { channel: "web_chat".into(), customer: Customer::default() }));
        }
        for _ in 0..=self.dice.roll(4) {
            works.push(match self.dice.roll(18) {
                14 => Work::tell(Command::Typing { agent: None }),
                15 => Work::tell(Command::TypingOver),
                16 | 17 => Work::tell(the_channel_tells(&mut self.dice, &mut self.messages, &mut self.takeovers)),
                0 => Work::tell(Command::Pause { reason: None }),
                1 | 2 => Work::tell(Command::Resume),
                3 | 4 => {
                    self.messages += 1;
                    let message_id = format!("m{}", self.messages);
                    Work::tell(Command::Message { message_id, from: Writer::Customer, agent_id: None, text: "hello".into() })
                }
                5 => match kept.room.parked.first() {
                    Some(parked) => Work::tell(Command::CancelCall { call_id: parked.call_id.clone() }),
                    None => Work::tell(Command::Nudge),
                },
                6 => Work::tell(a_person_acts(&mut self.dice, &mut self.messages, &mut self.takeovers)),
                7 => Work::tell(Command::GiveBack { of: None, reason: None }),
                8 => Work::tell(Command::BarrierOverdue),
                _ => {
                    let many = 1 + self.dice.roll(3);
                    let mut call = || world::call(&mut self.dice, &kept.address, 12, &kept.room);
                    Work::Post((0..many).map(|_| call()).collect())
                }
            });
        }
        self.take(index, &works);
    }

    fn take(&mut self, index: u64, works: &[Work]) {
        let lands = !self.dice.rarely(4);
        let kept = &mut self.rooms[index as usize];
        let before = kept.room.clone();
        let condemned = HashSet::new();
        let ground = Ground { now: self.now.max(before.last_event_at), company: &self.company, approved: false };
        let mut turn = Turn::begin(&kept.address, &kept.room, ground, &kept.open, &condemned);
        let mut by_key: HashMap<CallKey, Admitted> = HashMap::new();
        let mut offers: Vec<u64> = vec![];
        for work in works {
            match work {
                Work::Post(calls) => {
                    turn.request_is(calls);
                    let (last, first): (Vec<&Admitted>, Vec<&Admitted>) = calls.iter().partition(|call| is_resolve(call));
                    for admitted in first.into_iter().chain(last) {
                        let key = admitted.call.key;
                        if kept.calls.contains_key(&key) || by_key.contains_key(&key) || !turn.room.exists() {
                            continue; // a replay is answered from the store; invariant 4 is checked on what is written
                        }
                        turn.call(admitted);
                        by_key.insert(key, admitted.clone());
                    }
                    turn.request_is(&[]);
                }
                Work::Tell(command) => {
                    let webhook = matches!(**command, Command::Heard { .. } | Command::TakeOver { how: TakenBy::Assignment, .. });
                    let cause = if webhook { Cause::Webhook(7) } else { Cause::Request("req".into()) };
                    let _ = turn.command(command, &By::System, &cause);
                    if let Command::Offer { assignment, .. } = &**command {
                        offers.push(*assignment);
                    }
                }
            }
        }
        assert_eq!(kept.room, before, "invariant 1: a draft does not change the room");
        let ask = turn.ask_roster;
        let Turn { room, events, new_calls, ended_calls, opened, .. } = turn;
        let known: Vec<&Admitted> = by_key.values().chain(kept.calls.values().map(|(admitted, _)| admitted)).collect();
        check_events(&before, &room, &events, &new_calls, &known, &self.company);
        if !lands {
            return;
        }
        kept.journal.extend(events.iter().cloned());
        for NewCall { call, answer, .. } in new_calls {
            let earlier = kept.calls.insert(call.key, (by_key[&call.key].clone(), answer));
            assert!(earlier.is_none(), "I8: a call is written once");
        }
        let distinct: HashSet<CallKey> = ended_calls.iter().map(|ended| ended.key).collect();
        assert_eq!(distinct.len(), ended_calls.len(), "a commit tells each call's state once: a database may take either");
        for ended in ended_calls {
            let (_, answer) = kept.calls.get_mut(&ended.key).expect("an ended call was written");
            assert!(!answer.status.is_final(), "I8: a final answer never changes");
            // One that goes on waiting for something else is told as well, and stays open.
            if ended.answer.status.is_final() {
                kept.open.remove(&ended.key);
            }
            *answer = ended.answer;
        }
        kept.open.extend(opened);
        let still: HashSet<CallKey> =
            room.parked.iter().map(|parked| CallKey::of(kept.address.company, &parked.call_id)).collect();
        kept.open.retain(|key, _| still.contains(key));
        for (key, (_, answer)) in &kept.calls {
            assert_eq!(!answer.status.is_final(), still.contains(key), "what is open waits in the room, what waits is open");
        }
        kept.room = room;
        check_journal(&kept.room, &kept.journal);
        self.tell_roster(index, &before, ask, &offers);
    }

    /// What the shell says after a commit, in any order and sometimes twice.
    fn tell_roster(&mut self, index: u64, before: &Room, ask: bool, offers: &[u64]) {
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
        for assignment in offers {
            said.push(match &holding {
                Some(holding) if holding.assignment == *assignment => Said::Confirm(index, holding.clone()),
                _ => Said::Release(index, *assignment),
            });
        }
        self.said.extend(said);
    }

    fn carry_word(&mut self) {
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
        };
        self.said.extend(words.into_iter().map(Said::ToRoom));
    }

    fn room_of(&self, said: &Said) -> (bool, usize) {
        let find = |id: &bellhop::room::RoomId| self.rooms.iter().position(|kept| kept.address.room == *id).unwrap_or(0);
        match said {
            Said::ToRoom(Word::Offer { room, .. } | Word::QueuedAt { room, .. } | Word::Requeue { room, .. }) => {
                (true, find(room))
            }
            Said::Reserve(room) | Said::Confirm(room, ..) | Said::Release(room, _) => (false, *room as usize),
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

    /// The process dies: what is in memory is made again from the journal.
    fn forget_and_reload(&mut self) {
        for kept in &mut self.rooms {
            let mut room = Room::default();
            for event in &kept.journal {
                room.apply(event);
            }
            assert_eq!(room, kept.room, "a room is the fold of its journal");
            let written = serde_json::to_string(&room).expect("a room can be written");
            kept.room = serde_json::from_str(&written).expect("a written room can be read");
            assert_eq!(kept.room, room, "a snapshot says all of a room");
        }
    }

    fn roster_dies_sometimes(&mut self) {
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

    fn check_roster(&self) {
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
    fn check_agreement(&self) {
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

enum Work {
    Post(Vec<Admitted>),
    Tell(Box<Command>),
}

impl Work {
    fn tell(command: Command) -> Self {
        Self::Tell(Box::new(command))
    }
}

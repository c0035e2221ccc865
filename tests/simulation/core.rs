//! The pure core: `Turn`, `Room` and `Roster` with no actor and no store around them. Commits land, get lost or are refused; words
//! to and from the roster are delayed, repeated and reordered; memory is thrown away and made again from the journal.

use std::collections::{HashMap, HashSet};

use bellhop::actors::ports::{NewCall, StoredAnswer};
use bellhop::actors::roster::Roster;
use bellhop::actors::turn::barrier::is_resolve;
use bellhop::actors::turn::{OpenCalls, Turn};
use bellhop::catalog::{Admitted, Has};
use bellhop::room::{
    AgentId, By, CallKey, Cause, Command, Company, Customer, Fact, Ground, Room, RoomAddress, RoomEvent, TakenBy, Timestamp,
    Writer,
};

use super::between::Said;
use super::dice::Dice;
use super::events::{check_events, check_journal};
use super::others::{a_person_acts, the_channel_tells};
use super::world;

const ROOMS: u64 = 8;
const STEPS: u64 = 60;

/// One room with what the store would hold of it.
pub struct Kept {
    pub address: RoomAddress,
    pub room: Room,
    pub journal: Vec<RoomEvent>,
    calls: HashMap<CallKey, (Admitted, StoredAnswer)>,
    open: OpenCalls,
}

pub struct Play {
    pub dice: Dice,
    pub now: Timestamp,
    pub company: Company,
    pub rooms: Vec<Kept>,
    pub roster: Roster,
    pub said: Vec<Said>,
    messages: u64,
    pub takeovers: usize,
    pub told: Told,
}

/// What came about in a play, lest it show nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Assignments that the roster made.
    pub assigned: usize,
    /// Its offers of somebody who could not have the room any more.
    pub declined: usize,
}

pub fn play(seed: u64) -> Told {
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
        told: Told::default(),
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
        match play.dice.roll(9) {
            0..=3 => {
                let room = play.dice.roll(ROOMS);
                play.step(room, false);
            }
            4 | 5 => play.carry_word(),
            6 => play.forget_and_reload(),
            7 => play.the_people_change(),
            _ => play.roster_dies_sometimes(),
        }
        play.check_roster();
    }
    while !play.said.is_empty() {
        play.carry_word();
    }
    play.check_agreement();
    let assigned = |kept: &Kept| kept.journal.iter().filter(|event| matches!(event.fact, Fact::AgentAssigned { .. })).count();
    Told { assigned: play.rooms.iter().map(assigned).sum(), ..play.told }
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

    pub fn take(&mut self, index: u64, works: &[Work]) {
        let lands = !self.dice.rarely(4);
        let kept = &mut self.rooms[index as usize];
        let before = kept.room.clone();
        let condemned = HashSet::new();
        let ground = Ground { now: self.now.max(before.last_event_at), company: &self.company, approved: false };
        let mut turn = Turn::begin(&kept.address, &kept.room, ground, &kept.open, &condemned);
        let mut by_key: HashMap<CallKey, Admitted> = HashMap::new();
        let mut offers: Vec<(u64, AgentId)> = vec![];
        // What each of its events may be done for.
        let mut causes: Vec<Cause> = vec![];
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
                    causes.push(cause);
                    if let Command::Offer { assignment, agent, .. } = &**command {
                        offers.push((*assignment, agent.clone()));
                    }
                }
            }
        }
        assert_eq!(kept.room, before, "invariant 1: a draft does not change the room");
        let ask = turn.ask_roster;
        let Turn { room, events, new_calls, ended_calls, opened, .. } = turn;
        let known: Vec<&Admitted> = by_key.values().chain(kept.calls.values().map(|(admitted, _)| admitted)).collect();
        check_events(&before, &room, (&events, &causes), &new_calls, &known, &self.company);
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
}

pub enum Work {
    Post(Vec<Admitted>),
    Tell(Box<Command>),
}

impl Work {
    pub fn tell(command: Command) -> Self {
        Self::Tell(Box::new(command))
    }
}

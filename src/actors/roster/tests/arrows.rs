//! Rooms and roster together, and a death at each arrow of the protocol: ask, offer, commit, confirm, release. Whatever died,
//! nobody has too much, no room is held twice, and in the end exactly the places there are are taken.

use super::*;
use crate::room::{By, Cause, Command, Customer, Fact, Ground, RoomEvent, command};

/// What dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Death {
    /// The process: every word under way and everything in memory.
    Process,
    /// The roster alone: what rooms said to it, but not what it said to them.
    Roster,
}

enum Said {
    ToRoom(usize, Command),
    ToRoster(usize, Saying),
}

#[derive(Clone)]
enum Saying {
    Ask,
    Confirm(Holding),
    Release(u64),
}

struct Play {
    scene: Scene,
    rooms: Vec<Room>,
    said: Vec<Said>,
    /// What the actor keeps beside its roster.
    offers: HashMap<(RoomId, u64), (AgentId, Because)>,
    arrows: usize,
}

impl Play {
    fn new(capacities: &[u32], rooms: usize) -> Self {
        let rooms = vec![Room::default(); rooms];
        let scene = Scene::with(capacities).by(AssignStrategy::RoundRobin);
        let mut play = Self { scene, rooms, said: vec![], offers: HashMap::new(), arrows: 0 };
        for n in 0..play.rooms.len() {
            play.happens(n, Fact::RoomCreated { channel: "web_chat".into(), customer: Customer::default() });
        }
        play
    }

    fn happens(&mut self, n: usize, fact: Fact) {
        let (by, cause, seq) = (By::System, Cause::Timer("test"), self.rooms[n].version + 1);
        self.rooms[n].apply(&RoomEvent { seq, at: self.scene.now, by, cause, fact });
    }

    /// A step of a room, durable at once, and what it then says.
    fn step(&mut self, n: usize, facts: Vec<Fact>) {
        let before = self.rooms[n].clone();
        facts.into_iter().for_each(|fact| self.happens(n, fact));
        let after = &self.rooms[n];
        let (held, holding) = (Holding::of(&before), Holding::of(after));
        let (wanted, wants) = (before.wanted().cloned(), after.wanted().cloned());
        if wants.is_some() && wants != wanted {
            self.said.push(Said::ToRoster(n, Saying::Ask));
        }
        if let Some(holding) = holding.clone().filter(|_| holding != held) {
            self.said.push(Said::ToRoster(n, Saying::Confirm(holding)));
        }
        if let Some(held) = held.filter(|held| holding.as_ref().is_none_or(|now| now.assignment != held.assignment)) {
            self.said.push(Said::ToRoster(n, Saying::Release(held.assignment)));
        }
    }

    fn asks(&mut self, n: usize) {
        let assignment = self.rooms[n].assignment + 1;
        let queued =
            Fact::RoomQueued { target: AssignTarget::Auto, assignment, reason: None, leaves: false, but: None, there: false };
        self.scene.now = self.scene.now.plus_ms(1);
        self.step(n, vec![queued]);
    }

    fn resolves(&mut self, n: usize) {
        let handled_by = self.rooms[n].assignee().cloned();
        self.step(
            n,
            vec![Fact::ConversationResolved {
                reason_code: "answered".into(),
                note: None,
                handled_by,
                pending_effects: vec![],
                closing_message: None,
            }],
        );
    }

    /// One word arrives: the one at `pick`, but never before an earlier one of the same room.
    fn arrow(&mut self, pick: usize) {
        self.arrows += 1;
        let whose = |said: &Said| match said {
            Said::ToRoom(n, _) => (true, *n),
            Said::ToRoster(n, _) => (false, *n),
        };
        let chosen = whose(&self.said[pick % self.said.len()]);
        let Some(first) = self.said.iter().position(|said| whose(said) == chosen) else { return };
        let words = match self.said.remove(first) {
            Said::ToRoom(n, told) => return self.room_hears(n, &told),
            Said::ToRoster(n, saying) => self.roster_hears(n, saying),
        };
        self.roster_says(words);
        self.check();
    }

    fn roster_hears(&mut self, n: usize, saying: Saying) -> Vec<Word> {
        let (id, now) = (room(n), self.scene.now);
        match saying {
            Saying::Ask => Ask::of(&id, &self.rooms[n]).map_or_else(Vec::new, |ask| self.scene.roster.reserve(ask, now)),
            Saying::Confirm(holding) => {
                self.offers.remove(&(id.clone(), holding.assignment));
                self.scene.roster.confirm(&id, &holding, now)
            }
            Saying::Release(assignment) => {
                self.offers.remove(&(id.clone(), assignment));
                self.scene.roster.release(&id, assignment, now)
            }
        }
    }

    fn room_hears(&mut self, n: usize, told: &Command) {
        let company = self.scene.company.clone();
        let ground = Ground { now: self.scene.now, company: &company, approved: false };
        let facts = command::decide(&self.rooms[n], told, &ground).unwrap();
        let nothing = facts.is_empty();
        self.step(n, facts);
        if let (Command::Offer { assignment, .. }, true) = (told, nothing) {
            let saying = match Holding::of(&self.rooms[n]) {
                Some(holding) if holding.assignment == *assignment => Saying::Confirm(holding),
                _ => Saying::Release(*assignment),
            };
            self.said.push(Said::ToRoster(n, saying));
        }
        self.check();
    }

    fn roster_says(&mut self, words: Vec<Word>) {
        for word in words {
            if let Word::Offer { room, assignment, agent, agent_name, because } = word {
                let n = room.as_str()[5..].parse().unwrap();
                self.offers.insert((room, assignment), (agent.clone(), because.clone()));
                let because = Some(because);
                self.said.push(Said::ToRoom(n, Command::Offer { agent, agent_name, assignment, because }));
            }
        }
    }

    fn dies(&mut self, death: Death) {
        self.said.retain(|said| death == Death::Roster && matches!(said, Said::ToRoom(..)));
        if death == Death::Process {
            self.offers.clear();
        }
        self.scene.roster = Roster::default();
        for (n, known) in self.rooms.iter().enumerate() {
            self.scene.roster.recall(&room(n), known);
        }
        for ((room, assignment), (agent, because)) in std::mem::take(&mut self.offers) {
            self.scene.roster.recall_offer(&room, &agent, assignment, because, self.scene.now);
        }
        let mut words = self.scene.directory();
        words.extend(self.scene.after_ms(0));
        self.roster_says(words);
        self.check();
    }

    fn everything_is_said(&mut self) {
        while !self.said.is_empty() {
            self.arrow(0);
        }
    }

    fn held(&self) -> Vec<usize> {
        let mut held: HashMap<&AgentId, usize> = HashMap::new();
        self.rooms.iter().filter_map(Room::assignee).for_each(|agent| *held.entry(agent).or_default() += 1);
        self.scene.company.agents.iter().map(|agent| held.get(&agent.id).copied().unwrap_or(0)).collect()
    }

    fn check(&self) {
        for (held, agent) in self.held().into_iter().zip(&self.scene.company.agents) {
            assert!(held <= agent.capacity as usize, "{:?}", self.held());
            assert!(self.scene.roster.load(&agent.id) <= agent.capacity as usize, "{:?}", self.scene.loads());
        }
    }
}

#[test]
fn a_death_at_each_arrow_neither_loses_nor_doubles_a_place() {
    // Two hundred rooms and a hundred places need more than four hundred arrows; a death is tried all along.
    for death in [Death::Process, Death::Roster] {
        let mut arrows = 0;
        for dies_at in (0..).step_by(17) {
            let mut play = Play::new(&[5; 20], 200);
            (0..200).for_each(|n| play.asks(n));
            while !play.said.is_empty() {
                if play.arrows == dies_at {
                    play.dies(death);
                    play.arrows += 1;
                    continue;
                }
                play.arrow(play.arrows * 31);
            }
            play.scene.now = play.scene.now.plus_ms(OFFER_REPEAT_MS);
            let words = play.scene.roster.tick(play.scene.now);
            play.roster_says(words);
            play.everything_is_said();
            assert_eq!(play.held(), [5; 20], "{death:?} at {dies_at}");
            assert_eq!(play.scene.roster.waiting(), 100);
            assert_eq!(play.scene.loads(), play.held());
            // Who is resolved makes room for whoever waited longest.
            let mut waiting: Vec<(Timestamp, usize)> =
                play.rooms.iter().enumerate().filter_map(|(n, room)| Some((room.wanted()?.since, n))).collect();
            waiting.sort();
            let done: Vec<usize> = (0..200).filter(|n| play.rooms[*n].assignee().is_some()).take(30).collect();
            done.into_iter().for_each(|n| play.resolves(n));
            play.everything_is_said();
            for (place, (_, n)) in waiting.iter().enumerate() {
                assert_eq!(play.rooms[*n].assignee().is_some(), place < 30, "{death:?} at {dies_at}: place {place}");
            }
            if play.arrows < dies_at {
                break;
            }
            arrows += 1;
        }
        assert!(arrows > 20, "{arrows}");
    }
}

#[test]
fn an_offer_of_a_roster_that_died_is_taken_and_its_place_is_not_given_again() {
    let mut play = Play::new(&[1], 3);
    play.asks(1);
    play.asks(2);
    play.arrow(0);
    assert!(matches!(play.said.last(), Some(Said::ToRoom(1, _))), "room 1 is offered the only place");
    // Room 0 has waited longest, and the new roster hears of it first.
    let wanted = play.rooms[1].wanted().cloned().unwrap();
    let longer = crate::room::Wanted { since: NOW.plus_ms(-60_000), ..wanted };
    play.rooms[0].control = Control::Queue(Box::new(longer));
    play.dies(Death::Roster);
    play.everything_is_said();
    assert_eq!(play.held(), [1]);
    assert_eq!(play.scene.holder(1), Some(agent(0)));
}

//! The roster alone: who is asked, who waits, and that asking, confirming and releasing may come twice, late or never.

mod arrows;
mod away;
mod fairness;
mod ladder;

use super::*;
use crate::room::{Agent, AssignStrategy, Company, CompanyNo, Control, Lifecycle, Presence};

/// 2026-12-21, a Monday, 01:00 in Jakarta.
const NOW: Timestamp = Timestamp(1_797_789_600_000_000);

struct Scene {
    roster: Roster,
    company: Company,
    now: Timestamp,
}

impl Scene {
    /// People of these capacities, all online.
    fn with(capacities: &[u32]) -> Self {
        let agents = capacities.iter().enumerate().map(|(n, capacity)| Agent {
            id: agent(n),
            name: format!("Agent {n}"),
            email: String::new(),
            divisions: vec![],
            status: Presence::Online,
            capacity: *capacity,
        });
        let company = Company { agents: agents.collect(), ..Company::empty(CompanyNo(1)) };
        let mut scene = Self { roster: Roster::default(), company, now: NOW };
        assert_eq!(scene.directory(), vec![]);
        scene
    }

    fn by(mut self, strategy: AssignStrategy) -> Self {
        self.company.settings.people.strategy = strategy;
        let _ = self.directory();
        self
    }

    fn directory(&mut self) -> Vec<Word> {
        self.roster.directory(&self.company, self.now)
    }

    fn person(&mut self, n: usize) -> &mut Agent {
        &mut self.company.agents[n]
    }

    fn asks(&mut self, n: usize) -> Vec<Word> {
        self.asks_for(n, AssignTarget::Auto)
    }

    fn asks_for(&mut self, n: usize, target: AssignTarget) -> Vec<Word> {
        self.roster.reserve(ask(n, target), self.now)
    }

    /// Asks and takes what is offered to this room and to others.
    fn settles(&mut self, n: usize) -> Option<AgentId> {
        let words = self.asks(n);
        self.take(&words);
        self.holder(n)
    }

    fn take(&mut self, words: &[Word]) {
        for word in words {
            if let Word::Offer { room, assignment, agent, .. } = word {
                let _ = self.roster.confirm(room, &holding(agent, *assignment), self.now);
            }
        }
    }

    fn holder(&self, n: usize) -> Option<AgentId> {
        let mut people = self.company.agents.iter().map(|agent| &agent.id);
        people.find(|agent| self.roster.standing(agent).rooms.contains(&room(n))).cloned()
    }

    fn leaves(&mut self, n: usize) -> Vec<Word> {
        self.roster.release(&room(n), 1, self.now)
    }

    fn loads(&self) -> Vec<usize> {
        self.company.agents.iter().map(|agent| self.roster.load(&agent.id)).collect()
    }

    fn after_ms(&mut self, ms: i64) -> Vec<Word> {
        self.now = self.now.plus_ms(ms);
        self.roster.tick(self.now)
    }
}

fn agent(n: usize) -> AgentId {
    AgentId::trusted(&format!("agt_{n:02}"))
}

fn room(n: usize) -> RoomId {
    RoomId::trusted(&format!("room-{n:03}"))
}

fn ask(n: usize, target: AssignTarget) -> Ask {
    let since = NOW.plus_ms(n as i64);
    let channel = "web_chat".to_owned();
    Ask { room: room(n), assignment: 1, target, since, but: None, last: None, channel, rests: false }
}

fn holding(agent: &AgentId, assignment: u64) -> Holding {
    Holding { agent: agent.clone(), assignment, since: NOW, channel: "web_chat".into(), snoozed: false }
}

/// Rooms offered, with whom.
fn offers(words: &[Word]) -> Vec<(RoomId, AgentId)> {
    let offer = |word: &Word| match word {
        Word::Offer { room, agent, .. } => Some((room.clone(), agent.clone())),
        _ => None,
    };
    words.iter().filter_map(offer).collect()
}

fn position(words: &[Word]) -> Option<u64> {
    words.iter().find_map(|word| match word {
        Word::QueuedAt { position, .. } => Some(*position),
        _ => None,
    })
}

fn because(words: &[Word]) -> Because {
    let found = words.iter().find_map(|word| match word {
        Word::Offer { because, .. } => Some(because.clone()),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn asking_again_is_answered_again_and_takes_no_second_place() {
    let mut scene = Scene::with(&[2]);
    let first = scene.asks(1);
    assert_eq!(scene.asks(1), first);
    assert_eq!(scene.loads(), [1]);
}

#[test]
fn a_free_place_goes_to_whoever_waited_longest() {
    let mut scene = Scene::with(&[1]);
    scene.settles(0);
    // The later room asks first: its own waiting time counts, not the order of asking.
    assert_eq!((position(&scene.asks(2)), position(&scene.asks(1)), position(&scene.asks(2))), (Some(1), Some(1), Some(2)));
    assert_eq!(offers(&scene.leaves(0)), [(room(1), agent(0))]);
}

#[test]
fn release_and_confirm_of_something_unknown() {
    let mut scene = Scene::with(&[1]);
    assert_eq!(scene.leaves(7), vec![]);
    let _ = scene.roster.confirm(&room(8), &holding(&agent(0), 1), NOW);
    assert_eq!(scene.loads(), [1], "the room is right");
    assert_eq!(position(&scene.asks(1)), Some(1));
}

#[test]
fn a_late_word_of_an_earlier_assignment_changes_nothing() {
    let mut scene = Scene::with(&[1, 1]);
    let _ = scene.roster.confirm(&room(1), &holding(&agent(1), 5), NOW);
    let _ = scene.roster.confirm(&room(1), &holding(&agent(0), 4), NOW);
    assert_eq!(scene.asks(1), vec![], "assignment 1 was long ago");
    assert_eq!(scene.loads(), [0, 1]);
}

#[test]
fn a_roster_made_again_from_the_rooms_knows_what_the_old_one_knew() {
    let control = Control::Person { agent: agent(0), assignment: 4 };
    let held = Room { control, ..Room::default() };
    let mut scene = Scene::with(&[1]);
    scene.roster = Roster::default();
    scene.roster.recall(&room(1), &held);
    let _ = scene.directory();
    assert_eq!(position(&scene.asks(2)), Some(1), "the only place is taken");
}

#[test]
fn an_unanswered_offer_is_made_again_and_never_freed() {
    let mut scene = Scene::with(&[1]);
    let offer = scene.asks(1);
    assert_eq!(scene.roster.repeat_offers(NOW.plus_ms(OFFER_REPEAT_MS - 1)), vec![]);
    assert_eq!(scene.roster.repeat_offers(NOW.plus_ms(OFFER_REPEAT_MS)), offer);
    assert_eq!(scene.loads(), [1]);
    scene.take(&offer);
    assert_eq!(scene.roster.repeat_offers(NOW.plus_ms(9 * OFFER_REPEAT_MS)), vec![]);
}

#[test]
fn what_a_room_weighs_is_its_channels_and_nothing_while_it_sleeps() {
    let mut scene = Scene::with(&[4]);
    scene.company.settings.people.channel_weights.insert("email".into(), 3);
    let _ = scene.directory();
    let heavy = |n| Ask { channel: "email".into(), ..ask(n, AssignTarget::Auto) };
    let words = scene.roster.reserve(heavy(1), NOW);
    scene.take(&words);
    let email = Holding { channel: "email".into(), ..holding(&agent(0), 1) };
    let _ = scene.roster.confirm(&room(1), &email, NOW);
    assert_eq!(scene.loads(), [3]);
    assert_eq!(position(&scene.roster.reserve(heavy(2), NOW)), Some(1), "three and three are more than four");
    assert_eq!(position(&scene.asks(3)), Some(2), "and nobody overtakes it, though one place is free");
    let woken = email.clone();
    let words = scene.roster.confirm(&room(1), &Holding { snoozed: true, ..email }, NOW);
    assert_eq!(offers(&words), [(room(2), agent(0)), (room(3), agent(0))], "its place is free while it sleeps");
    scene.take(&words);
    let _ = scene.roster.confirm(&room(1), &woken, NOW);
    assert_eq!(scene.loads(), [5], "when it wakes, its person has too much for once");
    assert_eq!(position(&scene.asks(4)), Some(1));
}

#[test]
fn a_room_that_nobody_could_ever_take_holds_up_no_one() {
    let mut scene = Scene::with(&[2]);
    scene.company.settings.people.channel_weights.insert("email".into(), 9);
    let _ = scene.directory();
    let heavy = Ask { channel: "email".into(), ..ask(1, AssignTarget::Auto) };
    assert_eq!(position(&scene.roster.reserve(heavy, NOW)), Some(1));
    assert_eq!(offers(&scene.asks(2)), [(room(2), agent(0))]);
}

#[test]
fn an_audit_counts_what_two_looks_saw_and_believes_the_store() {
    let mut scene = Scene::with(&[3, 3]);
    scene.settles(1);
    scene.settles(2);
    let first = scene.holder(1).unwrap();
    let mut stored: HashSet<(RoomId, AgentId)> = [(room(1), first.clone())].into();
    assert_eq!(scene.roster.audit(&stored).wrong, 0, "a word may be under way");
    stored.insert((room(9), agent(0)));
    let found = scene.roster.audit(&stored);
    assert_eq!((found.wrong, found.unheard), (1, vec![]), "room 2 is held by nobody");
    assert_eq!((scene.holder(2), scene.holder(1)), (None, Some(first)));
    let found = scene.roster.audit(&stored);
    assert_eq!((found.wrong, found.unheard), (1, vec![room(9)]), "room 9 is to say so itself");
}

#[test]
fn what_a_room_says_of_itself_is_read_off_it() {
    let mut held = Room { control: Control::Person { agent: agent(3), assignment: 4 }, ..Room::default() };
    held.channel = "email".into();
    assert_eq!(Ask::of(&room(1), &held), None);
    assert_eq!(Holding::of(&held).map(|holding| (holding.assignment, holding.snoozed)), Some((4, false)));
    held.lifecycle = Lifecycle::Snoozed { until: NOW };
    assert!(Holding::of(&held).unwrap().snoozed);
    assert_eq!(Holding::of(&Room::default()), None);
}

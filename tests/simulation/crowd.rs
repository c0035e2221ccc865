//! Two hundred rooms ask at once for twenty people with five places each, thirty of them are done, somebody leaves and comes back,
//! and at each arrow of the protocol between rooms and roster the process dies once: what was committed is there, what was only
//! said is lost. Whatever dies, a hundred have a place and a hundred wait, nobody has too many, and who waited longest comes next.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{
    Batch, CallOutcome, CommandOutcome, FaultPoint, Faults, RoomRouter, RouterOptions, Standing, SystemClock, Threads, clock,
};
use bellhop::catalog::Has;
use bellhop::room::{
    Agent, AgentId, AssignStrategy, CallStatus, Cause, Command, Company, Customer, Fact, OfflinePolicy, People, Presence, Room,
    Settings, Timestamp,
};
use bellhop::store::memory::{Fault, MemoryStore, Pace};

use super::actors::{caller, disk};
use super::dice::Dice;
use super::queues::until;
use super::world::{self, COMPANY};

const ROOMS: u64 = 200;
const PEOPLE: u64 = 20;
const PLACES: usize = 5;
const HELD: usize = 100;
/// Conversations that are resolved.
const DONE_WITH: usize = 30;
const LONGEST: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(1);
/// Whoever asks has this much patience, and then asks again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What has just happened when the process dies, and how often at most it happens in that part of a play.
type Arrow = (&'static str, u64);
const ASKING: [Arrow; 7] = [
    ("queued_committed", 200),
    ("asked", 200),
    ("place_reserved", 100),
    ("offered", 100),
    ("assigned_committed", 100),
    ("confirmed", 100),
    ("put_in_queue", 100),
];
const DONE: [Arrow; 5] =
    [("release_committed", 30), ("released", 30), ("offered", 30), ("assigned_committed", 30), ("confirmed", 30)];
const LEAVING: [Arrow; 5] = [("directory_read", 1), ("queued_committed", 5), ("asked", 5), ("released", 5), ("put_in_queue", 5)];
const COMING: [Arrow; 4] = [("directory_read", 1), ("offered", 1), ("assigned_committed", 5), ("confirmed", 5)];
/// Plays in which every arrow of each part has its turn.
pub const PLAYS: u64 = ASKING.len() as u64;

/// The staff with this person as they are now; `None`: removed.
fn staff(who: u64, is: Option<Presence>) -> Company {
    let agent = |n: u64| Agent {
        id: id(n),
        name: format!("Agent {n}"),
        email: format!("agent{n}@example.com"),
        divisions: vec![],
        status: is.filter(|_| n == who).unwrap_or(Presence::Online),
        capacity: 5,
    };
    let strategy = AssignStrategy::RoundRobin;
    let people = People { strategy, on_offline: OfflinePolicy::RequeueNow, offline_grace_s: 0, ..People::default() };
    Company {
        agents: (0..PEOPLE).filter(|n| *n != who || is.is_some()).map(agent).collect(),
        settings: Settings { people, ..Settings::default() },
        ..Company::empty(COMPANY)
    }
}

fn id(n: u64) -> AgentId {
    AgentId::trusted(&format!("agt_{n:02}"))
}

pub fn play(seed: u64) {
    actix::System::new().block_on(life(seed));
}

async fn life(seed: u64) {
    let (mut dice, whole) = (Dice::new(seed), staff(0, Some(Presence::Online)));
    let at = |arrows: &[Arrow]| arrows[usize::try_from(seed).unwrap() % arrows.len()];
    let store = MemoryStore::new(Pace::AtOnce);
    store.put_company(whole.clone());
    let first = Process::starts(store, seed);
    first.has_rooms().await;

    let process = first.dies(at(&ASKING), &mut dice, |router, _| asks(router, 0..ROOMS)).await;
    asks(process.router.clone(), 0..ROOMS).await;
    process.is_settled(HELD, 100).await;
    for n in 0..ROOMS {
        assert!(process.given(n) <= 1, "seed {seed}: room {n} was given twice");
    }

    let waited = process.waiting();
    let held = (0..ROOMS).filter(|n| process.holder(*n).is_some());
    let done: Vec<u64> = held.skip(usize::try_from(dice.roll(3)).unwrap()).step_by(3).take(DONE_WITH).collect();
    let ending = done.clone();
    let process = process.dies(at(&DONE), &mut dice, |router, _| resolves(router, ending)).await;
    resolves(process.router.clone(), done).await;
    process.is_settled(HELD, 100 - DONE_WITH).await;
    process.has_served_in_order(&waited, DONE_WITH);

    // Somebody with five conversations leaves, by their own word or out of the directory.
    let who = dice.roll(PEOPLE);
    let (gone, waited) = (staff(who, dice.rarely(2).then_some(Presence::Offline)), process.waiting());
    let process = process.dies(at(&LEAVING), &mut dice, |router, store| changes(router, store, gone)).await;
    process.is_settled(HELD - PLACES, 100 - DONE_WITH + PLACES).await;
    assert!((0..ROOMS).all(|n| process.holder(n) != Some(id(who))), "seed {seed}: whoever is gone has nothing");

    let process = process.dies(at(&COMING), &mut dice, |router, store| changes(router, store, whole)).await;
    process.is_settled(HELD, 100 - DONE_WITH).await;
    process.has_served_in_order(&waited, PLACES);
    process.ends();
}

/// While places are left, nobody has two conversations more than anybody else.
#[test]
fn a_quarter_of_the_crowd_is_spread_evenly() {
    actix::System::new().block_on(async {
        let store = MemoryStore::new(Pace::AtOnce);
        store.put_company(staff(0, Some(Presence::Online)));
        let process = Process::starts(store, 0);
        process.has_rooms().await;
        asks(process.router.clone(), 0..50).await;
        process.is_settled(50, 0).await;
        let each = process.holders();
        let (least, most) = (each.values().min(), each.values().max());
        assert_eq!((each.len(), least, most), (20, Some(&2), Some(&3)), "{each:?}");
        process.ends();
    });
}

async fn asks(router: RoomRouter, rooms: impl Iterator<Item = u64>) {
    futures_util::future::join_all(rooms.map(|n| insists(router.clone(), n))).await;
}

/// Their people are done with these.
async fn resolves(router: RoomRouter, rooms: Vec<u64>) {
    let resolved = Command::Resolve { reason_code: "answered".into(), note: None };
    let told = rooms.into_iter().map(|n| tells(router.clone(), n, resolved.clone()));
    futures_util::future::join_all(told).await;
}

/// Until it is known to be so.
async fn tells(router: RoomRouter, room: u64, command: Command) {
    for _ in 0..2_000 {
        let told = router.command(world::address(room), command.clone(), caller(), Cause::Request("req".into())).await;
        if matches!(told, CommandOutcome::Done { .. }) {
            return;
        }
        tokio::time::sleep(MOMENT).await;
    }
    panic!("room {room} does not hear {command:?}");
}

/// Until the caller is told how the assignment ended: well.
async fn insists(router: RoomRouter, room: u64) {
    let address = world::address(room);
    let call = world::named_call(&address, 1, "assign_agent", r#"{"mode":"auto"}"#, Has::default());
    for _ in 0..2_000 {
        let batch = Batch { calls: vec![call.clone()], caller: caller() };
        if let CallOutcome::Answered(answers) = router.call(address.clone(), batch, PATIENCE).await {
            assert_eq!(answers.get().calls[0].status, CallStatus::Succeeded, "{answers:?}");
            return;
        }
        tokio::time::sleep(MOMENT).await;
    }
    panic!("room {room} is not told who has it");
}

/// Written by somebody else, who only tells that it was.
async fn changes(router: RoomRouter, store: Arc<MemoryStore>, company: Company) {
    store.put_company(company);
    router.company_changed(COMPANY).await.expect("a company");
}

/// The arrow that leaves a room once this is durable.
fn committed(fact: &Fact) -> &'static str {
    match fact {
        Fact::RoomQueued { .. } => "queued_committed",
        Fact::AgentAssigned { .. } => "assigned_committed",
        Fact::ConversationResolved { .. } => "release_committed",
        _ => "",
    }
}

struct Process {
    seed: u64,
    router: RoomRouter,
    store: Arc<MemoryStore>,
    arbiters: Vec<actix::Arbiter>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    /// At how many more passings of which arrow it dies.
    dies_at: Arc<Mutex<Option<Arrow>>>,
    is_dead: Arc<AtomicBool>,
}

impl Process {
    fn starts(store: Arc<MemoryStore>, seed: u64) -> Self {
        let (dies_at, is_dead) = (Arc::<Mutex<Option<Arrow>>>::default(), Arc::new(AtomicBool::new(false)));
        let (left, gone, writes) = (dies_at.clone(), is_dead.clone(), store.clone());
        let faults = Faults::with(move |point| {
            let passes = |arrow: &str| match &point {
                FaultPoint::Decide(..) => 0,
                FaultPoint::Landed(_, events) => events.iter().filter(|event| committed(&event.fact) == arrow).count() as u64,
                FaultPoint::Roster(name) => u64::from(*name == arrow),
            };
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((arrow, passings)) = left.as_mut() {
                *passings = passings.saturating_sub(passes(arrow));
                if *passings == 0 {
                    // Nothing that comes after this moment is written, and whoever is at work does nothing more.
                    writes.set_full(true);
                    gone.store(true, Ordering::SeqCst);
                }
            }
            drop(left);
            if gone.load(Ordering::SeqCst) {
                panic!("told to die");
            }
        });
        let threads = Threads::new(2);
        let arbiters: Vec<actix::Arbiter> = (0..2).map(|_| actix::Arbiter::new()).collect();
        arbiters.iter().for_each(|arbiter| threads.join(&arbiter.handle()));
        store.deliver_to(Arc::new(threads.clone()));
        let mut dice = Dice::new(seed);
        store.choose(move |_| if dice.rarely(8) { Fault::Slow } else { Fault::None });
        let options = RouterOptions { faults, ..RouterOptions::default() };
        let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
        let router = RoomRouter::new(options, store.clone(), memory, clock, threads);
        let tasks = vec![
            actix::spawn(disk(store.clone())),
            actix::spawn(clock::bring_timers(router.clone())),
            actix::spawn(clock::resume_open_calls(router.clone())),
        ];
        Self { seed, router, store, arbiters, tasks, dies_at, is_dead }
    }

    async fn has_rooms(&self) {
        for n in 0..ROOMS {
            let describe = Command::Describe { channel: "web_chat".into(), customer: Customer::default() };
            tells(self.router.clone(), n, describe).await;
        }
    }

    /// Dies of this work, at some passing of this arrow. In half of the plays the next one dies as well, while it finds out what
    /// there is to do.
    async fn dies<W: Future<Output = ()>>(
        self,
        (arrow, most): Arrow,
        dice: &mut Dice,
        work: impl FnOnce(RoomRouter, Arc<MemoryStore>) -> W,
    ) -> Self {
        let (seed, passing) = (self.seed, 1 + dice.roll(most));
        *self.dies_at.lock().unwrap() = Some((arrow, passing));
        let work = work(self.router.clone(), self.store.clone());
        tokio::select! {
            () = until("it is dead", || self.is_dead.load(Ordering::SeqCst)) => {}
            () = async { work.await; std::future::pending().await } => {}
        }
        let mut store = self.ends();
        if dice.rarely(2) {
            let process = Self::starts(store, dice.next());
            tokio::time::sleep(Duration::from_micros(dice.roll(20_000))).await;
            store = process.ends();
        }
        Self { seed, ..Self::starts(store, dice.next()) }
    }

    /// What the next one finds.
    fn ends(self) -> Arc<MemoryStore> {
        self.store.set_full(true);
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        let next = self.store.reborn();
        next.set_full(false);
        self.router.clear();
        self.arbiters.iter().for_each(|arbiter| {
            arbiter.stop();
        });
        next
    }

    /// Every call has its end, so many rooms have a person and so many wait, and the roster says the same.
    async fn is_settled(&self, held: usize, waiting: usize) {
        let seed = self.seed;
        let ended = || self.store.calls().iter().all(|call| call.answer.status.is_final());
        until("every call ends", ended).await;
        let stands = || {
            let rooms: Vec<Room> = (0..ROOMS).map(|n| self.room(n)).collect();
            let mut each: BTreeMap<&AgentId, usize> = BTreeMap::new();
            rooms.iter().filter_map(Room::assignee).for_each(|agent| *each.entry(agent).or_default() += 1);
            assert!(each.values().all(|held| *held <= PLACES), "seed {seed}: I3: somebody has more than five: {each:?}");
            (each.values().sum(), rooms.iter().filter(|room| room.wanted().is_some()).count())
        };
        until(&format!("seed {seed}: {held} have a person and {waiting} wait"), || stands() == (held, waiting)).await;
        let company = self.router.company(COMPANY).await.expect("a company");
        let everybody: Vec<AgentId> = (0..PEOPLE).map(id).collect();
        let end = Instant::now() + LONGEST;
        loop {
            let says = self.router.standings(&company, everybody.clone()).await.unwrap_or_default();
            let own: Vec<Standing> = everybody.iter().map(|agent| self.standing(agent)).collect();
            if says == own {
                break;
            }
            assert!(Instant::now() < end, "seed {seed}: I2: places are exactly the rooms held: {says:?}, and not {own:?}");
            tokio::time::sleep(MOMENT).await;
        }
        assert_eq!(stands(), (held, waiting), "seed {seed}: and so it stays");
    }

    /// Of those who waited then, so many have a person now, and they had waited longest.
    fn has_served_in_order(&self, waited: &[(Timestamp, u64)], many: usize) {
        let (served, waits): (Vec<_>, Vec<_>) = waited.iter().partition(|(_, n)| self.holder(*n).is_some());
        assert_eq!(served.len(), many, "seed {}: as many as places became free", self.seed);
        let (last, first) = (served.iter().map(|(at, _)| at).max(), waits.iter().map(|(at, _)| at).min());
        assert!(last <= first, "seed {}: somebody was overtaken: {last:?} {first:?}", self.seed);
    }

    fn room(&self, n: u64) -> Room {
        serde_json::from_slice(&self.store.snapshot(&world::address(n)).expect("a room")).expect("a snapshot")
    }

    fn holder(&self, n: u64) -> Option<AgentId> {
        self.room(n).assignee().cloned()
    }

    /// How many each of them has.
    fn holders(&self) -> BTreeMap<AgentId, usize> {
        let mut held = BTreeMap::new();
        (0..ROOMS).filter_map(|n| self.holder(n)).for_each(|agent| *held.entry(agent).or_default() += 1);
        held
    }

    /// As the rooms say it.
    fn standing(&self, agent: &AgentId) -> Standing {
        let mut rooms: Vec<_> =
            (0..ROOMS).filter(|n| self.holder(*n).as_ref() == Some(agent)).map(|n| world::address(n).room).collect();
        rooms.sort();
        Standing { load: u32::try_from(rooms.len()).unwrap(), rooms }
    }

    /// Rooms in the queue, and since when.
    fn waiting(&self) -> Vec<(Timestamp, u64)> {
        (0..ROOMS).filter_map(|n| Some((self.room(n).wanted()?.since, n))).collect()
    }

    /// How often the room was given to somebody.
    fn given(&self, n: u64) -> usize {
        let events = self.store.events(&world::address(n));
        events.iter().filter(|event| matches!(event.fact, Fact::AgentAssigned { .. })).count()
    }
}

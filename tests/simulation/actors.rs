//! The real actors over the memory store: several threads, clients that retry by id, commits that get lost, actors and whole
//! processes that die, decisions that panic. What is asserted is read from the store, when a client is told something and at the
//! end.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellhop::actors::ports::{Clock, Commit, Memory};
use bellhop::actors::{
    Batch, CallOutcome, Caller, CommandOutcome, FaultPoint, Faults, RoomRouter, RoomSummary, RouterOptions, SystemClock, Threads,
    clock,
};
use bellhop::catalog::Admitted;
use bellhop::room::{AiAgentId, By, CallKey, CallStatus, Cause, Command, Control, Customer, Fact, Room, RoomAddress, Writer};
use bellhop::store::memory::{Fault, MemoryStore, Pace};

use super::dice::Dice;
use super::world::{self, CAPACITY, COMPANY};

const ROOMS: u64 = 5;
const CLIENTS: u64 = 4;
const CALLS: u64 = 25;
/// Calls whose id ends so panic every time they are decided.
const POISON: &str = "-7";

type ToldCalls = HashMap<CallKey, (Admitted, CallStatus, Arc<str>)>;

/// What the clients of all processes of one life were told, and what they see of the store.
#[derive(Clone)]
struct Clients {
    calls: Arc<Mutex<ToldCalls>>,
    messages: Arc<Mutex<HashSet<(RoomAddress, String)>>>,
    /// Whose id was another call's, they were told.
    reused: Arc<Mutex<Vec<Admitted>>>,
    router: RoomRouter,
    store: Arc<MemoryStore>,
    /// The last process: no faults, so whoever asks long enough is answered.
    calm: bool,
}

/// What a commit must never be, told when the life is over: a panic inside the store would only be one more death.
type Wrong = Arc<Mutex<Vec<String>>>;

pub fn play(seed: u64) {
    std::panic::set_hook(Box::new(|_| {}));
    let system = actix::System::new();
    system.block_on(life(seed));
    let _ = std::panic::take_hook();
}

async fn life(seed: u64) {
    let (calls, messages, reused, wrong) = (Arc::default(), Arc::default(), Arc::default(), Wrong::default());
    let mut store = MemoryStore::new(Pace::AtOnce);
    store.put_company(world::company());
    // Three processes after each other on one store: the first two die in mid-work.
    for process in 0..3 {
        let calm = process == 2;
        let (router, arbiters) = start_watched(&store, seed * 3 + process, calm, wrong.clone());
        let disk = actix::spawn(disk(store.clone()));
        create_rooms(&router).await;
        let timers = actix::spawn(clock::bring_timers(router.clone()));
        actix::spawn(clock::resume_open_calls(router.clone()));
        let (router, store_now) = (router.clone(), store.clone());
        let clients = Clients {
            calls: Arc::clone(&calls),
            messages: Arc::clone(&messages),
            reused: Arc::clone(&reused),
            router: router.clone(),
            store: store_now,
            calm,
        };
        let work = futures_util::future::join_all((0..CLIENTS).map(|client| {
            let mut dice = Dice::new(seed ^ (process << 40) ^ (client << 48));
            clients.clone().live(move || dice.next())
        }));
        if calm {
            work.await;
            settle(&router, &store).await;
        } else {
            let dies_at = Duration::from_millis(2 + seed % 23);
            let _ = tokio::time::timeout(dies_at, work).await;
            // The process is gone: its store answers nobody any more, a new one reads what is there.
            store.set_full(true);
        }
        timers.abort();
        disk.abort();
        let next = store.reborn();
        next.set_full(false);
        router.clear();
        for arbiter in arbiters {
            arbiter.stop();
        }
        if calm {
            check(&next, &calls.lock().unwrap(), &messages.lock().unwrap());
            check_ids(&next, &calls.lock().unwrap(), &reused.lock().unwrap());
            assert_eq!(*wrong.lock().unwrap(), [""; 0], "what the store was asked to write");
        }
        store = next;
    }
}

/// A disk that takes its time: what it holds up is written a moment later, with everything that gathered behind it.
pub async fn disk(store: Arc<MemoryStore>) {
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if store.is_held() {
            store.release();
        }
    }
}

pub fn start(store: &Arc<MemoryStore>, seed: u64, calm: bool) -> (RoomRouter, Vec<actix::Arbiter>) {
    let started = start_watched(store, seed, calm, Wrong::default());
    store.choose(|_| Fault::None);
    started
}

fn start_watched(store: &Arc<MemoryStore>, seed: u64, calm: bool, wrong: Wrong) -> (RoomRouter, Vec<actix::Arbiter>) {
    let threads = Threads::new(2);
    let arbiters: Vec<actix::Arbiter> = (0..2).map(|_| actix::Arbiter::new()).collect();
    for arbiter in &arbiters {
        threads.join(&arbiter.handle());
    }
    store.deliver_to(Arc::new(threads.clone()));
    let mut dice = Dice::new(seed ^ 0xFA17);
    store.choose(move |commit| {
        wrong.lock().unwrap().extend(what_is_wrong(commit));
        match dice.roll(40) {
            0 if !calm => Fault::NotWritten,
            1 if !calm => Fault::MaybeWritten { written: true },
            2 if !calm => Fault::MaybeWritten { written: false },
            3 if !calm => Fault::Conflict,
            4..=9 => Fault::Slow,
            _ => Fault::None,
        }
    });
    let dice = Mutex::new(Dice::new(seed ^ 0x0FF));
    let faults = Faults::with(move |point| match point {
        FaultPoint::Decide(_, call_id) if call_id.as_str().ends_with(POISON) => panic!("this call is poison"),
        FaultPoint::Landed(..) if !calm && dice.lock().unwrap().rarely(60) => panic!("an actor dies between commit and answer"),
        _ => {}
    });
    let options = RouterOptions { faults, ..RouterOptions::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let memory: Arc<dyn Memory> = store.clone();
    (RoomRouter::new(options, store.clone(), memory, clock, threads), arbiters)
}

pub fn caller() -> Caller {
    let ai_agent = AiAgentId::trusted("sales");
    Caller { company: COMPANY, by: By::AiAgent(ai_agent), key_id: "key_1".into() }
}

async fn tell(router: &RoomRouter, room: &RoomAddress, command: Command) -> bool {
    let cause = Cause::Request("req".into());
    matches!(
        router.command(room.clone(), command, caller(), cause).await,
        CommandOutcome::Done { .. } | CommandOutcome::Refused(_)
    )
}

pub async fn create_rooms(router: &RoomRouter) {
    for n in 0..ROOMS {
        let describe = Command::Describe { channel: "web_chat".into(), customer: Customer::default() };
        while !tell(router, &world::address(n), describe.clone()).await {}
    }
}

/// What no store should have to refuse: the room itself knows its own step.
fn what_is_wrong(commit: &Commit) -> Vec<String> {
    let mut wrong = vec![];
    let mut say = |fine: bool, what: &str| {
        if !fine {
            wrong.push(format!("{what}: {} to version {}", commit.address.room, commit.version));
        }
    };
    let calls: HashSet<CallKey> = commit.new_calls.iter().map(|new| new.call.key).collect();
    say(calls.len() == commit.new_calls.len(), "invariant 4: a call twice in one step");
    let messages: HashSet<_> = commit.messages.iter().collect();
    say(messages.len() == commit.messages.len(), "invariant 4: a message twice in one step");
    let ended: HashSet<CallKey> = commit.ended_calls.iter().map(|ended| ended.key).collect();
    say(ended.len() == commit.ended_calls.len() && ended.is_disjoint(&calls), "a call's state twice in one step");
    say(commit.version - commit.expected_version == commit.events.len() as i64, "a version that is not its events");
    wrong
}

impl Clients {
    /// Posts calls and retries each by its id until it knows; in between it does what operators and customers do.
    async fn live(self, mut next: impl FnMut() -> u64) {
        for n in 0..CALLS {
            let mut dice = Dice::new(next());
            let room = world::address(dice.roll(ROOMS));
            match dice.roll(12) {
                0 => drop(self.router.kill(&room)),
                1 => drop(self.router.passivate(&room)),
                2 => drop(self.tells(&room, Command::Pause { reason: None }).await),
                3 | 4 => drop(self.tells(&room, Command::Resume).await),
                5 => self.writes(&room, format!("m{n}-{}", dice.next()), dice.rarely(2)).await,
                _ => {}
            }
            let admitted = world::call(&mut dice, &room, 40, &Room::default());
            // A client that lost patience, and its other half that did not: the same call, twice on its way or more.
            let posts = (0..=dice.roll(3)).map(|_| self.posts(&room, &admitted));
            futures_util::future::join_all(posts).await;
        }
    }

    /// One call until its answer.
    async fn posts(&self, room: &RoomAddress, admitted: &Admitted) {
        for _ in 0..self.attempts() {
            let batch = Batch { calls: vec![admitted.clone()], caller: caller() };
            match self.router.call(room.clone(), batch, Duration::from_millis(30)).await {
                CallOutcome::Answered(answers) | CallOutcome::Accepted(answers) => {
                    let answer = &answers.get().calls[0];
                    self.are_told(room, &answers.get().room);
                    return self.hear(admitted, answer.status, &answer.body);
                }
                CallOutcome::KeyReused { .. } => return self.reused.lock().unwrap().push(admitted.clone()),
                CallOutcome::UnknownRoom => panic!("a room that was made is unknown"),
                _ => tokio::task::yield_now().await,
            }
        }
        assert!(!self.calm, "nobody answers {}", admitted.call.call_id);
    }

    fn attempts(&self) -> u32 {
        if self.calm { 1_000 } else { 20 }
    }

    /// A customer's message, sent again until it is known to have arrived, and sometimes once more.
    async fn writes(&self, room: &RoomAddress, message_id: String, twice: bool) {
        let message =
            Command::Message { message_id: message_id.clone(), from: Writer::Customer, agent_id: None, text: "hello".into() };
        for _ in 0..self.attempts() {
            let (one, other) =
                tokio::join!(self.tells(room, message.clone()), async { twice && self.tells(room, message.clone()).await });
            if one || other {
                self.messages.lock().unwrap().insert((room.clone(), message_id));
                return;
            }
        }
        assert!(!self.calm, "nobody takes {message_id}");
    }

    /// `true`: it is known to have been done.
    async fn tells(&self, room: &RoomAddress, command: Command) -> bool {
        let cause = Cause::Request("req".into());
        match self.router.command(room.clone(), command, caller(), cause).await {
            CommandOutcome::Done { room: summary, .. } => {
                self.are_told(room, &summary);
                true
            }
            _ => false,
        }
    }

    /// Every answer speaks of the room at a version; the store has it by then.
    fn are_told(&self, room: &RoomAddress, summary: &RoomSummary) {
        let durable = self.store.events(room).len() as i64;
        assert!(summary.version <= durable, "invariant 3: told of version {} at {durable} of {}", summary.version, room.room);
    }

    fn hear(&self, admitted: &Admitted, status: CallStatus, body: &Arc<str>) {
        let mut told = self.calls.lock().unwrap();
        let earlier = told.get(&admitted.call.key).filter(|(_, status, _)| status.is_final());
        if let Some((_, before, text)) = earlier {
            // Two posts of one call may be answered in either order.
            if status.is_final() {
                assert_eq!((*before, text), (status, body), "I8: the same call is answered the same, whoever asks");
            }
            return;
        }
        told.insert(admitted.call.key, (admitted.clone(), status, body.clone()));
    }
}

/// Lets everything that waits go on and waits until it did.
async fn settle(router: &RoomRouter, store: &MemoryStore) {
    for _ in 0..20_000 {
        for n in 0..ROOMS {
            tell(router, &world::address(n), Command::Resume).await;
        }
        if store.calls().iter().all(|call| call.answer.status.is_final()) && router.busy_rooms() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let open: Vec<_> =
        store.calls().into_iter().filter(|call| !call.answer.status.is_final()).map(|call| call.call.call_id).collect();
    panic!("these calls never ended: {open:?}");
}

/// I8: who asks the same under the same id hears of that call, and who asks something else hears that the id is another's.
fn check_ids(store: &MemoryStore, told: &ToldCalls, reused: &[Admitted]) {
    let meant: HashMap<CallKey, _> = store.calls().into_iter().map(|row| (row.call.key, row.call.meaning)).collect();
    for (admitted, _, _) in told.values() {
        let stored = meant.get(&admitted.call.key);
        assert_eq!(stored, Some(&admitted.call.meaning), "I8: told of another call's end: {}", admitted.call.call_id);
    }
    for admitted in reused {
        let stored = meant.get(&admitted.call.key);
        assert!(stored.is_some_and(|stored| *stored != admitted.call.meaning), "I8: its own id: {}", admitted.call.call_id);
    }
}

fn check(store: &MemoryStore, told: &ToldCalls, messages: &HashSet<(RoomAddress, String)>) {
    for (room, told) in messages {
        let arrived = |fact: &Fact| matches!(fact, Fact::MessageReceived { message_id, .. } if message_id == told);
        let count = store.events(room).iter().filter(|event| arrived(&event.fact)).count();
        assert_eq!(count, 1, "a message that was acknowledged is in the journal, once: {told}");
    }
    let calls = store.calls();
    let mut rows: HashMap<CallKey, _> = HashMap::new();
    for row in &calls {
        assert!(rows.insert(row.call.key, row).is_none(), "invariant 4, I8: one row a call");
        let poison = row.call.call_id.as_str().ends_with(POISON);
        assert_eq!(row.answer.status == CallStatus::Dead, poison, "poison is dead, and only poison: {:?}", row.call);
    }
    for (key, (admitted, status, body)) in told {
        let row =
            rows.get(key).unwrap_or_else(|| panic!("invariant 3: told of {} and it is not in the store", admitted.call.call_id));
        if status.is_final() {
            assert_eq!((row.answer.status, &row.answer.body), (*status, body), "what was told is what is stored");
        }
    }
    let mut holders: HashMap<String, u32> = HashMap::new();
    for address in store.addresses() {
        let events = store.events(&address);
        let mut room = Room::default();
        for (n, event) in events.iter().enumerate() {
            assert_eq!(event.seq, n as i64 + 1, "I5: the journal has no gap");
            room.apply(event);
        }
        let snapshot: Room = serde_json::from_slice(&store.snapshot(&address).unwrap()).unwrap();
        assert_eq!(snapshot, room, "the snapshot is the fold of the journal");
        assert!(room.parked.is_empty(), "everything ended");
        if let Control::Person { agent, .. } = &room.control {
            *holders.entry(agent.to_string()).or_default() += 1;
        }
        let mut ended = HashSet::new();
        for event in &events {
            if let Fact::CallAnswered { call_id, .. } = &event.fact {
                assert!(ended.insert(call_id.clone()), "I8: a call ends once");
            }
        }
        for row in calls.iter().filter(|row| row.room == address) {
            let cause = Cause::Call(row.call.call_id.clone());
            assert!(events.iter().any(|event| event.cause == cause), "I12: every admitted call left an event");
        }
    }
    assert!(holders.values().all(|held| *held <= CAPACITY), "nobody holds more than the capacity: {holders:?}");
}

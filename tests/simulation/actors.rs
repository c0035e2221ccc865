//! The real actors over the memory store: several threads, clients that retry by id, commits that get lost, actors and whole
//! processes that die, decisions that panic. What is asserted is read from the store at the end, and from what clients were told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{
    Batch, CallOutcome, Caller, CommandOutcome, FaultPoint, Faults, RoomRouter, RouterOptions, SystemClock, Threads, clock,
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

type Told = Arc<Mutex<HashMap<CallKey, (Admitted, CallStatus, Arc<str>)>>>;

pub fn play(seed: u64) {
    std::panic::set_hook(Box::new(|_| {}));
    let system = actix::System::new();
    system.block_on(life(seed));
    let _ = std::panic::take_hook();
}

async fn life(seed: u64) {
    let told: Told = Told::default();
    let mut store = MemoryStore::new(Pace::AtOnce);
    store.put_company(world::company());
    // Three processes after each other on one store: the first two die in mid-work.
    for process in 0..3 {
        let calm = process == 2;
        let (router, arbiters) = start(&store, seed * 3 + process, calm);
        create_rooms(&router).await;
        let timers = actix::spawn(clock::bring_timers(router.clone()));
        actix::spawn(clock::resume_open_calls(router.clone()));
        let clients = (0..CLIENTS).map(|client| {
            let mut dice = Dice::new(seed ^ (process << 40) ^ (client << 48));
            client_life(router.clone(), told.clone(), move || dice.next())
        });
        let work = futures_util::future::join_all(clients);
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
        let next = store.reborn();
        next.set_full(false);
        router.clear();
        for arbiter in arbiters {
            arbiter.stop();
        }
        if calm {
            check(&next, &told.lock().unwrap());
        }
        store = next;
    }
}

pub fn start(store: &Arc<MemoryStore>, seed: u64, calm: bool) -> (RoomRouter, Vec<actix::Arbiter>) {
    let threads = Threads::new(2);
    let arbiters: Vec<actix::Arbiter> = (0..2).map(|_| actix::Arbiter::new()).collect();
    for arbiter in &arbiters {
        threads.join(&arbiter.handle());
    }
    store.deliver_to(Arc::new(threads.clone()));
    if !calm {
        let mut dice = Dice::new(seed ^ 0xFA17);
        store.choose(move |_| match dice.roll(40) {
            0 => Fault::NotWritten,
            1 => Fault::MaybeWritten { written: true },
            2 => Fault::MaybeWritten { written: false },
            3 => Fault::Conflict,
            _ => Fault::None,
        });
    }
    let dice = Mutex::new(Dice::new(seed ^ 0x0FF));
    let faults = Faults::with(move |point| match point {
        FaultPoint::Decide(_, call_id) if call_id.as_str().ends_with(POISON) => panic!("this call is poison"),
        FaultPoint::Landed(_) if !calm && dice.lock().unwrap().rarely(60) => panic!("an actor dies between commit and answer"),
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

/// Posts calls and retries each by its id until it knows; in between it does what operators and customers do.
async fn client_life(router: RoomRouter, told: Told, mut next: impl FnMut() -> u64) {
    for n in 0..CALLS {
        let mut dice = Dice::new(next());
        let room = world::address(dice.roll(ROOMS));
        match dice.roll(12) {
            0 => drop(router.kill(&room)),
            1 => drop(router.passivate(&room)),
            2 => drop(tell(&router, &room, Command::Pause { reason: None }).await),
            3 | 4 => drop(tell(&router, &room, Command::Resume).await),
            5 => {
                let message_id = format!("m{n}-{}", dice.next());
                let message = Command::Message { message_id, from: Writer::Customer, agent_id: None, text: "hello".into() };
                tell(&router, &room, message).await;
            }
            _ => {}
        }
        let admitted = world::call(&mut dice, &room, 40, 0);
        for _ in 0..20 {
            let batch = Batch { calls: vec![admitted.clone()], caller: caller() };
            match router.call(room.clone(), batch, Duration::from_millis(30)).await {
                CallOutcome::Answered(answers) | CallOutcome::Accepted(answers) => {
                    let answer = &answers.get().calls[0];
                    hear(&told, &admitted, answer.status, &answer.body);
                    break;
                }
                CallOutcome::KeyReused { .. } => break,
                CallOutcome::UnknownRoom => panic!("a room that was made is unknown"),
                _ => tokio::task::yield_now().await,
            }
        }
    }
}

fn hear(told: &Told, admitted: &Admitted, status: CallStatus, body: &Arc<str>) {
    let mut told = told.lock().unwrap();
    let earlier = told.get(&admitted.call.key).filter(|(_, status, _)| status.is_final());
    if let Some((_, before, text)) = earlier {
        assert_eq!((*before, text), (status, body), "the same call is answered the same, whoever asks and whenever");
    }
    told.insert(admitted.call.key, (admitted.clone(), status, body.clone()));
}

/// Lets everything that waits go on and waits until it did.
async fn settle(router: &RoomRouter, store: &MemoryStore) {
    for _ in 0..2_000 {
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

fn check(store: &MemoryStore, told: &HashMap<CallKey, (Admitted, CallStatus, Arc<str>)>) {
    let calls = store.calls();
    let mut rows: HashMap<CallKey, _> = HashMap::new();
    for row in &calls {
        assert!(rows.insert(row.call.key, row).is_none(), "invariant 4: one row a call");
        let poison = row.call.call_id.as_str().ends_with(POISON);
        assert_eq!(row.answer.status == CallStatus::Dead, poison, "poison is dead, and only poison: {:?}", row.call);
    }
    for (key, (admitted, status, body)) in told {
        let row =
            rows.get(key).unwrap_or_else(|| panic!("invariant 3: told of {} and it is not in the store", admitted.call.call_id));
        assert_eq!(row.call.meaning, admitted.call.meaning);
        if status.is_final() {
            assert_eq!((row.answer.status, &row.answer.body), (*status, body), "what was told is what is stored");
        }
    }
    let mut holders: HashMap<String, u32> = HashMap::new();
    for address in store.addresses() {
        let events = store.events(&address);
        let mut room = Room::default();
        for (n, event) in events.iter().enumerate() {
            assert_eq!(event.seq, n as i64 + 1, "the journal has no gap");
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
                assert!(ended.insert(call_id.clone()), "a call ends once");
            }
        }
        for row in calls.iter().filter(|row| row.room == address) {
            let cause = Cause::Call(row.call.call_id.clone());
            assert!(events.iter().any(|event| event.cause == cause), "every admitted call left an event");
        }
    }
    assert!(holders.values().all(|held| *held <= CAPACITY), "nobody holds more than the capacity: {holders:?}");
}

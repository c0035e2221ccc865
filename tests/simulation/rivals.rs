//! Two actors of one room live at once, as when a process believes that it still owns rooms which another has taken over: both take
//! calls and messages, and both write. Whoever comes too late writes nothing and looks again (invariant 6).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, CallOutcome, CommandOutcome, RoomRouter, RouterOptions, SystemClock, Threads};
use bellhop::catalog::Has;
use bellhop::room::{CallStatus, Cause, Command, Fact, Room, Writer};
use bellhop::store::memory::{Fault, MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::dice::Dice;
use super::world;

const CLIENTS: u64 = 4;
const CALLS: u64 = 12;

/// How often one of them came too late.
pub fn play(seed: u64) -> u64 {
    actix::System::new().block_on(life(seed))
}

async fn life(seed: u64) -> u64 {
    let store = MemoryStore::new(Pace::AtOnce);
    store.put_company(world::company());
    let threads = Threads::new(2);
    let arbiters: Vec<actix::Arbiter> = (0..2).map(|_| actix::Arbiter::new()).collect();
    arbiters.iter().for_each(|arbiter| threads.join(&arbiter.handle()));
    store.deliver_to(Arc::new(threads.clone()));
    let rivals: Vec<RoomRouter> = (0..2)
        .map(|_| {
            let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
            RoomRouter::new(RouterOptions::default(), store.clone(), memory, clock, threads.clone())
        })
        .collect();
    create_rooms(&rivals[0]).await;
    let mut dice = Dice::new(seed ^ 0x51DE);
    let submitted = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (each, before) = (submitted.clone(), store.landed());
    store.choose(move |_| {
        each.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if dice.rarely(3) { Fault::Slow } else { Fault::None }
    });
    let disk = actix::spawn(super::actors::disk(store.clone()));
    let clients = (0..CLIENTS).map(|client| lives(rivals.clone(), Dice::new(seed ^ (client << 40)), client));
    let told: HashMap<String, (CallStatus, Arc<str>)> =
        futures_util::future::join_all(clients).await.into_iter().flatten().collect();
    disk.abort();

    let (events, calls) = (store.events(&world::address(0)), store.calls());
    let mut room = Room::default();
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event.seq, n as i64 + 1, "seed {seed}: invariant 6: both wrote at one version");
        room.apply(event);
    }
    let snapshot: Room = serde_json::from_slice(&store.snapshot(&world::address(0)).unwrap()).unwrap();
    assert_eq!(snapshot, room, "seed {seed}: invariant 6: one wrote over what the other had written");
    for (call_id, (status, body)) in &told {
        let row = calls.iter().find(|row| row.call.call_id.as_str() == call_id).expect("what was told is written");
        assert_eq!((row.answer.status, &row.answer.body), (*status, body), "seed {seed}: what was told is what is stored");
        let own = events.iter().filter(|event| matches!(&event.cause, Cause::Call(cause) if cause.as_str() == call_id)).count();
        assert!(own >= 1, "seed {seed}: invariant 6: {call_id} was told, and its event is lost");
    }
    let mut messages: HashMap<&String, u32> = HashMap::new();
    for event in &events {
        if let Fact::MessageReceived { message_id, .. } = &event.fact {
            *messages.entry(message_id).or_default() += 1;
        }
    }
    assert!(messages.values().all(|times| *times == 1), "seed {seed}: a message twice: {messages:?}");
    rivals.iter().for_each(RoomRouter::clear);
    arbiters.iter().for_each(|arbiter| {
        arbiter.stop();
    });
    submitted.load(std::sync::atomic::Ordering::Relaxed) - (store.landed() - before)
}

/// Posts calls and messages, each to either of them and again until it is known; how the calls ended.
async fn lives(rivals: Vec<RoomRouter>, mut dice: Dice, client: u64) -> Vec<(String, (CallStatus, Arc<str>))> {
    let mut told = vec![];
    for n in 0..CALLS {
        let number = client * 100 + n;
        if dice.rarely(4) {
            let message_id = format!("m{number}");
            let message = Command::Message { message_id, from: Writer::Customer, agent_id: None, text: "hello".into() };
            for _ in 0..2_000 {
                let router = &rivals[dice.roll(2) as usize];
                let done = router.command(world::address(0), message.clone(), caller(), Cause::Request("req".into())).await;
                if matches!(done, CommandOutcome::Done { .. }) {
                    break;
                }
            }
            continue;
        }
        // Tags come and are there already: the room's limit of eight is not reached.
        let arguments = format!(r#"{{"tags":["tag {}"]}}"#, dice.roll(6));
        let call = world::named_call(&world::address(0), number, "create_tag", &arguments, Has::default());
        let end = 'asks: {
            for _ in 0..2_000 {
                let batch = Batch { calls: vec![call.clone()], caller: caller() };
                let router = &rivals[dice.roll(2) as usize];
                if let CallOutcome::Answered(answers) = router.call(world::address(0), batch, Duration::from_secs(5)).await {
                    let answer = &answers.get().calls[0];
                    break 'asks (answer.status, answer.body.clone());
                }
                tokio::time::sleep(Duration::from_micros(dice.roll(2_000))).await;
            }
            panic!("nobody answers {}", call.call.call_id);
        };
        told.push((call.call.call_id.to_string(), end));
    }
    told
}

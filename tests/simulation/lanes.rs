//! Rooms, lanes and a CRM in which answers get lost and requests land late, while actors and whole processes die. In the end the
//! CRM's own book is read: every intent once, and of each room nothing old after something newer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, CallOutcome, CommandOutcome, LanePorts, RoomRouter, RouterOptions, SystemClock, Threads, clock};
use bellhop::catalog::{Admitted, Has};
use bellhop::room::outbox::Rule;
use bellhop::room::{CallKey, CallStatus, Cause, Command, Company, Fact, RoomAddress};
use bellhop::store::memory::{MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::crm_world::World;
use super::dice::Dice;
use super::world;

const ROOMS: u64 = 3;
const CALLS: u64 = 8;

pub fn play(seed: u64) {
    let system = actix::System::new();
    system.block_on(life(seed));
}

async fn life(seed: u64) {
    let crm = World::new(seed);
    let mut store = MemoryStore::new(Pace::AtOnce);
    store.put_company(Company { crm: true, ..world::company() });
    for process in 0..3 {
        let calm = process == 2;
        let (router, arbiters) = start(&store, &crm);
        create_rooms(&router).await;
        actix::spawn(clock::resume_open_calls(router.clone()));
        actix::spawn(clock::bring_timers(router.clone()));
        let work = futures_util::future::join_all((0..ROOMS).map(|room| client_life(router.clone(), seed, room)));
        if calm {
            work.await;
            crm.calm_down();
            world::all_end(&store, seed).await;
            people_retry(&router, &store).await;
            world::all_end(&store, seed).await;
        } else {
            let _ = tokio::time::timeout(Duration::from_millis(3 + seed % 31), work).await;
            store.set_full(true);
        }
        let next = store.reborn();
        next.set_full(false);
        router.clear();
        for arbiter in arbiters {
            arbiter.stop();
        }
        store = next;
    }
    check(&store, &crm, seed);
}

fn start(store: &Arc<MemoryStore>, crm: &Arc<World>) -> (RoomRouter, Vec<actix::Arbiter>) {
    let threads = Threads::new(1);
    let arbiters = vec![actix::Arbiter::new()];
    threads.join(&arbiters[0].handle());
    store.deliver_to(Arc::new(threads.clone()));
    let options =
        RouterOptions { crm: Some(LanePorts { counterpart: crm.process(), outbox: store.clone() }), ..RouterOptions::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let memory: Arc<dyn Memory> = store.clone();
    (RoomRouter::new(options, store.clone(), memory, clock, threads), arbiters)
}

/// The calls of a room are the same in every process: a client that retries by id.
async fn client_life(router: RoomRouter, seed: u64, room: u64) {
    let address = world::address(room);
    let mut dice = Dice::new(seed ^ (room << 32));
    for n in 0..CALLS {
        let admitted = call(&mut dice, &address, n);
        if dice.rarely(6) {
            router.kill(&address);
        }
        if dice.rarely(24) {
            router.kill_crm(address.company);
        }
        for _ in 0..50 {
            let batch = Batch { calls: vec![admitted.clone()], caller: caller() };
            match router.call(address.clone(), batch, Duration::from_millis(2)).await {
                CallOutcome::Answered(_) | CallOutcome::Accepted(_) => break,
                _ => tokio::task::yield_now().await,
            }
        }
    }
}

/// Whatever nobody knows the end of is tried again, once, by a person.
async fn people_retry(router: &RoomRouter, store: &MemoryStore) {
    for row in store.calls().into_iter().filter(|row| row.answer.status == CallStatus::Unresolved) {
        let retry =
            Command::RetryEffect { call_id: row.call.call_id.clone(), reason: "Look once more.".into(), send_again: false };
        for _ in 0..50 {
            let told = router.command(row.room.clone(), retry.clone(), caller(), Cause::Request("req".into())).await;
            if matches!(told, CommandOutcome::Done { .. } | CommandOutcome::Refused(_)) {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn call(dice: &mut Dice, room: &RoomAddress, n: u64) -> Admitted {
    let (name, arguments) = match dice.roll(4) {
        0 => ("update_deal", format!(r#"{{"amount":{n}}}"#)),
        1 => ("create_ticket", format!(r#"{{"name":"Ticket {}"}}"#, dice.roll(3))),
        _ => ("create_deal", format!(r#"{{"name":"Deal {}"}}"#, dice.roll(3))),
    };
    world::named_call(room, n, name, &arguments, Has { crm: true, files: false })
}

fn check(store: &MemoryStore, crm: &World, seed: u64) {
    let complaints = crm.complaints();
    assert!(complaints.is_empty(), "seed {seed}: {complaints:?}");
    // What a person has tried again comes after what was decided later, because they say so.
    let mut retried: HashSet<CallKey> = HashSet::new();
    // The place of each effect in its room's journal.
    let mut place: HashMap<CallKey, i64> = HashMap::new();
    for address in store.addresses() {
        for event in store.events(&address) {
            if let Fact::EffectRetried { call_id, .. } = &event.fact {
                retried.insert(CallKey::of(address.company, call_id));
            }
            if let Fact::EffectRequested { call_id, .. } = &event.fact {
                let twice = place.insert(CallKey::of(address.company, call_id), event.seq);
                assert!(twice.is_none(), "seed {seed}: {call_id} was asked for twice");
            }
        }
    }
    let mut last_sent: HashMap<RoomAddress, i64> = HashMap::new();
    for (room, call) in crm.sent().into_iter().filter(|(_, call)| !retried.contains(call)) {
        let before = last_sent.insert(room.clone(), place[&call]).unwrap_or(0);
        assert!(before <= place[&call], "seed {seed}: invariant 5: {} was sent an older effect after a newer one", room.room);
    }
    let mut last_landed: HashMap<RoomAddress, i64> = HashMap::new();
    let mut once: HashMap<(CallKey, u32), u32> = HashMap::new();
    for landed in crm.landed() {
        if landed.rule == Rule::Once {
            *once.entry((landed.call, landed.part)).or_default() += 1;
        }
        if retried.contains(&landed.call) {
            continue;
        }
        let before = last_landed.insert(landed.room.clone(), place[&landed.call]).unwrap_or(0);
        assert!(before <= place[&landed.call], "seed {seed}: invariant 5: a late repeat overtook a newer effect: {landed:?}");
    }
    assert!(once.values().all(|times| *times == 1), "seed {seed}: invariant 10, I10: something was made twice: {once:?}");
    for (call, recalled) in store.effects() {
        let ended_well = recalled.settlement.is_some_and(|(_, end)| end.status == CallStatus::Succeeded);
        let told = recalled.parts.iter().all(|row| row.done.is_some());
        assert!(told || !ended_well, "seed {seed}: {call:?} succeeded, and what became of a part is not on record");
    }
    for row in store.calls() {
        let made = once.keys().any(|(call, _)| *call == row.call.key);
        let asked = place.contains_key(&row.call.key);
        if row.answer.status == CallStatus::Succeeded && asked && row.call.name != "update_deal" {
            assert!(made, "seed {seed}: {} succeeded and made nothing", row.call.call_id);
        }
        assert!(row.answer.status != CallStatus::Unresolved, "seed {seed}: a retry in calm weather finds it out");
        assert!(row.answer.status != CallStatus::Expired, "seed {seed}: nothing waited that long");
    }
}

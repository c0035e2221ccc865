//! Somebody goes offline in the very moment between the roster's choice and the room's commit, with the real actors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, FaultPoint, Faults, RoomRouter, RouterOptions, SystemClock, Threads};
use bellhop::catalog::Has;
use bellhop::room::{Agent, Company, Control, Fact, Presence, Room};
use bellhop::store::memory::{MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::queues::until;
use super::world;

/// One person, as they are now.
fn staffed_by(status: Presence) -> Company {
    let mut company = world::company();
    let ana = Agent { status, ..company.agents.remove(0) };
    Company { agents: vec![ana], ..company }
}

#[test]
fn whoever_goes_between_the_offer_and_the_commit_is_not_given_the_room() {
    super::quietly();
    actix::System::new().block_on(async {
        let store = MemoryStore::new(Pace::AtOnce);
        store.put_company(staffed_by(Presence::Online));
        let threads = Threads::new(1);
        let arbiter = actix::Arbiter::new();
        threads.join(&arbiter.handle());
        store.deliver_to(Arc::new(threads.clone()));
        // The roster has chosen, and says so only when the person has gone.
        let (chosen, (go, held)) = (Arc::new(AtomicBool::new(false)), mpsc::channel::<()>());
        let (seen, held) = (chosen.clone(), Mutex::new(held));
        let faults = Faults::with(move |point| {
            if matches!(point, FaultPoint::Roster("place_reserved")) && !seen.swap(true, Ordering::SeqCst) {
                let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(20));
            }
        });
        let options = RouterOptions { faults, ..RouterOptions::default() };
        let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
        let router = RoomRouter::new(options, store.clone(), memory, clock, threads);
        create_rooms(&router).await;

        let asks = world::named_call(&world::address(0), 1, "assign_agent", r#"{"mode":"auto"}"#, Has::default());
        let (posting, batch) = (router.clone(), Batch { calls: vec![asks], caller: caller() });
        let post = actix::spawn(async move { posting.call(world::address(0), batch, Duration::from_secs(20)).await });
        until("somebody is chosen", || chosen.load(Ordering::SeqCst)).await;
        store.put_company(staffed_by(Presence::Offline));
        router.company_changed(world::COMPANY).await.expect("a company");
        go.send(()).unwrap();

        let answer = post.await.unwrap();
        assert!(format!("{answer:?}").contains("queued"), "told that it waits: {answer:?}");
        let assigned = |store: &MemoryStore| {
            let events = store.events(&world::address(0));
            events.iter().filter(|event| matches!(event.fact, Fact::AgentAssigned { .. })).count()
        };
        assert_eq!(assigned(&store), 0, "I4: available at the commit");

        store.put_company(staffed_by(Presence::Online));
        router.company_changed(world::COMPANY).await.expect("a company");
        until("it gets whoever comes back", || assigned(&store) == 1).await;
        let room: Room = serde_json::from_slice(&store.snapshot(&world::address(0)).unwrap()).unwrap();
        assert!(matches!(room.control, Control::Person { .. }));
        router.clear();
        arbiter.stop();
    });
}

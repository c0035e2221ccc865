//! What happens to one room and must not be felt in another: calls that panic, actors that die, decisions that hang. And what
//! that rests on: rooms lie on several threads.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, CallOutcome, FaultPoint, Faults, RoomRouter, RouterOptions, SystemClock, Threads};
use bellhop::catalog::Has;
use bellhop::room::{CallStatus, Cause, Command, Customer, RoomAddress};
use bellhop::store::memory::{Fault, MemoryStore, Pace};

use super::actors::caller;
use super::queues::until;
use super::world;

const PATIENT: Duration = Duration::from_secs(20);
const PLANNED: &str = "told to die";

#[test]
fn a_call_that_panics_is_tried_three_times_alone_and_its_neighbours_are_answered() {
    super::quietly();
    actix::System::new().block_on(async {
        let tries = Arc::new(AtomicUsize::new(0));
        let seen = tries.clone();
        let scene = Scene::new(1, move |point| {
            if matches!(&point, FaultPoint::Decide(_, call) if call.as_str() == "room-0-7") {
                seen.fetch_add(1, Ordering::SeqCst);
                panic!("{PLANNED}");
            }
        });
        let (written, steps) = (Arc::<Mutex<Vec<Vec<String>>>>::default(), scene.store.clone());
        scene.has_rooms(2).await;
        let each = written.clone();
        steps.choose(move |commit| {
            each.lock().unwrap().push(commit.new_calls.iter().map(|new| new.call.call_id.to_string()).collect());
            Fault::None
        });

        // All of them wait for the next step of the room, while the neighbour's commit is under way.
        let first = scene.posts(0, 1);
        until("a commit is under way", || scene.store.waiting() == 1).await;
        let others: Vec<_> = [5, 6, 7, 8, 9].map(|n| scene.posts(0, n)).into();
        until("they wait", || scene.depth(0) == 6).await;
        let neighbour = scene.posts(1, 1);
        until("the neighbour's too", || scene.store.waiting() == 2).await;

        let pump = scene.pumps();
        assert_eq!(told(first).await, (CallStatus::Succeeded, false));
        assert_eq!(told(neighbour).await, (CallStatus::Succeeded, false));
        let mut statuses = vec![];
        for other in others {
            statuses.push(told(other).await.0);
        }
        pump.abort();
        let (done, dead) = (CallStatus::Succeeded, CallStatus::Dead);
        assert_eq!(statuses, [done, done, dead, done, done]);
        assert_eq!(tries.load(Ordering::SeqCst), 3, "tries of the call that panics");
        let alone: Vec<Vec<String>> =
            written.lock().unwrap().iter().filter(|step| step.iter().any(|call| call == "room-0-7")).cloned().collect();
        assert_eq!(alone, [["room-0-7"]], "nobody else is in its step");
        assert_eq!(scene.restarts(1), 0, "nothing happened to the neighbour");
        scene.ends();
    });
}

/// What was wrong twice may be mended at the third try.
#[test]
fn a_call_that_panics_twice_is_done_at_the_third_try() {
    super::quietly();
    actix::System::new().block_on(async {
        let left = AtomicUsize::new(2);
        let scene = Scene::new(1, move |point| {
            let strikes = matches!(point, FaultPoint::Decide(..))
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if strikes {
                panic!("{PLANNED}");
            }
        });
        scene.has_rooms(1).await;
        let pump = scene.pumps();
        assert_eq!(told(scene.posts(0, 1)).await, (CallStatus::Succeeded, false));
        assert_eq!(scene.restarts(0), 2);
        pump.abort();
        scene.ends();
    });
}

#[test]
fn an_actor_that_dies_after_its_commit_takes_nobody_with_it() {
    super::quietly();
    actix::System::new().block_on(async {
        let armed = Arc::new(AtomicBool::new(false));
        let strikes = armed.clone();
        let scene = Scene::new(1, move |point| {
            if matches!(&point, FaultPoint::Landed(room, _) if **room == world::address(0))
                && strikes.swap(false, Ordering::SeqCst)
            {
                panic!("{PLANNED}");
            }
        });
        scene.has_rooms(2).await;
        armed.store(true, Ordering::SeqCst);
        let (struck, neighbour) = (scene.posts(0, 1), scene.posts(1, 1));
        until("both commits are under way", || scene.store.waiting() == 2).await;
        let pump = scene.pumps();
        assert_eq!(told(neighbour).await, (CallStatus::Succeeded, false), "one that was asked again would be told `replayed`");
        assert_eq!(told(struck).await, (CallStatus::Succeeded, true), "asked again by its id");
        assert_eq!((scene.restarts(0), scene.restarts(1)), (1, 0));
        pump.abort();
        scene.ends();
    });
}

#[test]
fn rooms_lie_on_every_thread_and_one_that_hangs_holds_up_no_other() {
    const ROOMS: u64 = 64;
    actix::System::new().block_on(async {
        let threads = Arc::<Mutex<HashMap<RoomAddress, ThreadId>>>::default();
        let (hangs, (go, held)) = (Arc::new(AtomicBool::new(false)), mpsc::channel::<()>());
        let (noted, hanging, held) = (threads.clone(), hangs.clone(), Mutex::new(held));
        let scene = Scene::new(2, move |point| {
            let FaultPoint::Decide(room, _) = point else { return };
            noted.lock().unwrap().insert(room.clone(), thread::current().id());
            if *room == world::address(0) && hanging.load(Ordering::SeqCst) {
                // Not for ever: a test that fails must end.
                let _ = held.lock().unwrap().recv_timeout(PATIENT);
            }
        });
        scene.has_rooms(ROOMS).await;
        let pump = scene.pumps();
        for post in (0..ROOMS).map(|room| scene.posts(room, 1)).collect::<Vec<_>>() {
            told(post).await;
        }
        let lies: HashMap<RoomAddress, ThreadId> = threads.lock().unwrap().clone();
        assert_eq!(lies.values().collect::<HashSet<_>>().len(), 2, "the rooms' threads");

        hangs.store(true, Ordering::SeqCst);
        let stuck = scene.posts(0, 2);
        until("it hangs", || scene.depth(0) == 1).await;
        let elsewhere: Vec<u64> = (1..ROOMS).filter(|room| lies[&world::address(*room)] != lies[&world::address(0)]).collect();
        let posts: Vec<_> = elsewhere.iter().map(|room| scene.posts(*room, 2)).collect();
        for post in posts {
            assert_eq!(told(post).await, (CallStatus::Succeeded, false));
        }
        assert!(!stuck.is_finished(), "the others did not wait for it");
        go.send(()).unwrap();
        assert_eq!(told(stuck).await, (CallStatus::Succeeded, false));
        pump.abort();
        scene.ends();
    });
}

struct Scene {
    store: Arc<MemoryStore>,
    router: RoomRouter,
    arbiters: Vec<actix::Arbiter>,
}

impl Scene {
    fn new(count: usize, strikes: impl Fn(FaultPoint<'_>) + Send + Sync + 'static) -> Self {
        let store = MemoryStore::new(Pace::Pumped);
        store.put_company(world::company());
        let threads = Threads::new(count);
        let arbiters: Vec<actix::Arbiter> = (0..count).map(|_| actix::Arbiter::new()).collect();
        arbiters.iter().for_each(|arbiter| threads.join(&arbiter.handle()));
        store.deliver_to(Arc::new(threads.clone()));
        let options = RouterOptions { faults: Faults::with(strikes), ..RouterOptions::default() };
        let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
        Self { router: RoomRouter::new(options, store.clone(), memory, clock, threads), store, arbiters }
    }

    async fn has_rooms(&self, count: u64) {
        let pump = self.pumps();
        for n in 0..count {
            let describe = Command::Describe { channel: "web_chat".into(), customer: Customer::default() };
            self.router.command(world::address(n), describe, caller(), Cause::Request("req".into())).await;
        }
        pump.abort();
    }

    /// The store goes on, until it is told to stop.
    fn pumps(&self) -> tokio::task::JoinHandle<()> {
        let store = self.store.clone();
        actix::spawn(async move {
            loop {
                store.pump();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    }

    fn posts(&self, room: u64, n: u64) -> tokio::task::JoinHandle<CallOutcome> {
        let (router, address) = (self.router.clone(), world::address(room));
        let call = world::named_call(&address, n, "create_tag", r#"{"tags":["vip"]}"#, Has::default());
        actix::spawn(async move { router.call(address, Batch { calls: vec![call], caller: caller() }, PATIENT).await })
    }

    fn depth(&self, room: u64) -> u32 {
        self.router.inspect(&world::address(room)).map_or(0, |view| view.depth)
    }

    fn restarts(&self, room: u64) -> u32 {
        self.router.inspect(&world::address(room)).expect("awake").restarts
    }

    fn ends(self) {
        self.router.clear();
        for arbiter in self.arbiters {
            arbiter.stop();
        }
    }
}

/// How it ended, and whether it had been done before.
async fn told(asked: tokio::task::JoinHandle<CallOutcome>) -> (CallStatus, bool) {
    let outcome = asked.await.unwrap();
    let CallOutcome::Answered(answers) = outcome else { panic!("{outcome:?}") };
    let answer = &answers.get().calls[0];
    (answer.status, answer.replayed)
}

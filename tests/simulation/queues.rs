//! Who waits for a room, and what may stand in its queues: replays that keep arriving, callers who left, rooms that do not exist.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, CallOutcome, CommandOutcome, Passivated, RoomRouter, RouterOptions, SystemClock, Threads};
use bellhop::catalog::{Admitted, Has};
use bellhop::room::{Cause, Command, RoomAddress};
use bellhop::store::memory::{MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::world;

const PATIENT: Duration = Duration::from_secs(20);
const BRIEF: Duration = Duration::from_millis(1);

/// A step that is refused for what it did not know must not be refused again for what it forgot meanwhile.
#[test]
fn replays_that_keep_arriving_are_all_answered() {
    actix::System::new().block_on(async {
        let scene = Scene::new(Pace::Pumped, 1_024).await;
        let calls: Vec<Admitted> = (0..20).map(tagged).collect();
        for call in &calls {
            let answered = scene.pumped(scene.posts(call.clone(), PATIENT)).await;
            assert!(matches!(answered, CallOutcome::Answered(_)), "{answered:?}");
        }
        // Each arrives while the journal has what came before it.
        let mut asked = vec![];
        for call in &calls {
            asked.push(actix::spawn(scene.posts(call.clone(), PATIENT)));
            until("it arrived", || {
                let answered = asked.iter().filter(|one| one.is_finished()).count();
                scene.depth() as usize + answered == asked.len() && scene.store.waiting() > 0
            })
            .await;
            scene.store.pump();
        }
        let answers = scene.pumped(futures_util::future::join_all(asked)).await;
        for told in answers {
            let CallOutcome::Answered(told) = told.unwrap() else { panic!("an old id is not answered") };
            assert!(told.get().calls[0].replayed);
        }
        assert_eq!(scene.store.calls().len(), calls.len());
        scene.ends();
    });
}

/// The two of the smallest case: one is looked up while the other arrives, and then the other way round.
#[test]
fn a_replay_that_meets_another_is_answered() {
    actix::System::new().block_on(async {
        let scene = Scene::new(Pace::Pumped, 1_024).await;
        for n in 0..2 {
            scene.pumped(scene.posts(tagged(n), PATIENT)).await;
        }
        let one = actix::spawn(scene.posts(tagged(0), PATIENT));
        until("its commit is under way", || scene.store.waiting() == 1).await;
        let other = actix::spawn(scene.posts(tagged(1), PATIENT));
        until("the other waits", || scene.depth() == 2).await;
        for told in scene.pumped(async { [one.await.unwrap(), other.await.unwrap()] }).await {
            let CallOutcome::Answered(told) = told else { panic!("{told:?}") };
            assert!(told.get().calls[0].replayed);
        }
        scene.ends();
    });
}

#[test]
fn callers_who_left_keep_no_room_awake() {
    actix::System::new().block_on(async {
        let scene = Scene::new(Pace::AtOnce, 1_024).await;
        assert!(scene.is_told(Command::Pause { reason: None }).await);
        for _ in 0..300 {
            let told = scene.posts(tagged(1), BRIEF).await;
            assert!(matches!(told, CallOutcome::Accepted(_) | CallOutcome::Withdrawn), "{told:?}");
        }
        until("it can be put to sleep", || scene.router.passivate(&room()) != Passivated::Busy).await;
        assert!(scene.router.inspect(&room()).is_none());
        assert!(scene.is_told(Command::Resume).await);
        assert!(matches!(scene.posts(tagged(1), PATIENT).await, CallOutcome::Answered(_)));
        scene.ends();
    });
}

#[test]
fn callers_who_wait_are_bounded_and_answered_when_their_call_ends() {
    const MOST: u32 = 4;
    actix::System::new().block_on(async {
        let scene = Scene::new(Pace::AtOnce, MOST).await;
        assert!(scene.is_told(Command::Pause { reason: None }).await);
        let waiting: Vec<_> = (0..MOST).map(|n| actix::spawn(insists(scene.router.clone(), tagged(n.into())))).collect();
        until("they all wait", || scene.router.inspect(&room()).is_some_and(|view| view.parked == MOST)).await;
        let mut told = scene.posts(tagged(9), BRIEF).await;
        for _ in 0..2_000 {
            if matches!(told, CallOutcome::Busy) && scene.depth() == 0 {
                break;
            }
            tokio::time::sleep(BRIEF).await;
            told = scene.posts(tagged(9), BRIEF).await;
        }
        assert!(matches!(told, CallOutcome::Busy), "{told:?}");
        assert_eq!(scene.router.passivate(&room()), Passivated::Busy, "somebody waits at the door");
        // What lets them end is not held up by them.
        assert!(scene.is_told(Command::Resume).await);
        for told in waiting {
            let told = told.await.unwrap();
            assert!(matches!(&told, CallOutcome::Answered(_)), "{told:?}");
        }
        assert!(matches!(scene.posts(tagged(9), PATIENT).await, CallOutcome::Answered(_)));
        scene.ends();
    });
}

#[test]
fn a_room_that_does_not_exist_leaves_with_its_last_answer() {
    actix::System::new().block_on(async {
        let scene = Scene::new(Pace::AtOnce, 1_024).await;
        let before = scene.router.live_rooms();
        let unknown = |n: u64| {
            let address = world::address(1_000 + n);
            let call = world::named_call(&address, 1, "create_tag", r#"{"tags":["vip"]}"#, Has::default());
            posts(scene.router.clone(), address, call, PATIENT)
        };
        for told in futures_util::future::join_all((0..1_000).map(unknown)).await {
            assert!(matches!(told, CallOutcome::UnknownRoom), "{told:?}");
        }
        until("they are gone", || scene.router.live_rooms() <= before).await;
        scene.ends();
    });
}

/// A room, and a store that moves at its pace.
pub struct Scene {
    pub store: Arc<MemoryStore>,
    pub router: RoomRouter,
    arbiter: actix::Arbiter,
}

impl Scene {
    pub async fn new(pace: Pace, max_in_flight: u32) -> Self {
        let store = MemoryStore::new(pace);
        store.put_company(world::company());
        let (threads, arbiter) = (Threads::new(1), actix::Arbiter::new());
        threads.join(&arbiter.handle());
        store.deliver_to(Arc::new(threads.clone()));
        let options = RouterOptions { max_in_flight, ..RouterOptions::default() };
        let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
        let router = RoomRouter::new(options, store.clone(), memory, clock, threads);
        let scene = Self { store, router, arbiter };
        scene.pumped(create_rooms(&scene.router)).await;
        scene
    }

    /// Waits for it with a store that goes on.
    pub async fn pumped<T>(&self, ask: impl Future<Output = T>) -> T {
        let store = self.store.clone();
        let pump = actix::spawn(async move {
            loop {
                store.pump();
                tokio::time::sleep(BRIEF).await;
            }
        });
        let answer = ask.await;
        pump.abort();
        answer
    }

    pub fn depth(&self) -> u32 {
        self.router.inspect(&room()).map_or(0, |view| view.depth)
    }

    fn posts(&self, call: Admitted, patience: Duration) -> impl Future<Output = CallOutcome> + use<> {
        posts(self.router.clone(), room(), call, patience)
    }

    pub async fn is_told(&self, command: Command) -> bool {
        let told = self.router.command(room(), command, caller(), Cause::Request("req".into())).await;
        matches!(told, CommandOutcome::Done { .. })
    }

    pub fn ends(self) {
        self.router.clear();
        self.arbiter.stop();
    }
}

async fn posts(router: RoomRouter, room: RoomAddress, call: Admitted, patience: Duration) -> CallOutcome {
    router.call(room, Batch { calls: vec![call], caller: caller() }, patience).await
}

/// Until there is a place.
async fn insists(router: RoomRouter, call: Admitted) -> CallOutcome {
    loop {
        match posts(router.clone(), room(), call.clone(), PATIENT).await {
            CallOutcome::Busy => tokio::time::sleep(BRIEF).await,
            told => return told,
        }
    }
}

pub fn room() -> RoomAddress {
    world::address(0)
}

fn tagged(n: u64) -> Admitted {
    world::named_call(&room(), n, "create_tag", r#"{"tags":["vip"]}"#, Has::default())
}

pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "not within a minute: {what}");
        tokio::time::sleep(BRIEF).await;
    }
}

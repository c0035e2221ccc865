//! A call whose decision fails inside is set aside. A person has it tried again once what was wrong is mended, or says how
//! it ended; it is carried out once, and never by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, CallOutcome, CommandOutcome, FaultPoint, Faults, RoomRouter, RouterOptions, SystemClock, Threads};
use bellhop::catalog::Has;
use bellhop::room::{CallId, CallStatus, Cause, Command};
use bellhop::store::memory::{MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::world;

struct Scene {
    router: RoomRouter,
    store: Arc<MemoryStore>,
    broken: Arc<AtomicBool>,
}

impl Scene {
    /// Deciding any call panics, until it is mended.
    async fn new(arbiter: &actix::Arbiter) -> Self {
        let store = MemoryStore::new(Pace::AtOnce);
        store.put_company(world::company());
        let threads = Threads::new(1);
        threads.join(&arbiter.handle());
        store.deliver_to(Arc::new(threads.clone()));
        let broken = Arc::new(AtomicBool::new(true));
        let still = broken.clone();
        let faults = Faults::with(move |point| {
            if matches!(point, FaultPoint::Decide(..)) && still.load(Ordering::SeqCst) {
                panic!("told to die");
            }
        });
        let options = RouterOptions { faults, ..RouterOptions::default() };
        let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (Arc::new(SystemClock::default()), store.clone());
        let router = RoomRouter::new(options, store.clone(), memory, clock, threads);
        create_rooms(&router).await;
        Self { router, store, broken }
    }

    async fn post(&self, n: u64, tag: &str) {
        let admitted =
            world::named_call(&world::address(0), n, "create_tag", &format!(r#"{{"tags":["{tag}"]}}"#), Has::default());
        let batch = Batch { calls: vec![admitted], caller: caller() };
        let outcome = self.router.call(world::address(0), batch, Duration::from_secs(10)).await;
        assert!(matches!(outcome, CallOutcome::Answered(_)), "{outcome:?}");
    }

    fn status(&self, n: u64) -> CallStatus {
        let id = id(n);
        self.store.calls().iter().find(|row| row.call.call_id == id).expect("its row").answer.status
    }

    async fn is(&self, n: u64, wanted: CallStatus) {
        for _ in 0..20_000 {
            if self.status(n) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("call {n} is {:?} and not {wanted:?}", self.status(n));
    }

    /// Whether the room took the person's word.
    async fn told(&self, command: Command) -> bool {
        let cause = Cause::Request("req".into());
        matches!(self.router.command(world::address(0), command, caller(), cause).await, CommandOutcome::Done { .. })
    }

    async fn retry(&self, n: u64) -> bool {
        self.told(Command::RetryEffect { call_id: id(n), reason: "It is mended.".into(), send_again: false }).await
    }

    fn tagged(&self, tag: &str) -> usize {
        let events = self.store.events(&world::address(0));
        let text = format!("\"tags\":[\"{tag}\"]");
        events.iter().filter(|event| serde_json::to_string(&event.fact).unwrap().contains(&text)).count()
    }
}

fn id(n: u64) -> CallId {
    CallId::trusted(&format!("room-0-{n}"))
}

pub fn play() {
    actix::System::new().block_on(async {
        let arbiter = actix::Arbiter::new();
        let scene = Scene::new(&arbiter).await;
        for (n, tag) in [(1, "one"), (2, "two"), (3, "three")] {
            scene.post(n, tag).await;
            assert_eq!(scene.status(n), CallStatus::Dead);
        }
        scene.broken.store(false, Ordering::SeqCst);
        scene.post(4, "four").await;
        assert_eq!(scene.tagged("one"), 0, "only a try that a person asks for is one");
        assert!(scene.retry(1).await);
        scene.is(1, CallStatus::Succeeded).await;
        assert_eq!((scene.tagged("one"), scene.tagged("two")), (1, 0));
        assert!(!scene.retry(1).await, "it is none any more");

        let settle = |succeeded| Command::SettleEffect { call_id: id(2), succeeded, record: None, reason: "By hand.".into() };
        assert!(scene.told(settle(true)).await);
        scene.is(2, CallStatus::Succeeded).await;
        assert!(!scene.told(settle(false)).await, "one word counts");
        assert!(!scene.retry(2).await);
        assert_eq!(scene.tagged("two"), 0, "whoever settles it does it by hand");

        // Asked for while the room is paused, it goes on when that is over.
        assert!(scene.told(Command::Pause { reason: None }).await);
        assert!(scene.retry(3).await);
        scene.is(3, CallStatus::Parked).await;
        assert!(scene.told(Command::Resume).await);
        scene.is(3, CallStatus::Succeeded).await;
        assert_eq!(scene.tagged("three"), 1);
        scene.router.clear();
        arbiter.stop();
    });
}

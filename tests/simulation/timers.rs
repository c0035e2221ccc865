//! Timers that are due: each moves its room or is moved itself, and no number of them that stay keeps another from being brought.
//! And rooms with open calls, which are woken after a start however short the write lane's queue is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bellhop::actors::ports::{Clock, DueTimer, HeldRoom, Job, Journal, Memory, PortFuture, TimerPlace};
use bellhop::actors::{Batch, CallOutcome, CommandOutcome, RoomRouter, RouterOptions, Threads, clock};
use bellhop::catalog::Has;
use bellhop::room::{
    AgentId, Cause, Command, Company, CompanyNo, Customer, Fact, People, RoomAddress, RoomId, RoomKey, Settings, TakenBy,
    Timestamp,
};
use bellhop::store::memory::{MemoryStore, Pace};

use super::actors::caller;
use super::queues::until;
use super::world;

const HOUR_S: u32 = 3_600;
const BEGIN: i64 = 1_700_000_000_000_000;
/// More than one look reads at once.
const MANY: u64 = 600;

/// A policy that is switched off, or stretched, leaves timers behind that have nothing to do.
#[test]
fn timers_that_have_nothing_to_do_go_or_wait_for_their_new_time() {
    actix::System::new().block_on(async {
        let mut scene = Scene::new();
        scene.silence_is(HOUR_S).await;
        for n in 0..MANY {
            scene.is_with_a_person(n).await;
        }
        scene.snoozes(MANY, 2 * HOUR_S).await;
        scene.silence_is(0).await;
        scene.clock.is(3 * HOUR_S);
        let bringing = actix::spawn(clock::bring_timers(scene.router.clone()));
        until("the one behind them all is brought", || scene.has(MANY, |fact| matches!(fact, Fact::RoomWoken))).await;
        until("none stays due", || scene.due() == 0).await;
        bringing.abort();

        // Stretched: it is brought at its old time, and again at its new one.
        scene.silence_is(6 * HOUR_S).await;
        scene.is_with_a_person(MANY + 1).await;
        scene.silence_is(12 * HOUR_S).await;
        scene.clock.is(10 * HOUR_S);
        let bringing = actix::spawn(clock::bring_timers(scene.router.clone()));
        until("none stays due", || scene.due() == 0).await;
        let returned = |fact: &Fact| matches!(fact, Fact::RoomReturned { .. });
        assert!(!scene.has(MANY + 1, returned));
        scene.clock.is(16 * HOUR_S);
        until("its new time has come", || scene.has(MANY + 1, returned)).await;
        bringing.abort();
        scene.ends();
    });
}

/// Some company cannot be read, so its timers stay.
#[test]
fn timers_that_stay_keep_no_other_from_being_brought() {
    actix::System::new().block_on(async {
        let mut scene = Scene::new();
        scene.silence_is(HOUR_S).await;
        for n in 0..MANY {
            scene.is_with_a_person(n).await;
        }
        scene.of = OTHERS;
        scene.snoozes(0, 2 * HOUR_S).await;
        let scene = scene.comes_back(|store| (store.clone(), Arc::new(Unreadable(store, world::COMPANY))));
        scene.clock.is(3 * HOUR_S);
        let bringing = actix::spawn(clock::bring_timers(scene.router.clone()));
        until("the one behind them is brought", || scene.has(0, |fact| matches!(fact, Fact::RoomWoken))).await;
        assert_eq!(scene.due(), MANY as usize, "the others stay");
        bringing.abort();
        scene.ends();
    });
}

#[test]
fn every_room_with_an_open_call_is_woken_after_a_start() {
    const ROOMS: u64 = 300;
    actix::System::new().block_on(async {
        let scene = Scene::new();
        for n in 0..ROOMS {
            scene.told(n, describe()).await;
            scene.told(n, Command::Pause { reason: None }).await;
        }
        let posts = (0..ROOMS).map(async |n| {
            let call = world::named_call(&scene.room(n), 1, "create_tag", r#"{"tags":["vip"]}"#, Has::default());
            // Patience that ended before the room had begun accepted nothing.
            loop {
                let batch = Batch { calls: vec![call.clone()], caller: caller() };
                let told = scene.router.call(scene.room(n), batch, Duration::from_secs(1)).await;
                if !matches!(told, CallOutcome::Withdrawn) {
                    return told;
                }
            }
        });
        for told in futures_util::future::join_all(posts).await {
            assert!(matches!(told, CallOutcome::Accepted(_)), "{told:?}");
        }
        // A queue that is full at first.
        let scene = scene.comes_back(|store| (Arc::new(Narrow(store.clone(), AtomicUsize::new(400))), store));
        let waking = actix::spawn(clock::resume_open_calls(scene.router.clone()));
        let awake = || (0..ROOMS).filter(|n| scene.router.inspect(&scene.room(*n)).is_some_and(|view| view.parked > 0)).count();
        until("they are awake", || awake() == ROOMS as usize).await;
        waking.await.expect("it ends when all have heard");
        scene.ends();
    });
}

const OTHERS: CompanyNo = CompanyNo(2);

struct SetClock(AtomicI64);

impl SetClock {
    /// So many seconds after the begin.
    fn is(&self, s: u32) {
        self.0.store(BEGIN + i64::from(s) * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Scene {
    store: Arc<MemoryStore>,
    router: RoomRouter,
    clock: Arc<SetClock>,
    arbiter: actix::Arbiter,
    of: CompanyNo,
}

impl Scene {
    fn new() -> Self {
        let store = MemoryStore::new(Pace::AtOnce);
        Self::over(store.clone(), store.clone(), store, Arc::new(SetClock(AtomicI64::new(BEGIN))))
    }

    fn over(store: Arc<MemoryStore>, journal: Arc<dyn Journal>, memory: Arc<dyn Memory>, clock: Arc<SetClock>) -> Self {
        let (threads, arbiter) = (Threads::new(1), actix::Arbiter::new());
        threads.join(&arbiter.handle());
        store.deliver_to(Arc::new(threads.clone()));
        let router = RoomRouter::new(RouterOptions::default(), journal, memory, clock.clone(), threads);
        Self { store, router, clock, arbiter, of: world::COMPANY }
    }

    /// Another process over the same store, with what stands between.
    fn comes_back(self, between: impl FnOnce(Arc<MemoryStore>) -> (Arc<dyn Journal>, Arc<dyn Memory>)) -> Self {
        let (store, clock, of) = (self.store.reborn(), self.clock.clone(), self.of);
        self.ends();
        let (journal, memory) = between(store.clone());
        Self { of, ..Self::over(store, journal, memory, clock) }
    }

    fn room(&self, n: u64) -> RoomAddress {
        RoomAddress { company: self.of, room: RoomId::trusted(&format!("room-{n}")) }
    }

    async fn silence_is(&mut self, s: u32) {
        let people = People { return_to_bot_after_s: s, ..People::default() };
        self.store.put_company(Company { settings: Settings { people, ..Settings::default() }, ..world::company() });
        self.router.company_changed(world::COMPANY).await.expect("a company");
    }

    async fn told(&self, n: u64, command: Command) {
        let told = self.router.command(self.room(n), command, caller(), Cause::Request("req".into())).await;
        assert!(matches!(told, CommandOutcome::Done { .. }), "{told:?}");
    }

    async fn is_with_a_person(&self, n: u64) {
        self.told(n, describe()).await;
        let (agent, agent_name) = (AgentId::trusted("agt_0"), "Agent 0".to_owned());
        self.told(n, Command::TakeOver { agent, agent_name, how: TakenBy::Takeover }).await;
    }

    async fn snoozes(&self, n: u64, s: u32) {
        self.told(n, describe()).await;
        self.told(n, Command::Snooze { until: Timestamp(BEGIN + i64::from(s) * 1_000_000) }).await;
    }

    fn has(&self, n: u64, wanted: impl Fn(&Fact) -> bool) -> bool {
        self.store.events(&self.room(n)).iter().any(|event| wanted(&event.fact))
    }

    fn due(&self) -> usize {
        let due = self.store.due_timers(self.clock.now(), None, 10_000);
        futures_util::FutureExt::now_or_never(due).expect("at once").expect("timers").len()
    }

    fn ends(self) {
        self.router.clear();
        self.arbiter.stop();
    }
}

fn describe() -> Command {
    Command::Describe { channel: "web_chat".into(), customer: Customer::default() }
}

/// A write lane whose queue is full for so many submits.
struct Narrow(Arc<MemoryStore>, AtomicUsize);

impl Journal for Narrow {
    fn submit(&self, job: Job) -> Result<(), Job> {
        let full = self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if full { Err(job) } else { self.0.submit(job) }
    }

    fn owner_epoch(&self) -> i64 {
        self.0.owner_epoch()
    }
}

/// This company cannot be read.
struct Unreadable(Arc<MemoryStore>, CompanyNo);

impl Memory for Unreadable {
    fn company(&self, company: CompanyNo) -> PortFuture<Company> {
        if company == self.1 {
            return Box::pin(async { Err("it cannot be read (simulated)".into()) });
        }
        self.0.company(company)
    }

    fn held_rooms(&self, company: CompanyNo) -> PortFuture<Vec<HeldRoom>> {
        self.0.held_rooms(company)
    }

    fn held_places(&self, company: CompanyNo) -> PortFuture<Vec<(RoomId, AgentId)>> {
        self.0.held_places(company)
    }

    fn staffed_companies(&self) -> PortFuture<Vec<CompanyNo>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn due_timers(&self, until: Timestamp, after: Option<TimerPlace>, limit: i64) -> PortFuture<Vec<DueTimer>> {
        self.0.due_timers(until, after, limit)
    }

    fn has_event(&self, room: RoomAddress, cause: Cause, since: Timestamp) -> PortFuture<bool> {
        self.0.has_event(room, cause, since)
    }

    fn rooms_with_open_calls(&self, after: Option<RoomKey>, limit: i64) -> PortFuture<Vec<(RoomKey, RoomAddress)>> {
        self.0.rooms_with_open_calls(after, limit)
    }
}

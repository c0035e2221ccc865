//! Timers that are rows: each is set by what a room waits for, seen by the clock when its time has come, and does what it is for.
//! The real actors and the real clock task; time itself is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bellhop::actors::ports::{Clock, Memory};
use bellhop::actors::{Batch, CallOutcome, CommandOutcome, RoomRouter, RouterOptions, Threads, clock};
use bellhop::catalog::Has;
use bellhop::room::{
    AgentId, ApprovalRule, CallStatus, Cause, Command, Fact, RoomEvent, TakenBy, Timestamp, Writer, hand_over::NOBODY_ANSWERED,
};
use bellhop::store::memory::{MemoryStore, Pace};

use super::actors::{caller, create_rooms};
use super::world;

struct ByHand(AtomicI64);

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Scene {
    router: RoomRouter,
    store: Arc<MemoryStore>,
    time: Arc<ByHand>,
}

impl Scene {
    async fn new(arbiter: &actix::Arbiter) -> Self {
        let store = MemoryStore::new(Pace::AtOnce);
        let mut company = world::company();
        let people = &mut company.settings.people;
        (people.typing_hold_s, people.return_to_bot_after_s, people.approval_expires_s) = (60, 300, 3_600);
        people.approvals = vec![ApprovalRule { action: "create_tag".into(), argument: None, above: None }];
        store.put_company(company);
        let threads = Threads::new(1);
        threads.join(&arbiter.handle());
        store.deliver_to(Arc::new(threads.clone()));
        let time = Arc::new(ByHand(AtomicI64::new(1_763_634_720_000_000)));
        let (clock, memory): (Arc<dyn Clock>, Arc<dyn Memory>) = (time.clone(), store.clone());
        let router = RoomRouter::new(RouterOptions::default(), store.clone(), memory, clock, threads);
        create_rooms(&router).await;
        Self { router, store, time }
    }

    fn passes(&self, seconds: i64) {
        self.time.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    async fn tells(&self, room: u64, command: Command) {
        let cause = Cause::Request("req".into());
        let told = self.router.command(world::address(room), command, caller(), cause).await;
        assert!(matches!(told, CommandOutcome::Done { .. }), "{told:?}");
    }

    async fn posts(&self, room: u64, calls: &[(&str, &str)]) {
        let address = world::address(room);
        let has = Has { crm: false, files: true };
        let calls = calls.iter().zip(1..).map(|((name, arguments), n)| world::named_call(&address, n, name, arguments, has));
        let calls: Vec<_> = calls.collect();
        loop {
            let batch = Batch { calls: calls.clone(), caller: caller() };
            let told = self.router.call(address.clone(), batch, Duration::from_millis(50)).await;
            // Patience that ended before the room had begun accepted nothing.
            if !matches!(told, CallOutcome::Withdrawn) {
                return;
            }
        }
    }

    async fn taken(&self, room: u64, agent: &str) {
        let agent = AgentId::trusted(agent);
        self.tells(room, Command::TakeOver { agent_name: agent.to_string(), agent, how: TakenBy::Takeover }).await;
    }

    async fn customer_writes(&self, room: u64, id: &str) {
        let (message_id, text) = (id.to_owned(), "hello?".to_owned());
        self.tells(room, Command::Message { message_id, from: Writer::Customer, agent_id: None, text }).await;
    }

    fn find(&self, room: u64, fits: impl Fn(&RoomEvent) -> bool) -> bool {
        self.store.events(&world::address(room)).iter().any(fits)
    }

    /// It happens within some looks of the clock.
    async fn happens(&self, what: &str, room: u64, fits: impl Fn(&RoomEvent) -> bool) {
        for _ in 0..LOOKS {
            if self.find(room, &fits) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: {:?}", self.store.events(&world::address(room)));
    }
}

fn by_timer(event: &RoomEvent, kind: &str) -> bool {
    matches!(event.cause, Cause::Timer(of) if of == kind)
}

/// Half a minute of looking, for a machine that is busy.
const LOOKS: usize = 6_000;

const BARRIER: u64 = 0;
const APPROVAL: u64 = 1;
const IDLE: u64 = 2;
const SILENCE: u64 = 3;

pub fn play() {
    actix::System::new().block_on(async {
        let arbiter = actix::Arbiter::new();
        let scene = Scene::new(&arbiter).await;
        let timers = actix::spawn(clock::bring_timers(scene.router.clone()));
        scene.tells(BARRIER, Command::Typing { agent: None }).await;
        let sends = ("send_attachment", r#"{"attachment":"map"}"#);
        scene.posts(BARRIER, &[("resolve_conversation", r#"{"reason_code":"answered"}"#), sends]).await;
        scene.posts(APPROVAL, &[("create_tag", r#"{"tags":["vip"]}"#)]).await;
        scene.taken(IDLE, "agt_0").await;
        scene.customer_writes(IDLE, "m1").await;
        scene.taken(SILENCE, "agt_1").await;
        let early = |kind: &'static str| (0..4).any(|room| scene.find(room, |event| by_timer(event, kind)));
        scene.passes(9);
        tokio::time::sleep(Duration::from_millis(600)).await;
        for kind in ["barrier", "approval", "idle", "silence"] {
            assert!(!early(kind), "{kind} is not due");
        }

        scene.passes(1);
        let lifted = |event: &RoomEvent| by_timer(event, "barrier") && matches!(event.fact, Fact::BarrierLifted { .. });
        scene.happens("a resolve waits ten seconds", BARRIER, lifted).await;
        let named = |event: &RoomEvent| {
            matches!(&event.fact, Fact::ConversationResolved { pending_effects, .. } if pending_effects.len() == 1)
        };
        scene.happens("and then ends all the same", BARRIER, named).await;
        let moved = |event: &RoomEvent| by_timer(event, "idle") && matches!(&event.fact, Fact::RoomQueued { but: Some(_), .. });
        scene.happens("who does not answer loses it", IDLE, moved).await;
        // And so do those after them, until nobody is left to be asked.
        let given_up = |event: &RoomEvent| {
            matches!(&event.fact, Fact::RoomQueued { reason: Some(why), leaves: true, .. } if why == NOBODY_ANSWERED)
        };
        for people in 1..=3 {
            let has_been_given = || {
                let events = scene.store.events(&world::address(IDLE));
                events.iter().filter(|event| matches!(event.fact, Fact::AgentAssigned { .. })).count() >= people
            };
            for _ in 0..LOOKS {
                if has_been_given() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(has_been_given(), "somebody else has it");
            scene.passes(10);
        }
        scene.happens("three times, and then it waits", IDLE, given_up).await;

        scene.passes(300);
        let back = |event: &RoomEvent| by_timer(event, "silence") && matches!(event.fact, Fact::RoomReturned { .. });
        scene.happens("who is silent gives it back", SILENCE, back).await;
        scene.passes(3_600);
        let expired = |event: &RoomEvent| matches!(event.fact, Fact::CallAnswered { status: CallStatus::Expired, .. });
        scene.happens("a yes that nobody gives is waited for no longer", APPROVAL, expired).await;
        timers.abort();
        scene.router.clear();
        arbiter.stop();
    });
}

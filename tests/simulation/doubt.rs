//! One history that chance rarely writes: the commit's answer gets lost and the store cannot be asked afterwards. Whether the
//! call was accepted, or the command carried out, is not known, so nobody may be told that it was not.

use std::sync::Arc;
use std::time::Duration;

use bellhop::actors::{Batch, CallOutcome, CommandOutcome, RoomRouter};
use bellhop::catalog::{Admitted, Has};
use bellhop::room::{
    AgentId, CallId, Cause, Command, Company, Fact, Fence, People, Room, Settings, TakenBy, WhilePerson, Writer,
};
use bellhop::store::memory::{Fault, MemoryStore, Pace};

use super::actors::{caller, create_rooms, start};
use super::dice::Dice;
use super::world;

#[test]
fn what_may_have_been_accepted_is_never_called_refused() {
    actix::System::new().block_on(async {
        for (fault, written) in FAULTS {
            let doubted = Doubted::begin().await;
            let call = world::call(&mut Dice::new(1), &world::address(0), 40, &Room::default());
            let told = doubted.by(fault, asks(doubted.router.clone(), call.clone())).await;
            match fault {
                Fault::NotWritten => assert!(matches!(told, CallOutcome::Unavailable), "this one is known: {told:?}"),
                _ => assert!(matches!(told, CallOutcome::OutcomeUnknown), "{told:?}"),
            }
            let again = doubted.afterwards(asks(doubted.router.clone(), call)).await;
            let CallOutcome::Answered(again) = again else { panic!("usable again: {again:?}") };
            assert_eq!(again.get().calls[0].replayed, written);
            assert_eq!(doubted.store.calls().len(), 1);
            doubted.ends();
        }
    });
}

#[test]
fn what_may_have_been_done_is_never_called_undone() {
    let message = Command::Message { message_id: "m1".into(), from: Writer::Customer, agent_id: None, text: "hello".into() };
    let pause = Command::Pause { reason: None };
    actix::System::new().block_on(async {
        for (fault, written) in FAULTS {
            for command in [&message, &pause] {
                let doubted = Doubted::begin().await;
                let told = doubted.by(fault, tells(doubted.router.clone(), command.clone())).await;
                match fault {
                    Fault::NotWritten => assert!(matches!(told, CommandOutcome::Unavailable), "this one is known: {told:?}"),
                    _ => assert!(matches!(told, CommandOutcome::OutcomeUnknown), "{fault:?}: {told:?}"),
                }
                let again = doubted.afterwards(tells(doubted.router.clone(), command.clone())).await;
                let CommandOutcome::Done { answer, .. } = again else { panic!("usable again: {again:?}") };
                assert_eq!(answer.changed, !written, "done at last, and by whom");
                let events = doubted.store.events(&world::address(0));
                let done = |fact: &Fact| matches!(fact, Fact::MessageReceived { .. } | Fact::RoomPaused { .. });
                assert_eq!(events.iter().filter(|event| done(&event.fact)).count(), 1, "asking again does not do it twice");
                doubted.ends();
            }
        }
    });
}

/// The commit is on its way when the actor dies, and the next one finds a store that takes nothing.
#[test]
fn what_a_dead_actor_may_have_done_is_never_called_undone() {
    let message = Command::Message { message_id: "m1".into(), from: Writer::Customer, agent_id: None, text: "hello".into() };
    actix::System::new().block_on(async {
        let doubted = Doubted::begin().await;
        let asked = actix::spawn(tells(doubted.router.clone(), message.clone()));
        doubted.has_something_to_write().await;
        doubted.store.set_full(true);
        assert!(doubted.router.kill(&world::address(0)));
        let told = asked.await.unwrap();
        assert!(matches!(told, CommandOutcome::OutcomeUnknown), "{told:?}");
        assert_eq!(doubted.store.pump(), 1, "it was done after all");

        let again = doubted.afterwards(tells(doubted.router.clone(), message)).await;
        let CommandOutcome::Done { answer, .. } = again else { panic!("usable again: {again:?}") };
        assert!(!answer.changed);
        doubted.ends();
    });
}

/// What a person decided about a waiting call is done once, and they are told so, also when the answer of the commit got lost
/// or the actor died before it could tell: then the decision itself is what stands in its way.
#[test]
fn a_decision_that_landed_unheard_is_not_called_refused() {
    type Decide = fn(CallId) -> Command;
    let decisions: [Decide; 3] = [
        |call_id| Command::CancelCall { call_id },
        |call_id| Command::Approve { call_id, key_id: "key_2".into(), arguments: None },
        |call_id| Command::Reject { call_id, reason: "No.".into() },
    ];
    let faults = [Some(Fault::MaybeWritten { written: true }), Some(Fault::MaybeWritten { written: false }), None];
    actix::System::new().block_on(async {
        for decide in decisions {
            for fault in faults {
                let doubted = Doubted::begin().await;
                let call_id = doubted.has_a_call_that_waits_for_a_yes().await;
                let first = decides(doubted.router.clone(), decide(call_id.clone()), "first");
                let told = match fault {
                    Some(fault) => {
                        doubted.store.plan(fault);
                        doubted.afterwards(first).await
                    }
                    None => {
                        let asked = actix::spawn(first);
                        doubted.has_something_to_write().await;
                        assert!(doubted.router.kill(&world::address(0)));
                        doubted.afterwards(asked).await.unwrap()
                    }
                };
                assert!(matches!(&told, CommandOutcome::Done { answer, .. } if answer.changed), "{fault:?}: {told:?}");
                // Another person's comes too late, and a fault makes nothing else of it.
                doubted.store.plan(Fault::MaybeWritten { written: true });
                let late = decides(doubted.router.clone(), decide(call_id), "second");
                let told = doubted.afterwards(late).await;
                assert!(matches!(told, CommandOutcome::Refused(_)), "{told:?}");
                doubted.ends();
            }
        }
    });
}

/// What happens to the commit, and whether it was written.
const FAULTS: [(Fault, bool); 3] =
    [(Fault::MaybeWritten { written: true }, true), (Fault::MaybeWritten { written: false }, false), (Fault::NotWritten, false)];

/// A room, and a store that moves only when it is told to.
struct Doubted {
    store: Arc<MemoryStore>,
    router: RoomRouter,
    arbiters: Vec<actix::Arbiter>,
}

impl Doubted {
    async fn begin() -> Self {
        let store = MemoryStore::new(Pace::Pumped);
        store.put_company(world::company());
        let (router, arbiters) = start(&store, 0, true);
        let doubted = Self { store, router, arbiters };
        doubted.afterwards(create_rooms(&doubted.router)).await;
        doubted
    }

    /// A person has the conversation, and the company wants to be asked then.
    async fn has_a_call_that_waits_for_a_yes(&self) -> CallId {
        let while_person_controls = Fence { annotate: WhilePerson::Approve, ..Fence::default() };
        let people = People { while_person_controls, ..People::default() };
        self.store.put_company(Company { settings: Settings { people, ..Settings::default() }, ..world::company() });
        self.router.company_changed(world::COMPANY).await.expect("a company");
        let (agent, agent_name) = (AgentId::trusted("agt_0"), "Agent 0".to_owned());
        let take = Command::TakeOver { agent, agent_name, how: TakenBy::Takeover };
        let taken = self.afterwards(tells(self.router.clone(), take)).await;
        assert!(matches!(taken, CommandOutcome::Done { .. }), "{taken:?}");
        let call = world::named_call(&world::address(0), 1, "create_tag", r#"{"tags":["vip"]}"#, Has::default());
        let (batch, id) = (Batch { calls: vec![call.clone()], caller: caller() }, call.call.call_id);
        // Patience that ended before the room had begun accepted nothing.
        let told = loop {
            let again = Batch { calls: batch.calls.clone(), caller: caller() };
            match self.afterwards(self.router.call(world::address(0), again, Duration::from_millis(200))).await {
                CallOutcome::Withdrawn => {}
                CallOutcome::Accepted(told) => break told,
                told => panic!("{told:?}"),
            }
        };
        assert!(told.get().calls[0].body.contains("approval"), "{told:?}");
        id
    }

    /// What an ask hears whose commit has this fault, when the store takes nothing more after it.
    async fn by<T: 'static>(&self, fault: Fault, ask: impl Future<Output = T> + 'static) -> T {
        self.store.plan(fault);
        let asked = actix::spawn(ask);
        self.has_something_to_write().await;
        self.store.set_full(true);
        assert_eq!(self.store.pump(), 1);
        asked.await.unwrap()
    }

    async fn has_something_to_write(&self) {
        while self.store.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The same with a store that works.
    async fn afterwards<T>(&self, ask: impl Future<Output = T>) -> T {
        self.store.set_full(false);
        let store = self.store.clone();
        let pumped = actix::spawn(async move {
            loop {
                store.pump();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let answer = ask.await;
        pumped.abort();
        answer
    }

    fn ends(self) {
        self.router.clear();
        for arbiter in self.arbiters {
            arbiter.stop();
        }
    }
}

async fn asks(router: RoomRouter, call: Admitted) -> CallOutcome {
    let batch = Batch { calls: vec![call], caller: caller() };
    router.call(world::address(0), batch, Duration::from_secs(10)).await
}

async fn tells(router: RoomRouter, command: Command) -> CommandOutcome {
    decides(router, command, "req").await
}

/// In the request of that id.
async fn decides(router: RoomRouter, command: Command, request: &str) -> CommandOutcome {
    router.command(world::address(0), command, caller(), Cause::Request(request.into())).await
}
